/* Options, declared once: a command's tables give its parsing, its help, its man page and its
 * completion.
 *
 * A command keeps its options in one struct that begins with `struct common_options`; tables name
 * the fields by offset, so they are constant, and the struct's initial value is the defaults. A
 * table is a list of OPTION_... below, such as
 *
 *     OPTION_INTEGER("crop-size", 0, struct crop_options, size, 8, 1024, "N", "width of crops")
 *
 * with OPTION_END behind them. */
#ifndef FERCLI_CLI_OPT_H
#define FERCLI_CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "err.h"

enum option_kind {
    OPTION_KIND_END,
    OPTION_KIND_FLAG,    /* bool, becomes true */
    OPTION_KIND_TEXT,    /* const char *, points into argv */
    OPTION_KIND_LIST,    /* struct option_list: a text for each time it is given */
    OPTION_KIND_INTEGER, /* int */
    OPTION_KIND_SEED,    /* uint64_t */
    OPTION_KIND_REAL,    /* double */
    OPTION_KIND_CHOICE   /* int, index into choices */
};

#define OPTION_LIST_MAX 16
struct option_list {
    int count;
    const char *item[OPTION_LIST_MAX]; /* point into argv */
};

struct option_spec {
    enum option_kind kind;
    const char *name;           /* without the dashes */
    char letter;                /* short form, 0 for none */
    size_t offset;              /* of the field in the command's options struct */
    double low, high;           /* bounds of numbers */
    const char *argument;       /* what help calls it, such as "FILE" */
    const char *help;           /* one sentence, no full stop */
    const char *const *choices; /* NULL-terminated */
};

#define OPTION_FLAG(name, letter, type, field, help)                                               \
    {                                                                                              \
        OPTION_KIND_FLAG, name, letter, offsetof(type, field), 0, 0, NULL, help, NULL              \
    }
#define OPTION_TEXT(name, letter, type, field, argument, help)                                     \
    {                                                                                              \
        OPTION_KIND_TEXT, name, letter, offsetof(type, field), 0, 0, argument, help, NULL          \
    }
#define OPTION_LIST(name, letter, type, field, argument, help)                                     \
    {                                                                                              \
        OPTION_KIND_LIST, name, letter, offsetof(type, field), 0, 0, argument, help, NULL          \
    }
#define OPTION_INTEGER(name, letter, type, field, low, high, argument, help)                       \
    {                                                                                              \
        OPTION_KIND_INTEGER, name, letter, offsetof(type, field), low, high, argument, help, NULL  \
    }
#define OPTION_SEED(name, letter, type, field, help)                                               \
    {                                                                                              \
        OPTION_KIND_SEED, name, letter, offsetof(type, field), 0, 0, "N", help, NULL               \
    }
#define OPTION_REAL(name, letter, type, field, low, high, argument, help)                          \
    {                                                                                              \
        OPTION_KIND_REAL, name, letter, offsetof(type, field), low, high, argument, help, NULL     \
    }
#define OPTION_CHOICE(name, letter, type, field, argument, choices, help)                          \
    {                                                                                              \
        OPTION_KIND_CHOICE, name, letter, offsetof(type, field), 0, 0, argument, help, choices     \
    }
#define OPTION_END                                                                                 \
    {                                                                                              \
        OPTION_KIND_END, NULL, 0, 0, 0, 0, NULL, NULL, NULL                                        \
    }

#define OPTION_GROUPS 8

struct command {
    const char *name;
    const char *summary;     /* one line for `fercli help` */
    const char *operands;    /* such as "INPUT...", or "" */
    const char *description; /* a paragraph or more for help and the man page */
    struct {
        const char *title;               /* such as "Common options"; NULL: still the last one's */
        const struct option_spec *table; /* up to OPTION_END */
    } groups[OPTION_GROUPS];             /* up to a NULL table */
    size_t options_size;                 /* of the options struct, at most OPTION_STRUCT_MAX */
    const void *defaults;                /* its initial value */
    int (*run)(const void *options, int operand_count,
               char **operands); /* returns the exit status */
};

#define OPTION_STRUCT_MAX 1024

/* What every command has. */
enum output_format { FORMAT_DEFAULT, FORMAT_CSV, FORMAT_JSONL, FORMAT_TABLE };
struct common_options {
    int threads; /* 0: the cores */
    uint64_t seed;
    const char *output; /* NULL: standard output */
    int format;         /* enum output_format */
    bool quiet, verbose, no_progress;
};
#define COMMON_DEFAULTS                                                                            \
    {                                                                                              \
        .threads = 0, .seed = 1                                                                    \
    }
extern const struct option_spec
    COMMON_OPTIONS[]; /* for a command whose struct begins with common_options */

/* Fills `options` (the defaults already in it) from argv[0..argc-1], which begins behind the
 * command's name; operands move to the front of argv. `--` ends the options; `--name=value`,
 * `--name value`, `-n value`, `-nvalue` and unambiguous beginnings of long names are read. Returns
 * the number of operands, or -1 with a message that names the option. `*help` is set when --help
 * was among them. */
int options_parse(const struct command *c, void *options, int argc, char **argv, bool *help,
                  struct err *e);

/* The first option of a table whose value is not that of the defaults: for a command that would not
 * read it. Its name, NULL when there is none. */
const char *options_changed(const struct option_spec *table, const void *options,
                            const void *defaults);

/* The whole program, for the overview, the man page and the completion. Free text is paragraphs
 * parted by an empty line; a line that begins with a blank is kept as it is. */
struct manual {
    const char *name, *version;
    const char *summary; /* one line */
    const char *description;
    const struct command *const *commands; /* up to NULL */
    const struct manual_section {
        const char *title, *text;
    } * sections; /* up to a NULL title */
};

/* `fercli COMMAND --help`, `fercli help`, fercli(1) in man(7) format, and bash completion. */
void options_print_help(const struct command *c, FILE *out);
void options_print_overview(const struct manual *m, FILE *out);
void options_print_man(const struct manual *m, FILE *out);
void options_print_completion(const struct manual *m, FILE *out);

#endif
