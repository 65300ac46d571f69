/* Strict number parsing; see parse.h. The program never calls setlocale, so strtod reads a point.
 */
#include "parse.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* strtol and strtod skip leading blanks, and strtod takes 0x, inf and nan: none of that is a number
 * here. */
static int is_plain_number(const char *text, const char *allowed)
{
    return *text != '\0' && !isspace((unsigned char)*text) && text[strspn(text, allowed)] == '\0';
}

int parse_long(const char *text, long low, long high, long *value)
{
    if (!is_plain_number(text, "+-0123456789"))
        return -1;
    char *end;
    errno = 0;
    long parsed = strtol(text, &end, 10);
    if (errno || *end || end == text || parsed < low || parsed > high)
        return -1;
    *value = parsed;
    return 0;
}

int parse_double(const char *text, double low, double high, double *value)
{
    if (!is_plain_number(text, "+-.0123456789eE"))
        return -1;
    char *end;
    double parsed = strtod(text, &end);
    if (*end || end == text || !isfinite(parsed) || parsed < low || parsed > high)
        return -1;
    *value = parsed;
    return 0;
}
