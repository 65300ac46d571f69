/* The text of a darknet cfg; see cfg.h. */
#include "nn/cfg.h"

#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

#define MAX_SECTIONS 4096
#define MAX_KEYS 256 /* of a section; darknet's own have fewer than 40 */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static int add_section(struct cfg *c, const char *name, int line, struct err *e)
{
    if (c->sections == MAX_SECTIONS)
        return err_set(e, "%s:%d: more than %d sections", c->path, line, MAX_SECTIONS);
    struct cfg_section *grown = realloc(c->section, (size_t)(c->sections + 1) * sizeof(*grown));
    if (!grown)
        return err_memory(e);
    c->section = grown;
    c->section[c->sections++] = (struct cfg_section){.name = name, .line = line};
    return 0;
}

static int add_option(struct cfg *c, const char *key, const char *value, int line, struct err *e)
{
    if (c->sections == 0)
        return err_set(e, "%s:%d: '%s' stands before the first [section]", c->path, line, key);
    struct cfg_section *s = &c->section[c->sections - 1];
    if (s->options == MAX_KEYS)
        return err_set(e, "%s:%d: more than %d keys in [%s]", c->path, line, MAX_KEYS, s->name);
    for (int i = 0; i < s->options; i++)
        if (strcmp(s->option[i].key, key) == 0)
            return err_set(e, "%s:%d: '%s' is given twice in [%s], first in line %d", c->path, line,
                           key, s->name, s->option[i].line);
    struct cfg_option *grown = realloc(s->option, (size_t)(s->options + 1) * sizeof(*grown));
    if (!grown)
        return err_memory(e);
    s->option = grown;
    s->option[s->options++] = (struct cfg_option){.key = key, .value = value, .line = line};
    return 0;
}

static int parse_line(struct cfg *c, char *word, int line, struct err *e)
{
    size_t length = strlen(word);
    if (length == 0 || *word == '#' || *word == ';')
        return 0;
    if (*word == '[') {
        if (length < 3 || word[length - 1] != ']')
            return err_set(e, "%s:%d: the section's name does not end with ']'", c->path, line);
        word[length - 1] = '\0';
        return add_section(c, word + 1, line, e);
    }
    char *sign = strchr(word, '=');
    if (!sign || sign == word || !sign[1])
        return err_set(e, "%s:%d: expected 'key=value' or '[section]'", c->path, line);
    *sign = '\0';
    return add_option(c, word, sign + 1, line, e);
}

static int parse_text(struct cfg *c, struct err *e)
{
    char *out = c->words;
    int line = 1;
    for (const char *in = c->text; in < c->text + c->length; line++) {
        char *word = out;
        const char *end = memchr(in, '\n', (size_t)(c->text + c->length - in));
        if (!end)
            end = c->text + c->length;
        for (; in < end; in++)
            if (!is_blank(*in))
                *out++ = *in;
        *out++ = '\0';
        in = end + 1;
        if (parse_line(c, word, line, e))
            return -1;
    }
    if (c->sections == 0)
        return err_set(e, "'%s' holds no [section]: not a darknet cfg", c->path);
    return 0;
}

int cfg_parse(struct cfg *c, const char *path, const char *text, size_t length, struct err *e)
{
    memset(c, 0, sizeof(*c));
    const char *zero = memchr(text, '\0', length);
    if (zero)
        return err_set(e, "'%s' is not a text file: byte %zu is zero", path, (size_t)(zero - text));
    c->path = strdup(path);
    c->text = malloc(length + 1);
    c->words = malloc(length + 2);
    c->length = length;
    if (!c->path || !c->text || !c->words) {
        cfg_release(c);
        return err_memory(e);
    }
    memcpy(c->text, text, length);
    c->text[length] = '\0';
    if (parse_text(c, e)) {
        cfg_release(c);
        return -1;
    }
    return 0;
}

void cfg_release(struct cfg *c)
{
    for (int i = 0; i < c->sections; i++)
        free(c->section[i].option);
    free(c->section);
    free(c->path);
    free(c->text);
    free(c->words);
    memset(c, 0, sizeof(*c));
}

static struct cfg_option *find_option(struct cfg_section *s, const char *key)
{
    for (int i = 0; i < s->options; i++)
        if (strcmp(s->option[i].key, key) == 0) {
            s->option[i].used = true;
            return &s->option[i];
        }
    return NULL;
}

int cfg_int(const struct cfg *c, struct cfg_section *s, const char *key, int fallback, int low,
            int high, int *value, struct err *e)
{
    const struct cfg_option *o = find_option(s, key);
    long number = fallback;
    if (o && parse_long(o->value, low, high, &number))
        return err_set(e, "%s:%d: %s=%s in [%s] is not a whole number from %d to %d", c->path,
                       o->line, key, o->value, s->name, low, high);
    *value = (int)number;
    return 0;
}

int cfg_real(const struct cfg *c, struct cfg_section *s, const char *key, double fallback,
             double low, double high, double *value, struct err *e)
{
    const struct cfg_option *o = find_option(s, key);
    *value = fallback;
    if (o && parse_double(o->value, low, high, value))
        return err_set(e, "%s:%d: %s=%s in [%s] is not a number from %g to %g", c->path, o->line,
                       key, o->value, s->name, low, high);
    return 0;
}

const char *cfg_word(struct cfg_section *s, const char *key, const char *fallback)
{
    const struct cfg_option *o = find_option(s, key);
    return o ? o->value : fallback;
}

int cfg_list(const struct cfg *c, struct cfg_section *s, const char *key, double **values,
             int *count, struct err *e)
{
    const struct cfg_option *o = find_option(s, key);
    *values = NULL;
    *count = 0;
    if (!o)
        return 0;
    size_t commas = 0;
    for (const char *p = o->value; *p; p++)
        commas += *p == ',';
    char *text = strdup(o->value);
    double *list = malloc((commas + 1) * sizeof(*list));
    int result = -1, used = 0;
    if (!text || !list) {
        err_memory(e);
        goto out;
    }
    char *rest = text;
    for (char *item; (item = strsep(&rest, ","));) {
        if (*item == '\0' && !rest) /* darknet's own files end some lists with a comma */
            break;
        if (parse_double(item, -1e9, 1e9, &list[used++])) {
            err_set(e, "%s:%d: %s=%s in [%s] is not a list of numbers: '%s'", c->path, o->line, key,
                    o->value, s->name, item);
            goto out;
        }
    }
    *values = list;
    *count = used;
    list = NULL;
    result = 0;
out:
    free(list);
    free(text);
    return result;
}

int cfg_line(const struct cfg_section *s, const char *key)
{
    for (int i = 0; i < s->options; i++)
        if (strcmp(s->option[i].key, key) == 0)
            return s->option[i].line;
    return s->line;
}
