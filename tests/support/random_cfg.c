/* Random small networks; see random_cfg.h. Shapes are followed so that every layer fits. */
#include "random_cfg.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "reference_parts.h"

#define TEXT_BYTES 8192
#define MAX_LAYERS 16

struct draft {
    char *text;
    size_t used;
    struct rng r;
    unsigned flags;
    int layers;
    int c[MAX_LAYERS + 1], h[MAX_LAYERS + 1], w[MAX_LAYERS + 1]; /* [i]: below layer i */
};

static void add(struct draft *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct draft *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(d->text + d->used, TEXT_BYTES - d->used, format, args);
    va_end(args);
    if (n < 0 || d->used + (size_t)n >= TEXT_BYTES)
        ref_fail("random cfg too long");
    d->used += (size_t)n;
}

static int below(struct draft *d, int n)
{
    return (int)rng_below(&d->r, (uint64_t)n);
}

static void push(struct draft *d, int c, int h, int w)
{
    d->layers++;
    d->c[d->layers] = c;
    d->h[d->layers] = h;
    d->w[d->layers] = w;
}

static const char *activation(struct draft *d)
{
    static const char *const smooth[] = {"linear", "tanh", "logistic", "elu", "loggy"};
    static const char *const all[] = {"linear",   "relu", "leaky", "relu",  "leaky", "tanh",
                                      "logistic", "elu",  "selu",  "loggy", "relie", "ramp"};
    if (d->flags & RANDOM_SMOOTH)
        return smooth[below(d, 5)];
    return all[below(d, 12)];
}

static void add_norm(struct draft *d)
{
    if ((d->flags & RANDOM_NORM) && below(d, 2))
        add(d, "batch_normalize=1\n");
}

static void add_convolution(struct draft *d)
{
    static const int counts[] = {3, 4, 5, 7, 8, 16, 12, 6};
    int c = d->c[d->layers], h = d->h[d->layers], w = d->w[d->layers];
    int size = below(d, 4) ? 3 : (d->flags & RANDOM_DARKNET) ? 2 : 1 + below(d, 5);
    int stride = below(d, 3) ? 1 : 2, padding = below(d, 3) ? size / 2 : below(d, size);
    int filters = counts[below(d, 8)], groups = 1;
    bool wide = d->flags & RANDOM_WIDE;
    if (wide)
        filters = 32 * (1 + below(d, 2));
    if (h + 2 * padding < size || w + 2 * padding < size)
        padding = size / 2;
    if (!wide && below(d, 3) == 0)
        for (int g = 2; g <= c; g++)
            if (c % g == 0) {
                groups = g;
                filters = g * (1 + below(d, 3));
                break;
            }
    add(d, "[convolutional]\nfilters=%d\nsize=%d\nstride=%d\npadding=%d\n", filters, size, stride,
        padding);
    if (groups > 1)
        add(d, "groups=%d\n", groups);
    add_norm(d);
    add(d, "activation=%s\n", activation(d));
    push(d, filters, (h + 2 * padding - size) / stride + 1, (w + 2 * padding - size) / stride + 1);
}

static void add_pool(struct draft *d)
{
    int size = 2 + below(d, 2), stride = 1 + below(d, 2);
    int h = d->h[d->layers], w = d->w[d->layers];
    int padding = h < size || w < size || below(d, 2) ? size - 1 : 0;
    add(d, "[maxpool]\nsize=%d\nstride=%d\n", size, stride);
    if (padding == 0)
        add(d, "padding=0\n");
    push(d, d->c[d->layers], (h + padding - size) / stride + 1, (w + padding - size) / stride + 1);
}

/* Layers of the same width and height as the last one; true when there is one besides it. */
static bool find_partner(struct draft *d, int *partner)
{
    int found[MAX_LAYERS], count = 0;
    for (int i = 0; i + 1 < d->layers; i++)
        if (d->h[i + 1] == d->h[d->layers] && d->w[i + 1] == d->w[d->layers])
            found[count++] = i;
    if (count)
        *partner = found[below(d, count)];
    return count > 0;
}

static void add_shortcut(struct draft *d, int from)
{
    int number = below(d, 2) ? from : from - d->layers;
    add(d, "[shortcut]\nfrom=%d\nactivation=%s\n", number, activation(d));
    push(d, d->c[d->layers], d->h[d->layers], d->w[d->layers]);
}

static void add_route(struct draft *d, int from)
{
    add(d, "[route]\nlayers=-1,%d\n", below(d, 2) ? from : from - d->layers);
    push(d, d->c[d->layers] + d->c[from + 1], d->h[d->layers], d->w[d->layers]);
}

static void add_same_shape(struct draft *d)
{
    int kind = below(d, 3);
    if (kind == 0 && (d->flags & RANDOM_NORM))
        add(d, "[batchnorm]\n");
    else if (kind == 1)
        add(d, "[dropout]\nprobability=0\n");
    else
        add(d, "[activation]\nactivation=%s\n", activation(d));
    push(d, d->c[d->layers], d->h[d->layers], d->w[d->layers]);
}

static void add_middle(struct draft *d)
{
    int kind = below(d, 10), partner = 0;
    if (kind < 2 && d->layers > 1 && find_partner(d, &partner))
        add_shortcut(d, partner);
    else if (kind == 2 && d->layers > 1 && find_partner(d, &partner))
        add_route(d, partner);
    else if (kind == 3 && !(d->flags & RANDOM_SMOOTH) &&
             (d->layers || !(d->flags & RANDOM_DARKNET)))
        add_pool(d);
    else if (kind == 4 && !(d->flags & RANDOM_DARKNET) && d->layers)
        add_same_shape(d);
    else
        add_convolution(d);
}

static void add_end(struct draft *d)
{
    int classes = 2 + below(d, 9);
    if (below(d, 2)) {
        add(d, "[convolutional]\nfilters=%d\nsize=3\npad=1\nactivation=linear\n[avgpool]\n",
            classes);
    } else {
        if (below(d, 2)) {
            add(d, "[connected]\noutput=%d\n", 3 + below(d, 14));
            add_norm(d);
            add(d, "activation=%s\n", activation(d));
        }
        add(d, "[connected]\noutput=%d\nactivation=linear\n", classes);
    }
    add(d, "[softmax]\n");
}

char *random_cfg(uint64_t seed, unsigned flags, const char *net)
{
    static const int channels[] = {1, 3, 4, 8};
    struct draft d = {.text = ref_alloc(TEXT_BYTES, 1), .flags = flags};
    rng_init(&d.r, seed, 77, flags);
    d.c[0] = channels[below(&d, 4)];
    d.h[0] = 5 + below(&d, 7);
    d.w[0] = 5 + below(&d, 7);
    add(&d, "[net]\nbatch=4\nsubdivisions=1\nchannels=%d\nheight=%d\nwidth=%d\n%s", d.c[0], d.h[0],
        d.w[0], net);
    int middle = 2 + below(&d, 6);
    for (int i = 0; i < middle; i++)
        add_middle(&d);
    add_end(&d);
    return d.text;
}
