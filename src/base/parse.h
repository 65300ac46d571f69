/* Strict number parsing: the whole text or nothing. */
#ifndef FERCLI_BASE_PARSE_H
#define FERCLI_BASE_PARSE_H

/* Parses all of `text` as a decimal integer in [low, high]. Returns 0, or -1 (and leaves `*value`).
 */
int parse_long(const char *text, long low, long high, long *value);

/* Parses all of `text` as a finite decimal number in [low, high], whatever the locale. Returns 0 or
 * -1. */
int parse_double(const char *text, double low, double high, double *value);

#endif
