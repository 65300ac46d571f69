/* Names of the classes: darknet's .names file, one name a line in the order of the network's
 * outputs.
 *
 * Names are compared ignoring the case of ASCII letters, here and in folders, so that two names
 * that differ in nothing else are doubles. UTF-8 passes as it is. */
#include "fer/names.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"

#define MAX_FILE_BYTES ((size_t)1 << 20)

const char *const FER_NAMES[FER_CLASSES] = {"angry", "disgust",  "fear",   "happy",
                                            "sad",   "surprise", "neutral"};

void names_release(struct names *names)
{
    for (int i = 0; i < names->count; i++)
        free(names->name[i]);
    free(names->name);
    memset(names, 0, sizeof(*names));
}

int names_find(const struct names *names, const char *name)
{
    for (int i = 0; i < names->count; i++)
        if (strcasecmp(names->name[i], name) == 0)
            return i;
    return -1;
}

static int append(struct names *names, const char *text, size_t length, struct err *e)
{
    char **grown = realloc(names->name, ((size_t)names->count + 1) * sizeof(*grown));
    if (!grown)
        return err_memory(e);
    names->name = grown;
    names->name[names->count] = strndup(text, length);
    if (!names->name[names->count])
        return err_memory(e);
    names->count++;
    return 0;
}

int names_init_fer(struct names *names, struct err *e)
{
    memset(names, 0, sizeof(*names));
    for (int i = 0; i < FER_CLASSES; i++) {
        if (append(names, FER_NAMES[i], strlen(FER_NAMES[i]), e)) {
            names_release(names);
            return -1;
        }
    }
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* What is left of the bytes [*from, *to) without the blanks at both ends. */
static void trim(const char **from, const char **to)
{
    while (*from < *to && is_blank(**from))
        ++*from;
    while (*to > *from && is_blank((*to)[-1]))
        --*to;
}

/* A name ends up in messages, in CSV headers and in the names of folders: one clean line of text.
 */
static int check_characters(const char *from, const char *to, const char *path, int line,
                            struct err *e)
{
    if (to - from >= 3 && memcmp(from, "\xef\xbb\xbf", 3) == 0)
        return err_set(e, "%s:%d: the name begins with a byte order mark", path, line);
    for (const char *c = from; c < to; c++)
        if (iscntrl((unsigned char)*c))
            return err_set(e, "%s:%d: control character 0x%02x in a name", path, line,
                           (unsigned char)*c);
    return 0;
}

static int parse_line(struct names *names, const char *from, const char *to, const char *path,
                      int line, struct err *e)
{
    if (check_characters(from, to, path, line, e))
        return -1;
    if (names->count == NAMES_MAX)
        return err_set(e, "%s:%d: more than %d names", path, line, NAMES_MAX);
    if (append(names, from, (size_t)(to - from), e))
        return -1;
    const char *added = names->name[names->count - 1];
    const int first = names_find(names, added);
    if (first != names->count - 1)
        return err_set(e, "%s:%d: '%s' is there already, as name %d", path, line, added, first + 1);
    return 0;
}

static int parse_lines(struct names *names, const char *text, size_t size, const char *path,
                       struct err *e)
{
    const char *const end = text + size;
    int line = 1, empty = 0;
    for (const char *from = text, *next; from < end; from = next, line++) {
        const char *to = memchr(from, '\n', (size_t)(end - from));
        next = to ? to + 1 : end;
        if (!to)
            to = end;
        trim(&from, &to);
        if (from == to) {
            empty = empty ? empty : line;
            continue;
        }
        /* Empty lines at the end are no names; one before a name would shift all that follow. */
        if (empty)
            return err_set(e, "%s:%d: empty line before a name", path, empty);
        if (parse_line(names, from, to, path, line, e))
            return -1;
    }
    if (names->count == 0)
        return err_set(e, "no names in '%s'", path);
    return 0;
}

int names_parse(struct names *names, const char *text, size_t size, const char *path, struct err *e)
{
    memset(names, 0, sizeof(*names));
    if (parse_lines(names, text, size, path, e)) {
        names_release(names);
        return -1;
    }
    return 0;
}

int names_read(struct names *names, const char *path, struct err *e)
{
    memset(names, 0, sizeof(*names));
    char *text;
    size_t size;
    if (file_read(path, MAX_FILE_BYTES, &text, &size, e))
        return -1;
    int result = names_parse(names, text, size, path, e);
    free(text);
    return result;
}

int names_write(const struct names *names, const char *path, struct err *e)
{
    struct atomic_file file;
    if (atomic_open(&file, path, e))
        return -1;
    for (int i = 0; i < names->count; i++)
        fprintf(file.stream, "%s\n", names->name[i]);
    return atomic_commit(&file, e);
}

bool names_equal(const struct names *a, const struct names *b)
{
    if (a->count != b->count)
        return false;
    for (int i = 0; i < a->count; i++)
        if (strcmp(a->name[i], b->name[i]) != 0)
            return false;
    return true;
}

char *names_join(const struct names *names)
{
    size_t size = 1;
    for (int i = 0; i < names->count; i++)
        size += strlen(names->name[i]) + 2;
    char *text = malloc(size);
    if (!text)
        return NULL;
    char *end = text;
    *end = '\0';
    for (int i = 0; i < names->count; i++)
        end = stpcpy(stpcpy(end, i ? ", " : ""), names->name[i]);
    return text;
}
