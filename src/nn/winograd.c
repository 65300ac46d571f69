/* 3x3 convolutions of stride 1 by Winograd's minimal filtering, around LIBXSMM's small matrix
 * products.
 *
 * The tiles of all pictures are numbered through and cut into blocks; threads take blocks. A
 * block's tiles are transformed into n*n matrices (tiles, channels), each multiplied by its matrix
 * of transformed weights (channels, filters), a chunk of filters at a time so that all stays in the
 * second-level cache, and transformed back.
 *
 * The gradient by the input is the same convolution with the filters turned by half a circle and
 * the roles of channels and filters swapped. Without padding that takes more tiles than the forward
 * pass, since the input is the larger map; then it is the forward pass step by step backwards: the
 * forward pass's tiles of output gradients, products with its weights transposed, and squares that
 * overlap in the input and are added up, picture by picture in one order. The gradient by the
 * weights sums, for each of the n*n positions, products of transformed inputs and transformed
 * output gradients over all tiles; each thread has its own sum, and they are added in one order. */
#include "nn/engine.h"

#include <libxsmm.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "nn/simd.h"
#include "nn/winograd_tiles.h"

#define CHUNK 32        /* filters at a time */
#define PLANE_PAD 16    /* floats between planes, or they would fall into the same cache sets */
#define TILES 24        /* of a block: forward and by the input */
#define WEIGHT_TILES 48 /* of a block: by the weights */

/* One convolution of maps: the forward one, or the one that gives the gradient by the input. */
struct pass {
    struct nn_shape in, out;
    int pad;
    bool backwards; /* from the forward pass's tiles of `in` back to `out`; pad is the forward's */
    float *u;       /* (chunks, n*n, in channels, CHUNK) transformed weights; owned */
    libxsmm_smmfunction multiply; /* for a full block; `rest` for the last one */
    libxsmm_smmfunction rest;
};

struct winograd {
    struct conv_shape shape;
    const struct winograd_tiles *tiles;
    int lanes;
    struct pass forward, data;
    int threads;     /* for which there is memory */
    float **scratch; /* (threads) transformed tiles; owned */
    float **sum;     /* (threads) (n*n, in, out) gradient sums, training only; owned */
    libxsmm_smmfunction accumulate, accumulate_rest;
};

/* Threads to run with: no more than there is memory for. */
static int team(const struct winograd *w)
{
    return nn_threads() < w->threads ? nn_threads() : w->threads;
}

static int tiles_along(int length, int m)
{
    return (length + m - 1) / m;
}

static int count_tiles(const struct winograd *w, struct nn_shape out)
{
    return w->shape.batch * tiles_along(out.height, w->tiles->m) *
           tiles_along(out.width, w->tiles->m);
}

/* Tile number `t` of all pictures: its picture, and its corner in the output map. */
static int locate(const struct winograd *w, struct nn_shape out, int t, int *y, int *x)
{
    int m = w->tiles->m, across = tiles_along(out.width, m),
        each = across * tiles_along(out.height, m);
    *y = t % each / across * m;
    *x = t % each % across * m;
    return t / each;
}

static size_t slice_of(struct nn_shape s, int lanes)
{
    return (size_t)(s.height * s.width * lanes);
}

/* ---- forward, and by the input ---- */

static void transform_inputs(const struct winograd *w, const struct pass *p, const float *x,
                             int first, int count, float *v, size_t plane)
{
    int lanes = w->lanes, groups = p->in.channels / lanes;
    size_t slice = slice_of(p->in, lanes);
    for (int i = 0; i < count; i++) {
        struct tile_place place = {.height = p->in.height, .width = p->in.width};
        int n = locate(w, p->out, first + i, &place.y, &place.x);
        place.y -= p->pad;
        place.x -= p->pad;
        const float *map = x + (size_t)(n * groups) * slice;
        for (int g = 0; g < groups; g++)
            w->tiles->input(map + (size_t)g * slice, &place, v + i * p->in.channels + g * lanes,
                            plane);
    }
}

/* What happens to outputs on their way to memory. */
struct finish {
    const float *bias; /* NULL: none */
    bool clip;
    float slope;
};

static void transform_outputs(const struct winograd *w, const struct pass *p,
                              const struct finish *f, int chunk, int first, int count,
                              const float *t, size_t plane, float *y)
{
    int lanes = w->lanes, groups = p->out.channels / lanes;
    size_t slice = slice_of(p->out, lanes);
    for (int i = 0; i < count; i++) {
        struct tile_place place = {.height = p->out.height, .width = p->out.width};
        int n = locate(w, p->out, first + i, &place.y, &place.x);
        for (int k = 0; k < CHUNK; k += lanes) {
            int channel = chunk * CHUNK + k;
            w->tiles->output(t + i * CHUNK + k, plane, f->bias ? f->bias + channel : NULL, f->clip,
                             f->slope, y + (size_t)(n * groups + channel / lanes) * slice, &place);
        }
    }
}

static void convolve(const struct winograd *w, const struct pass *p, const float *x,
                     const struct finish *f, float *y)
{
    int total = count_tiles(w, p->out), blocks = (total + TILES - 1) / TILES,
        planes = w->tiles->n * w->tiles->n;
    size_t v_plane = (size_t)(TILES * p->in.channels + PLANE_PAD),
           t_plane = TILES * CHUNK + PLANE_PAD;
    size_t u_plane = (size_t)p->in.channels * CHUNK;
#pragma omp parallel for schedule(static) num_threads(team(w))
    for (int b = 0; b < blocks; b++) {
        float *v = w->scratch[omp_get_thread_num()], *t = v + (size_t)planes * v_plane;
        int first = b * TILES, count = total - first < TILES ? total - first : TILES;
        transform_inputs(w, p, x, first, count, v, v_plane);
        for (int chunk = 0; chunk < p->out.channels / CHUNK; chunk++) {
            const float *u = p->u + (size_t)(chunk * planes) * u_plane;
            libxsmm_smmfunction multiply = count == TILES ? p->multiply : p->rest;
            for (int i = 0; i < planes; i++)
                multiply(u + (size_t)i * u_plane, v + (size_t)i * v_plane, t + (size_t)i * t_plane);
            transform_outputs(w, p, f, chunk, first, count, t, t_plane, y);
        }
    }
}

/* ---- by the input, backwards ---- */

static void transform_gradients(const struct winograd *w, const float *dy, int first, int count,
                                float *z, size_t plane)
{
    struct nn_shape out = w->shape.out;
    int lanes = w->lanes, groups = out.channels / lanes;
    size_t slice = slice_of(out, lanes);
    for (int i = 0; i < count; i++) {
        struct tile_place place = {.height = out.height, .width = out.width};
        int n = locate(w, out, first + i, &place.y, &place.x);
        for (int g = 0; g < groups; g++)
            w->tiles->gradient(dy + (size_t)(n * groups + g) * slice, &place,
                               z + i * out.channels + g * lanes, plane);
    }
}

static void spread_outputs(const struct winograd *w, const struct pass *p, int chunk, int first,
                           int count, const float *t, size_t plane, float *y)
{
    int lanes = w->lanes, groups = p->out.channels / lanes;
    size_t slice = slice_of(p->out, lanes);
    for (int i = 0; i < count; i++) {
        struct tile_place place = {.height = p->out.height, .width = p->out.width};
        int n = locate(w, p->in, first + i, &place.y, &place.x);
        place.y -= p->pad;
        place.x -= p->pad;
        for (int k = 0; k < CHUNK; k += lanes)
            w->tiles->spread(t + i * CHUNK + k, plane,
                             y + (size_t)(n * groups + chunk * CHUNK / lanes + k / lanes) * slice,
                             &place);
    }
}

/* Each thread takes whole pictures, whose squares overlap with no other's. Its last block is
 * multiplied in full; what its surplus rows give is not used. */
static void retrace(const struct winograd *w, const struct pass *p, const float *dy, float *dx)
{
    int batch = w->shape.batch, each = count_tiles(w, p->in) / batch,
        planes = w->tiles->n * w->tiles->n;
    size_t z_plane = (size_t)(TILES * p->in.channels + PLANE_PAD),
           t_plane = TILES * CHUNK + PLANE_PAD, u_plane = (size_t)p->in.channels * CHUNK,
           picture = (size_t)(p->out.channels * p->out.height * p->out.width);
#pragma omp parallel num_threads(team(w))
    {
        int thread = omp_get_thread_num(), threads = omp_get_num_threads(),
            from = batch * thread / threads, to = batch * (thread + 1) / threads;
        float *z = w->scratch[thread], *t = z + (size_t)planes * z_plane;
        memset(dx + (size_t)from * picture, 0, (size_t)(to - from) * picture * sizeof(float));
        for (int first = from * each; first < to * each; first += TILES) {
            int left = to * each - first, count = left < TILES ? left : TILES;
            transform_gradients(w, dy, first, count, z, z_plane);
            for (int chunk = 0; chunk < p->out.channels / CHUNK; chunk++) {
                const float *u = p->u + (size_t)(chunk * planes) * u_plane;
                for (int i = 0; i < planes; i++)
                    p->multiply(u + (size_t)i * u_plane, z + (size_t)i * z_plane,
                                t + (size_t)i * t_plane);
                spread_outputs(w, p, chunk, first, count, t, t_plane, dx);
            }
        }
    }
}

/* ---- by the weights ---- */

/* The sum of a thread over its blocks. */
static void accumulate(const struct winograd *w, const float *x, const float *dy, int first_block,
                       int last_block, float *scratch, float *sum)
{
    const struct pass *p = &w->forward;
    int total = count_tiles(w, p->out), planes = w->tiles->n * w->tiles->n;
    size_t v_plane = (size_t)(WEIGHT_TILES * p->in.channels + PLANE_PAD);
    size_t z_plane = (size_t)(WEIGHT_TILES * p->out.channels + PLANE_PAD);
    size_t sum_plane = (size_t)p->in.channels * (size_t)p->out.channels;
    float *v = scratch, *z = v + (size_t)planes * v_plane;
    memset(sum, 0, (size_t)planes * sum_plane * sizeof(float));
    for (int b = first_block; b < last_block; b++) {
        int first = b * WEIGHT_TILES,
            count = total - first < WEIGHT_TILES ? total - first : WEIGHT_TILES;
        transform_inputs(w, p, x, first, count, v, v_plane);
        transform_gradients(w, dy, first, count, z, z_plane);
        libxsmm_smmfunction add = count == WEIGHT_TILES ? w->accumulate : w->accumulate_rest;
        for (int i = 0; i < planes; i++)
            add(z + (size_t)i * z_plane, v + (size_t)i * v_plane, sum + (size_t)i * sum_plane);
    }
}

static void backward_weights(void *kernel, const float *x, const float *dy, float *dw)
{
    struct winograd *w = kernel;
    int channels = w->shape.in.channels, filters = w->shape.out.channels,
        planes = w->tiles->n * w->tiles->n;
    int blocks = (count_tiles(w, w->shape.out) + WEIGHT_TILES - 1) / WEIGHT_TILES, lanes = w->lanes,
        used = 1;
    size_t sum_plane = (size_t)channels * (size_t)filters;
#pragma omp parallel num_threads(team(w))
    {
        int t = omp_get_thread_num(), threads = omp_get_num_threads();
#pragma omp single
        used = threads;
        accumulate(w, x, dy, blocks * t / threads, blocks * (t + 1) / threads, w->scratch[t],
                   w->sum[t]);
    }
#pragma omp parallel for
    for (int i = 0; i < planes; i++)
        for (int t = 1; t < used; t++)
            simd()->add(w->sum[0] + (size_t)i * sum_plane, w->sum[t] + (size_t)i * sum_plane,
                        sum_plane);
#pragma omp parallel for
    for (int c = 0; c < channels; c++)
        for (int k = 0; k < filters; k += lanes) {
            float g[9 * 16];
            w->tiles->filter_gradient(w->sum[0] + (size_t)c * (size_t)filters + k, sum_plane, g,
                                      (size_t)lanes);
            for (int f = 0; f < lanes; f++)
                for (int i = 0; i < 9; i++)
                    dw[((size_t)(k + f) * (size_t)channels + (size_t)c) * 9 + (size_t)i] =
                        g[i * lanes + f];
        }
}

/* ---- weights ---- */

/* U of one pass. `swapped`: for the gradient by the input, from filters to channels; each filter
 * turned round unless the pass goes backwards. */
static void transform_weights(const struct winograd *w, const struct pass *p, const float *weights,
                              bool swapped)
{
    int planes = w->tiles->n * w->tiles->n, lanes = w->lanes, in = p->in.channels,
        out = p->out.channels;
    size_t u_plane = (size_t)in * CHUNK;
#pragma omp parallel for
    for (int c = 0; c < in; c++)
        for (int k = 0; k < out; k += lanes) {
            float g[9 * 16];
            for (int f = 0; f < lanes; f++) {
                size_t at = swapped ? (size_t)c * (size_t)out + (size_t)(k + f)
                                    : (size_t)(k + f) * (size_t)in + (size_t)c;
                for (int i = 0; i < 9; i++)
                    g[i * lanes + f] =
                        weights[at * 9 + (size_t)(swapped && !p->backwards ? 8 - i : i)];
            }
            w->tiles->filter(g, (size_t)lanes,
                             p->u + (size_t)(k / CHUNK * planes) * u_plane + (size_t)c * CHUNK +
                                 k % CHUNK,
                             u_plane);
        }
}

static void set_weights(void *kernel, const float *weights)
{
    struct winograd *w = kernel;
    transform_weights(w, &w->forward, weights, false);
    if (w->data.u)
        transform_weights(w, &w->data, weights, true);
}

static void forward(void *kernel, const float *x, const float *bias, float *y)
{
    struct winograd *w = kernel;
    convolve(w, &w->forward, x,
             &(struct finish){w->shape.bias ? bias : NULL, w->shape.clip, w->shape.slope}, y);
}

static void backward_data(void *kernel, const float *dy, float *dx)
{
    struct winograd *w = kernel;
    if (w->data.backwards)
        retrace(w, &w->data, dy, dx);
    else
        convolve(w, &w->data, dy, &(struct finish){0}, dx);
}

/* ---- making ---- */

/* C (n, m) = B (n, k) A (k, m) + beta C in rows; LIBXSMM thinks in columns, where that is C = A B.
 */
static libxsmm_smmfunction product(int m, int n, int k, int lda, int ldb, int ldc, float beta,
                                   bool transpose_b)
{
    float alpha = 1;
    int flags = transpose_b ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
    return libxsmm_smmdispatch(m, n, k, &lda, &ldb, &ldc, &alpha, &beta, &flags, NULL);
}

static int make_pass(struct winograd *w, struct pass *p, struct nn_shape in, struct nn_shape out,
                     int pad)
{
    int rest = count_tiles(w, out) % TILES, c = in.channels;
    p->in = in;
    p->out = out;
    p->pad = pad;
    p->u = floats_raw((size_t)(w->tiles->n * w->tiles->n) * (size_t)in.channels *
                      (size_t)out.channels);
    p->multiply = product(CHUNK, TILES, c, CHUNK, c, CHUNK, 0, false);
    p->rest = product(CHUNK, rest ? rest : TILES, c, CHUNK, c, CHUNK, 0, false);
    return p->u && p->multiply && p->rest ? 0 : -1;
}

static int make_data_pass(struct winograd *w)
{
    const struct conv_shape *s = &w->shape;
    w->data.backwards = count_tiles(w, s->out) < count_tiles(w, s->in);
    return make_pass(w, &w->data, s->out, s->in, w->data.backwards ? s->pad : 2 - s->pad);
}

static size_t scratch_floats(const struct winograd *w)
{
    size_t planes = (size_t)(w->tiles->n * w->tiles->n), in = (size_t)w->shape.in.channels,
           out = (size_t)w->shape.out.channels, most = in > out ? in : out;
    size_t convolving = planes * (TILES * most + PLANE_PAD + TILES * CHUNK + PLANE_PAD);
    size_t summing = planes * (WEIGHT_TILES * (in + out) + 2 * PLANE_PAD);
    return w->shape.training && summing > convolving ? summing : convolving;
}

static void destroy(void *kernel)
{
    struct winograd *w = kernel;
    for (int t = 0; t < w->threads; t++) {
        free(w->scratch ? w->scratch[t] : NULL);
        free(w->sum ? w->sum[t] : NULL);
    }
    free(w->scratch);
    free(w->sum);
    free(w->forward.u);
    free(w->data.u);
    free(w);
}

static int make_training(struct winograd *w)
{
    const struct conv_shape *s = &w->shape;
    int in = s->in.channels, out = s->out.channels, rest = count_tiles(w, s->out) % WEIGHT_TILES;
    size_t sum = (size_t)(w->tiles->n * w->tiles->n) * (size_t)in * (size_t)out;
    w->sum = calloc((size_t)w->threads, sizeof(*w->sum));
    for (int t = 0; w->sum && t < w->threads; t++)
        if (!(w->sum[t] = floats_raw(sum)))
            return -1;
    w->accumulate = product(out, in, WEIGHT_TILES, out, in, out, 1, true);
    w->accumulate_rest = product(out, in, rest ? rest : WEIGHT_TILES, out, in, out, 1, true);
    return w->sum && w->accumulate && w->accumulate_rest ? 0 : -1;
}

/* LIBXSMM compiles no products for an older CPU, or when LIBXSMM_TARGET says so. */
bool winograd_compiles(void)
{
    return winograd_set() && libxsmm_get_target_archid() >= LIBXSMM_X86_AVX2;
}

static bool fits(const struct conv_shape *s)
{
    return winograd_compiles() && s->size == 3 && s->stride == 1 && s->groups == 1 && s->pad <= 2 &&
           s->in_block > 1 && s->in_block == s->out_block && s->out.channels % CHUNK == 0 &&
           (s->in.channels % CHUNK == 0 || !s->input_gradient) && s->out.height >= 4 &&
           s->out.width >= 4;
}

static void *create(const struct conv_shape *s, struct err *e)
{
    struct winograd *w = calloc(1, sizeof(*w));
    if (!w)
        return err_memory_null(e);
    /* Six pixels are two tiles of three without waste, but one and a half of four. */
    bool by_three = s->out.height % 4 && s->out.height % 3 == 0 && s->out.height < 12;
    w->shape = *s;
    w->tiles = by_three ? &winograd_set()->f3 : &winograd_set()->f4;
    w->lanes = s->in_block;
    w->threads = nn_threads();
    w->scratch = calloc((size_t)w->threads, sizeof(*w->scratch));
    int failed = !w->scratch || make_pass(w, &w->forward, s->in, s->out, s->pad) ||
                 (s->input_gradient && make_data_pass(w)) || (s->training && make_training(w));
    for (int t = 0; t < w->threads && !failed; t++)
        failed = !(w->scratch[t] = floats_raw(scratch_floats(w)));
    if (!failed)
        return w;
    destroy(w);
    return err_memory_null(e);
}

const struct conv_kernels CONV_WINOGRAD = {
    .name = "Winograd",
    .fits = fits,
    .create = create,
    .set_weights = set_weights,
    .forward = forward,
    .backward_data = backward_data,
    .backward_weights = backward_weights,
    .destroy = destroy,
};
