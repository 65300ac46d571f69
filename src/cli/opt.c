/* Parsing of options from a command's tables; see opt.h. */
#include "cli/opt.h"

#include <limits.h>
#include <string.h>

#include "base/parse.h"
#include "cli/nearest.h"

static const char *const FORMATS[] = {"auto", "csv", "jsonl", "table", NULL};

const struct option_spec COMMON_OPTIONS[] = {
    OPTION_TEXT("output", 'o', struct common_options, output, "FILE",
                "write the results to FILE, which appears only when complete (default: standard "
                "output)"),
    OPTION_CHOICE("format", 0, struct common_options, format, "FORMAT", FORMATS,
                  "csv, jsonl (one JSON object a line) or table; auto, the default, is a table on "
                  "a terminal and csv elsewhere, but for reports, which are text"),
    OPTION_INTEGER("threads", 0, struct common_options, threads, 0, 1024, "N",
                   "compute with N threads (default: 0, one for each core)"),
    OPTION_SEED("seed", 0, struct common_options, seed, "seed of all random numbers (default: 1)"),
    OPTION_FLAG("quiet", 'q', struct common_options, quiet,
                "print errors only, no notes and no bar"),
    OPTION_FLAG("verbose", 'v', struct common_options, verbose, "print more about what is done"),
    OPTION_FLAG("no-progress", 0, struct common_options, no_progress, "draw no progress bar"),
    OPTION_END};

/* Known to every command; its field is the caller's `help`. */
static const struct option_spec HELP = {.kind = OPTION_KIND_FLAG, .name = "help", .letter = 'h'};

struct parser {
    const struct command *command;
    char *options; /* the command's struct */
    int argc, next;
    char **argv;
    bool *help;
    struct err *e;
};

/* ---- finding an option ---- */

/* Steps through all options of a command, HELP last; NULL behind it. Begin with group = row = 0. */
static const struct option_spec *next_option(const struct command *c, int *group, int *row)
{
    while (*group < OPTION_GROUPS && c->groups[*group].table) {
        const struct option_spec *o = &c->groups[*group].table[(*row)++];
        if (o->kind != OPTION_KIND_END)
            return o;
        (*group)++;
        *row = 0;
    }
    if (*group == INT_MAX)
        return NULL;
    *group = INT_MAX;
    return &HELP;
}

static const struct option_spec *find_letter(const struct command *c, char letter)
{
    const struct option_spec *o;
    for (int group = 0, row = 0; (o = next_option(c, &group, &row));)
        if (o->letter == letter)
            return o;
    return NULL;
}

static void *unknown_option(const struct command *c, const char *name, size_t length, struct err *e)
{
    struct nearest near;
    nearest_init(&near, name, length);
    const struct option_spec *o;
    for (int group = 0, row = 0; (o = next_option(c, &group, &row));)
        nearest_offer(&near, o->name);
    if (near.name)
        return err_null(e, "unknown option '--%.*s'; did you mean '--%s'?", (int)length, name,
                        near.name);
    return err_null(e, "unknown option '--%.*s'", (int)length, name);
}

static void *ambiguous_option(const struct command *c, const char *name, size_t length,
                              struct err *e)
{
    char list[512] = "";
    size_t used = 0;
    const struct option_spec *o;
    for (int group = 0, row = 0; (o = next_option(c, &group, &row));) {
        if (strncmp(o->name, name, length) != 0 || used + strlen(o->name) + 5 > sizeof(list))
            continue;
        used +=
            (size_t)snprintf(list + used, sizeof(list) - used, "%s--%s", used ? ", " : "", o->name);
    }
    return err_null(e, "option '--%.*s' could be any of %s", (int)length, name, list);
}

/* The option of that name or of the only name that begins so. */
static const struct option_spec *find_long(const struct command *c, const char *name, size_t length,
                                           struct err *e)
{
    const struct option_spec *found = NULL, *o;
    int matches = 0;
    for (int group = 0, row = 0; (o = next_option(c, &group, &row));) {
        if (length == 0 || strncmp(o->name, name, length) != 0)
            continue;
        if (o->name[length] == '\0')
            return o;
        found = o;
        matches++;
    }
    if (matches == 0)
        return unknown_option(c, name, length, e);
    return matches == 1 ? found : ambiguous_option(c, name, length, e);
}

/* ---- setting its field ---- */

static int set_integer(const struct option_spec *o, void *field, const char *value, struct err *e)
{
    long number;
    if (parse_long(value, (long)o->low, (long)o->high, &number))
        return err_set(e, "option '--%s': '%s' is not a whole number from %.0f to %.0f", o->name,
                       value, o->low, o->high);
    *(int *)field = (int)number;
    return 0;
}

static int set_seed(const struct option_spec *o, void *field, const char *value, struct err *e)
{
    uint64_t seed = 0;
    const char *c = value;
    for (; *c >= '0' && *c <= '9'; c++) {
        uint64_t digit = (uint64_t)(*c - '0');
        if (seed > (UINT64_MAX - digit) / 10)
            break;
        seed = seed * 10 + digit;
    }
    if (c == value || *c)
        return err_set(e, "option '--%s': '%s' is not a whole number from 0 to %llu", o->name,
                       value, (unsigned long long)UINT64_MAX);
    *(uint64_t *)field = seed;
    return 0;
}

static int set_real(const struct option_spec *o, void *field, const char *value, struct err *e)
{
    double number;
    if (parse_double(value, o->low, o->high, &number))
        return err_set(e, "option '--%s': '%s' is not a number from %g to %g", o->name, value,
                       o->low, o->high);
    *(double *)field = number;
    return 0;
}

static int set_choice(const struct option_spec *o, void *field, const char *value, struct err *e)
{
    char list[256] = "";
    size_t used = 0;
    for (int i = 0; o->choices[i]; i++) {
        if (strcmp(o->choices[i], value) == 0) {
            *(int *)field = i;
            return 0;
        }
        if (used + strlen(o->choices[i]) + 3 <= sizeof(list))
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "",
                                     o->choices[i]);
    }
    return err_set(e, "option '--%s': '%s' is none of %s", o->name, value, list);
}

static int add_to_list(const struct option_spec *o, struct option_list *list, const char *value,
                       struct err *e)
{
    if (list->count == OPTION_LIST_MAX)
        return err_set(e, "option '--%s' is given more than %d times", o->name, OPTION_LIST_MAX);
    list->item[list->count++] = value;
    return 0;
}

static bool takes_value(const struct option_spec *o)
{
    return o->kind != OPTION_KIND_FLAG;
}

static int set_field(const struct parser *p, const struct option_spec *o, const char *value)
{
    void *field = p->options + o->offset;
    if (takes_value(o) && *value == '\0')
        return err_set(p->e, "option '--%s': its value %s is empty", o->name, o->argument);
    switch (o->kind) {
    case OPTION_KIND_FLAG:
        *(o == &HELP ? p->help : (bool *)field) = true;
        return 0;
    case OPTION_KIND_TEXT:
        *(const char **)field = value;
        return 0;
    case OPTION_KIND_LIST:
        return add_to_list(o, field, value, p->e);
    case OPTION_KIND_INTEGER:
        return set_integer(o, field, value, p->e);
    case OPTION_KIND_SEED:
        return set_seed(o, field, value, p->e);
    case OPTION_KIND_REAL:
        return set_real(o, field, value, p->e);
    case OPTION_KIND_CHOICE:
        return set_choice(o, field, value, p->e);
    case OPTION_KIND_END:
        break;
    }
    return err_set(p->e, "option '--%s' has no kind", o->name);
}

/* ---- the words of the command line ---- */

/* The word behind the option. Another long option there means that the value was forgotten. */
static const char *following_value(struct parser *p, const struct option_spec *o)
{
    if (p->next >= p->argc)
        return err_null(p->e, "option '--%s' needs a value: --%s %s", o->name, o->name,
                        o->argument);
    const char *value = p->argv[p->next];
    if (strncmp(value, "--", 2) == 0)
        return err_null(p->e,
                        "option '--%s' needs a value before '%s' (a value that begins with -- is "
                        "given as --%s=VALUE)",
                        o->name, value, o->name);
    p->next++;
    return value;
}

static int parse_long_option(struct parser *p, const char *word)
{
    const char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    const struct option_spec *o = find_long(p->command, word, length, p->e);
    if (!o)
        return -1;
    if (!takes_value(o)) {
        if (equals)
            return err_set(p->e, "option '--%s' takes no value", o->name);
        return set_field(p, o, NULL);
    }
    const char *value = equals ? equals + 1 : following_value(p, o);
    return value ? set_field(p, o, value) : -1;
}

/* `-qv`, `-n value`, `-nvalue`. */
static int parse_letters(struct parser *p, const char *letters)
{
    for (; *letters; letters++) {
        const struct option_spec *o = find_letter(p->command, *letters);
        if (!o)
            return err_set(p->e, "unknown option '-%c'", *letters);
        if (takes_value(o)) {
            const char *value = letters[1] ? letters + 1 : following_value(p, o);
            return value ? set_field(p, o, value) : -1;
        }
        if (set_field(p, o, NULL))
            return -1;
    }
    return 0;
}

int options_parse(const struct command *c, void *options, int argc, char **argv, bool *help,
                  struct err *e)
{
    struct parser p = {c, options, argc, 0, argv, help, e};
    int operands = 0;
    bool only_operands = false;
    while (p.next < argc) {
        char *word = argv[p.next++];
        int failed = 0;
        if (only_operands || word[0] != '-' || word[1] == '\0')
            argv[operands++] = word;
        else if (strcmp(word, "--") == 0)
            only_operands = true;
        else if (word[1] == '-')
            failed = parse_long_option(&p, word + 2);
        else
            failed = parse_letters(&p, word + 1);
        if (failed)
            return -1;
        if (*help)
            break;
    }
    return operands;
}

const char *options_changed(const struct option_spec *table, const void *options,
                            const void *defaults)
{
    static const size_t size[] = {[OPTION_KIND_FLAG] = sizeof(bool),
                                  [OPTION_KIND_TEXT] = sizeof(char *),
                                  [OPTION_KIND_LIST] = sizeof(struct option_list),
                                  [OPTION_KIND_INTEGER] = sizeof(int),
                                  [OPTION_KIND_SEED] = sizeof(uint64_t),
                                  [OPTION_KIND_REAL] = sizeof(double),
                                  [OPTION_KIND_CHOICE] = sizeof(int)};
    for (const struct option_spec *o = table; o->kind != OPTION_KIND_END; o++)
        if (memcmp((const char *)options + o->offset, (const char *)defaults + o->offset,
                   size[o->kind]) != 0)
            return o->name;
    return NULL;
}
