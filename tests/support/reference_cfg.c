/* The reference network's reader of cfgs: shapes, parameter offsets, activations. */
#include "reference_parts.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KEYS 32

struct ref_section {
    char name[32];
    char key[MAX_KEYS][32], value[MAX_KEYS][64];
    int keys;
};

void ref_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("reference: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

void *ref_alloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    if (!p)
        ref_fail("out of memory");
    return p;
}

size_t ref_values(const struct ref_layer *l)
{
    return (size_t)l->out_c * (size_t)l->out_h * (size_t)l->out_w;
}

size_t ref_input_values(const struct ref_layer *l)
{
    return (size_t)l->c * (size_t)l->h * (size_t)l->w;
}

static const char *text_of(const struct ref_section *s, const char *key, const char *fallback)
{
    for (int i = 0; i < s->keys; i++)
        if (strcmp(s->key[i], key) == 0)
            return s->value[i];
    return fallback;
}

static double real_of(const struct ref_section *s, const char *key, double fallback)
{
    const char *text = text_of(s, key, NULL);
    return text ? strtod(text, NULL) : fallback;
}

static int int_of(const struct ref_section *s, const char *key, int fallback)
{
    return (int)real_of(s, key, fallback);
}

/* Reads one section from `*text`; false at the end. */
static bool next_section(const char **text, struct ref_section *s)
{
    memset(s, 0, sizeof(*s));
    while (**text && **text != '[')
        *text += strcspn(*text, "\n") + 1;
    if (sscanf(*text, "[%31[^]]]", s->name) != 1)
        return false;
    for (;;) {
        size_t length = strcspn(*text, "\n");
        *text += length + ((*text)[length] == '\n');
        if (**text == '[' || !**text)
            return true;
        if (**text == '#' || **text == '\n')
            continue;
        if (s->keys == MAX_KEYS ||
            sscanf(*text, "%31[^=\n]=%63[^\n]", s->key[s->keys], s->value[s->keys]) != 2)
            ref_fail("bad line in [%s]: %.40s", s->name, *text);
        s->keys++;
    }
}

static void set_output(struct ref_layer *l, int c, int h, int w)
{
    if (c < 1 || h < 1 || w < 1)
        ref_fail("a layer's output is %d x %d x %d", c, h, w);
    l->out_c = c;
    l->out_h = h;
    l->out_w = w;
}

static void take(struct reference *r, size_t *offset, size_t count)
{
    *offset = r->count;
    r->count += count;
}

static void add_convolutional(struct reference *r, struct ref_layer *l, const struct ref_section *s)
{
    l->filters = int_of(s, "filters", 1);
    l->size = int_of(s, "size", 1);
    l->stride = int_of(s, "stride", 1);
    l->groups = int_of(s, "groups", 1);
    l->padding = int_of(s, "pad", 0) ? l->size / 2 : int_of(s, "padding", 0);
    set_output(l, l->filters, (l->h + 2 * l->padding - l->size) / l->stride + 1,
               (l->w + 2 * l->padding - l->size) / l->stride + 1);
    size_t n = (size_t)l->filters;
    take(r, &l->bias, n);
    if (l->batch_normalize) {
        take(r, &l->scale, n);
        take(r, &l->mean, n);
        take(r, &l->variance, n);
    }
    take(r, &l->weight, n * (size_t)(l->c / l->groups) * (size_t)(l->size * l->size));
}

static void add_connected(struct reference *r, struct ref_layer *l, const struct ref_section *s)
{
    set_output(l, int_of(s, "output", 1), 1, 1);
    size_t n = (size_t)l->out_c;
    take(r, &l->bias, n);
    take(r, &l->weight, n * ref_input_values(l));
    if (l->batch_normalize) {
        take(r, &l->scale, n);
        take(r, &l->mean, n);
        take(r, &l->variance, n);
    }
}

static void add_batchnorm(struct reference *r, struct ref_layer *l)
{
    set_output(l, l->c, l->h, l->w);
    take(r, &l->scale, (size_t)l->c);
    take(r, &l->mean, (size_t)l->c);
    take(r, &l->variance, (size_t)l->c);
}

static void add_maxpool(struct ref_layer *l, const struct ref_section *s)
{
    l->stride = int_of(s, "stride", 1);
    l->size = int_of(s, "size", l->stride);
    l->padding = int_of(s, "padding", l->size - 1);
    set_output(l, l->c, (l->h + l->padding - l->size) / l->stride + 1,
               (l->w + l->padding - l->size) / l->stride + 1);
}

/* Comma-separated layer numbers, negative ones counted from this layer. */
static void read_from(const struct reference *r, struct ref_layer *l, const char *list)
{
    for (const char *p = list; p && *p;) {
        int number = (int)strtol(p, NULL, 10);
        if (number < 0)
            number += r->layers;
        if (number < 0 || number >= r->layers || l->froms == REF_MAX_FROM)
            ref_fail("layer %d does not lie before layer %d", number, r->layers);
        l->from[l->froms++] = number;
        p = strchr(p, ',');
        p = p ? p + 1 : NULL;
    }
    if (!l->froms)
        ref_fail("a route or shortcut without layers");
}

static void add_route(const struct reference *r, struct ref_layer *l, const struct ref_section *s)
{
    read_from(r, l, text_of(s, "layers", NULL));
    const struct ref_layer *first = &r->layer[l->from[0]];
    int channels = 0;
    for (int i = 0; i < l->froms; i++)
        channels += r->layer[l->from[i]].out_c;
    set_output(l, channels, first->out_h, first->out_w);
}

static enum ref_kind kind_of(const char *name)
{
    static const struct {
        const char *name;
        enum ref_kind kind;
    } kinds[] = {
        {"convolutional", REF_CONVOLUTIONAL},
        {"conv", REF_CONVOLUTIONAL},
        {"connected", REF_CONNECTED},
        {"conn", REF_CONNECTED},
        {"maxpool", REF_MAXPOOL},
        {"max", REF_MAXPOOL},
        {"avgpool", REF_AVGPOOL},
        {"avg", REF_AVGPOOL},
        {"dropout", REF_DROPOUT},
        {"shortcut", REF_SHORTCUT},
        {"route", REF_ROUTE},
        {"batchnorm", REF_BATCHNORM},
        {"activation", REF_ACTIVATION},
        {"softmax", REF_SOFTMAX},
        {"soft", REF_SOFTMAX},
        {"cost", REF_COST},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return kinds[i].kind;
    ref_fail("no layer [%s]", name);
}

static void add_layer(struct reference *r, const struct ref_section *s)
{
    r->layer = realloc(r->layer, (size_t)(r->layers + 1) * sizeof(*r->layer));
    if (!r->layer)
        ref_fail("out of memory");
    const struct ref_layer *below = r->layers ? &r->layer[r->layers - 1] : NULL;
    struct ref_layer *l = &r->layer[r->layers];
    *l = (struct ref_layer){
        .kind = kind_of(s->name),
        .c = below ? below->out_c : r->c,
        .h = below ? below->out_h : r->h,
        .w = below ? below->out_w : r->w,
        .groups = int_of(s, "groups", 1),
        .batch_normalize = int_of(s, "batch_normalize", 0),
        .temperature = real_of(s, "temperature", 1),
        .cost_scale = real_of(s, "scale", 1),
        .alpha = real_of(s, "alpha", 1),
        .beta = real_of(s, "beta", 1),
        .bias = REF_ABSENT,
        .scale = REF_ABSENT,
        .mean = REF_ABSENT,
        .variance = REF_ABSENT,
        .weight = REF_ABSENT,
        .first = r->count,
    };
    bool weighted = l->kind == REF_CONVOLUTIONAL || l->kind == REF_CONNECTED;
    snprintf(l->activation, sizeof(l->activation), "%s",
             text_of(s, "activation", weighted ? "logistic" : "linear"));
    if (l->kind == REF_CONVOLUTIONAL)
        add_convolutional(r, l, s);
    else if (l->kind == REF_CONNECTED)
        add_connected(r, l, s);
    else if (l->kind == REF_BATCHNORM)
        add_batchnorm(r, l);
    else if (l->kind == REF_MAXPOOL)
        add_maxpool(l, s);
    else if (l->kind == REF_AVGPOOL)
        set_output(l, l->c, 1, 1);
    else if (l->kind == REF_ROUTE)
        add_route(r, l, s);
    else
        set_output(l, l->c, l->h, l->w);
    if (l->kind == REF_SHORTCUT)
        read_from(r, l, text_of(s, "from", NULL));
    l->batch_normalize = l->scale != REF_ABSENT;
    l->last = r->count;
    r->layers++;
}

void ref_build(struct reference *r, const char *cfg)
{
    struct ref_section s;
    if (!next_section(&cfg, &s) || strncmp(s.name, "net", 3) != 0)
        ref_fail("no [net]");
    r->c = int_of(&s, "channels", 0);
    r->h = int_of(&s, "height", 0);
    r->w = int_of(&s, "width", 0);
    while (next_section(&cfg, &s))
        add_layer(r, &s);
}

double ref_activate(const char *name, double x)
{
    if (strcmp(name, "linear") == 0)
        return x;
    if (strcmp(name, "relu") == 0)
        return x > 0 ? x : 0;
    if (strcmp(name, "leaky") == 0)
        return x > 0 ? x : .1 * x;
    if (strcmp(name, "logistic") == 0)
        return 1 / (1 + exp(-x));
    if (strcmp(name, "tanh") == 0)
        return tanh(x);
    if (strcmp(name, "elu") == 0)
        return x >= 0 ? x : exp(x) - 1;
    if (strcmp(name, "selu") == 0)
        return x >= 0 ? 1.0507 * x : 1.0507 * 1.6732 * (exp(x) - 1);
    if (strcmp(name, "relie") == 0)
        return x > 0 ? x : .01 * x;
    if (strcmp(name, "ramp") == 0)
        return x > 0 ? 1.1 * x : .1 * x;
    if (strcmp(name, "loggy") == 0)
        return 2 / (1 + exp(-x)) - 1;
    if (strcmp(name, "hardtan") == 0)
        return x < -1 ? -1 : x > 1 ? 1 : x;
    if (strcmp(name, "lhtan") == 0)
        return x < 0 ? .001 * x : x > 1 ? 1 + .001 * (x - 1) : x;
    if (strcmp(name, "plse") == 0)
        return x < -4 ? .01 * (x + 4) : x > 4 ? 1 + .01 * (x - 4) : .125 * x + .5;
    if (strcmp(name, "stair") == 0)
        return fmod(floor(x), 2) == 0 ? floor(x / 2) : x - floor(x) + floor(x / 2);
    ref_fail("no activation '%s'", name);
}

double ref_slope(const char *name, double x)
{
    double y = ref_activate(name, x);
    if (strcmp(name, "linear") == 0)
        return 1;
    if (strcmp(name, "relu") == 0)
        return x > 0;
    if (strcmp(name, "leaky") == 0)
        return x > 0 ? 1 : .1;
    if (strcmp(name, "logistic") == 0)
        return y * (1 - y);
    if (strcmp(name, "tanh") == 0)
        return 1 - y * y;
    if (strcmp(name, "elu") == 0)
        return x >= 0 ? 1 : exp(x);
    if (strcmp(name, "selu") == 0)
        return x >= 0 ? 1.0507 : 1.0507 * 1.6732 * exp(x);
    if (strcmp(name, "relie") == 0)
        return x > 0 ? 1 : .01;
    if (strcmp(name, "ramp") == 0)
        return x > 0 ? 1.1 : .1;
    if (strcmp(name, "loggy") == 0)
        return .5 * (1 - y * y);
    if (strcmp(name, "hardtan") == 0)
        return x > -1 && x < 1;
    if (strcmp(name, "lhtan") == 0)
        return x < 0 || x > 1 ? .001 : 1;
    if (strcmp(name, "plse") == 0)
        return x < -4 || x > 4 ? .01 : .125;
    if (strcmp(name, "stair") == 0)
        return fmod(floor(x), 2) == 0 ? 0 : 1;
    ref_fail("no activation '%s'", name);
}
