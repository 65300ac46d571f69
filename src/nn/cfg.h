/* The text of a darknet cfg: sections of `key=value` lines, with the line numbers that messages
 * need.
 *
 * Format (darknet's parser.c): `[name]` opens a section; blanks are dropped everywhere, inside a
 * line too; a line that begins with # or ; is a comment. Stricter than darknet: a line that is
 * neither, a key given twice and a key before the first section are errors. */
#ifndef FERCLI_NN_CFG_H
#define FERCLI_NN_CFG_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct cfg_option {
    const char *key, *value; /* point into cfg.words */
    int line;
    bool used; /* somebody asked for it: what is left is an unknown key */
};

struct cfg_section {
    const char *name; /* without the brackets; points into cfg.words */
    int line;
    struct cfg_option *option;
    int options;
};

struct cfg {
    char *path; /* for messages; owned */
    char *text; /* as read, NUL-terminated; owned */
    size_t length;
    char *words; /* the text without blanks, cut at the signs; owned */
    struct cfg_section *section;
    int sections;
};

/* Returns 0; or -1 with FILE:LINE and `c` released. */
int cfg_parse(struct cfg *c, const char *path, const char *text, size_t length, struct err *e);
void cfg_release(struct cfg *c);

/* Values of a key in section `s`; the fallback when it is absent. -1 with FILE:LINE for a malformed
 * value or one outside [low, high]. */
int cfg_int(const struct cfg *c, struct cfg_section *s, const char *key, int fallback, int low,
            int high, int *value, struct err *e);
int cfg_real(const struct cfg *c, struct cfg_section *s, const char *key, double fallback,
             double low, double high, double *value, struct err *e);
const char *cfg_word(struct cfg_section *s, const char *key, const char *fallback);

/* A comma-separated list of numbers: `*count` of them in `*values` (owned by the caller; NULL and 0
 * when the key is absent). */
int cfg_list(const struct cfg *c, struct cfg_section *s, const char *key, double **values,
             int *count, struct err *e);

/* The line of a key, or of the section when it is absent. */
int cfg_line(const struct cfg_section *s, const char *key);

#endif
