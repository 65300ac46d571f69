/* The temperature of the softmax that makes a network's outputs, in the network and in the text of
 * its cfg; see nn.h. A text is edited in place, so that what somebody wrote there stays: comments,
 * blanks, line ends. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/net.h"

#define KEY "temperature"
#define DECIMALS 10000 /* what a text keeps of a temperature: four */

/* ---- the network ---- */

static double *output_temperature(const struct nn_net *net)
{
    int last = net->layers - 1;
    if (last > 0 && net->layer[last]->kind == &LAYER_COST)
        last--;
    return layer_temperature(net->layer[last]);
}

double nn_net_temperature(const struct nn_net *net)
{
    const double *temperature = output_temperature(net);
    return temperature ? *temperature : 0;
}

void nn_net_set_temperature(struct nn_net *net, double value)
{
    double *temperature = output_temperature(net);
    if (temperature)
        *temperature = value;
}

/* ---- the text ---- */

/* What takes the place of the bytes from `from` to `to`. */
struct edit {
    const char *from, *to;
    char text[64];
};

static bool is_kind(const struct cfg_section *s, const struct layer_kind *kind)
{
    for (int i = 0; kind->names[i]; i++)
        if (strcmp(s->name, kind->names[i]) == 0)
            return true;
    return false;
}

static const struct cfg_section *output_section(const struct cfg *c)
{
    int last = c->sections - 1;
    if (last > 1 && is_kind(&c->section[last], &LAYER_COST))
        last--;
    return last > 0 && is_kind(&c->section[last], &LAYER_SOFTMAX) ? &c->section[last] : NULL;
}

static bool has_key(const struct cfg_section *s)
{
    for (int i = 0; i < s->options; i++)
        if (strcmp(s->option[i].key, KEY) == 0)
            return true;
    return false;
}

static const char *find_line(const char *text, int line)
{
    while (--line > 0)
        text = strchr(text, '\n') + 1;
    return text;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The value of the line alone: what stands before, between and behind stays. */
static void replace_value(struct edit *x, const char *line, const char *value)
{
    x->from = strchr(line, '=') + 1;
    x->to = strchrnul(line, '\n');
    while (is_blank(*x->from))
        x->from++;
    while (is_blank(x->to[-1]))
        x->to--;
    snprintf(x->text, sizeof(x->text), "%s", value);
}

static void remove_line(struct edit *x, const char *line)
{
    x->from = line;
    x->to = strchrnul(line, '\n');
    if (*x->to)
        x->to++;
    else
        x->from--; /* the last line takes the end of the one before with it */
}

/* A line below the section's name that ends as that one does. */
static void insert_line(struct edit *x, const char *name_line, const char *value)
{
    const char *end = strchrnul(name_line, '\n');
    x->from = x->to = *end ? end + 1 : end;
    if (*end)
        snprintf(x->text, sizeof(x->text), KEY "=%s%s\n", value, end[-1] == '\r' ? "\r" : "");
    else
        snprintf(x->text, sizeof(x->text), "\n" KEY "=%s", value);
}

static char *apply(const char *text, const struct edit *x, struct err *e)
{
    const size_t before = (size_t)(x->from - text), added = strlen(x->text);
    char *edited = malloc(before + added + strlen(x->to) + 1);
    if (!edited)
        return err_memory_null(e);
    memcpy(edited, text, before);
    memcpy(edited + before, x->text, added);
    strcpy(edited + before + added, x->to);
    return edited;
}

char *nn_cfg_with_temperature(const char *name, const char *text, double temperature, struct err *e)
{
    struct cfg c;
    struct edit x = {.from = text, .to = text};
    char value[32], *edited = NULL;
    if (cfg_parse(&c, name, text, strlen(text), e))
        return NULL;
    const struct cfg_section *s = output_section(&c);
    /* Whole numbers, which no locale writes in its own way. */
    const long parts = lround(temperature * DECIMALS);
    snprintf(value, sizeof(value), "%ld.%04ld", parts / DECIMALS, parts % DECIMALS);
    if (temperature > 0 && !s) {
        err_set(e, "'%s' does not end with a [softmax] that could have a " KEY, name);
        goto out;
    }
    if (s && has_key(s) && temperature > 0)
        replace_value(&x, find_line(text, cfg_line(s, KEY)), value);
    else if (s && has_key(s))
        remove_line(&x, find_line(text, cfg_line(s, KEY)));
    else if (temperature > 0)
        insert_line(&x, find_line(text, s->line), value);
    edited = apply(text, &x, e);
out:
    cfg_release(&c);
    return edited;
}
