/* The engine's inner loops; see simd.h. Compiled several times with other instruction sets: the
 * Makefile defines SIMD_TABLE (the symbol made), SIMD_NAME, SIMD_LANES and SIMD_BLOCK. Written with
 * GCC's vector extension, so the same text serves every set. */
#include "nn/simd.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define LANES SIMD_LANES

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint32_t uvec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

static inline vec load(const float *x)
{
    return *(const vec *)x;
}

static inline void store(float *y, vec value)
{
    *(vec *)y = value;
}

static inline vec splat(float x)
{
    return x - (vec){0};
}

/* mask lanes are all ones or all zeros */
static inline vec select(ivec mask, vec yes, vec no)
{
    return (vec)((mask & (ivec)yes) | (~mask & (ivec)no));
}

/* By-channel arguments: a vector of the block's channels, or one channel everywhere. */
static inline vec by_channel(const float *values, int block)
{
    return block == 1 ? splat(values[0]) : load(values);
}

static inline float lane_sum(vec x)
{
    for (int step = LANES / 2; step > 0; step /= 2)
        for (int i = 0; i < step; i++)
            x[i] += x[i + step];
    return x[0];
}

/* A total by channel from lanes: as they are, or all of them and the tail for a plain layout. */
static inline void store_sum(vec lanes, float tail, int block, float *out)
{
    if (block == 1)
        *out = lane_sum(lanes) + tail;
    else
        store(out, lanes);
}

static void moments(const float *x, size_t pixels, int block, float *mean, float *square)
{
    size_t count = pixels * (size_t)block, whole = count - count % LANES, i;
    vec sum = {0};
    float tail = 0;
    for (i = 0; i < whole; i += LANES)
        sum += load(x + i);
    for (; i < count; i++)
        tail += x[i];
    store_sum(sum, tail, block, mean);
    for (int c = 0; c < block; c++)
        mean[c] /= (float)pixels;

    vec centre = by_channel(mean, block), squares = {0};
    tail = 0;
    for (i = 0; i < whole; i += LANES) {
        vec d = load(x + i) - centre;
        squares += d * d;
    }
    for (; i < count; i++)
        tail += (x[i] - mean[0]) * (x[i] - mean[0]);
    store_sum(squares, tail, block, square);
}

static void scale_shift(const float *x, float *y, size_t pixels, int block, const float *a,
                        const float *b, bool relu)
{
    size_t count = pixels * (size_t)block, whole = count - count % LANES, i;
    vec scale = by_channel(a, block), shift = by_channel(b, block), zero = {0};
    if (relu)
        for (i = 0; i < whole; i += LANES) {
            vec v = load(x + i) * scale + shift;
            store(y + i, select(v > zero, v, zero));
        }
    else
        for (i = 0; i < whole; i += LANES)
            store(y + i, load(x + i) * scale + shift);
    for (; i < count; i++) {
        float v = x[i] * a[0] + b[0];
        y[i] = relu && !(v > 0) ? 0 : v;
    }
}

/* d where the gate is open: where it, scaled and shifted as scale_shift does, is above 0. */
static inline vec gated(vec d, vec x, vec gate_a, vec gate_b)
{
    vec zero = {0};
    return select(x * gate_a + gate_b > zero, d, zero);
}

static inline float gated_one(float d, float x, float gate_a, float gate_b)
{
    return x * gate_a + gate_b > 0 ? d : 0;
}

static void gradient_sums(const float *dy, const float *x, size_t pixels, int block,
                          const struct gate *gate, const float *mean, float *sum, float *product)
{
    size_t count = pixels * (size_t)block, whole = count - count % LANES, i;
    vec centre = by_channel(mean, block), sums = {0}, products = {0};
    vec gate_a = by_channel(gate->a, block), gate_b = by_channel(gate->b, block);
    float sum_tail = 0, product_tail = 0;
    for (i = 0; i < whole; i += LANES) {
        vec value = load(x + i), d = gated(load(dy + i), value, gate_a, gate_b);
        sums += d;
        products += d * (value - centre);
    }
    for (; i < count; i++) {
        float d = gated_one(dy[i], x[i], gate->a[0], gate->b[0]);
        sum_tail += d;
        product_tail += d * (x[i] - mean[0]);
    }
    store_sum(sums, sum_tail, block, sum);
    store_sum(products, product_tail, block, product);
}

static void gradient_mix(float *dy, const float *x, size_t pixels, int block,
                         const struct gate *gate, const float *a, const float *b, const float *c)
{
    size_t count = pixels * (size_t)block, whole = count - count % LANES, i;
    vec scale = by_channel(a, block), slope = by_channel(b, block), shift = by_channel(c, block);
    vec gate_a = by_channel(gate->a, block), gate_b = by_channel(gate->b, block);
    for (i = 0; i < whole; i += LANES) {
        vec value = load(x + i), d = gated(load(dy + i), value, gate_a, gate_b);
        store(dy + i, d * scale + value * slope + shift);
    }
    for (; i < count; i++)
        dy[i] = gated_one(dy[i], x[i], gate->a[0], gate->b[0]) * a[0] + x[i] * b[0] + c[0];
}

static void channel_sums(const float *x, size_t pixels, int block, float *sum)
{
    size_t count = pixels * (size_t)block, whole = count - count % LANES, i;
    vec sums = {0};
    float tail = 0;
    for (i = 0; i < whole; i += LANES)
        sums += load(x + i);
    for (; i < count; i++)
        tail += x[i];
    store_sum(sums, tail, block, sum);
}

static void leaky(float *y, size_t count, float slope)
{
    size_t whole = count - count % LANES, i;
    vec zero = {0};
    for (i = 0; i < whole; i += LANES) {
        vec v = load(y + i);
        store(y + i, select(v > zero, v, v * slope));
    }
    for (; i < count; i++)
        y[i] = y[i] > 0 ? y[i] : y[i] * slope;
}

static void leaky_backward(const float *y, float *dy, size_t count, float slope)
{
    size_t whole = count - count % LANES, i;
    vec zero = {0};
    for (i = 0; i < whole; i += LANES) {
        vec d = load(dy + i);
        store(dy + i, select(load(y + i) > zero, d, d * slope));
    }
    for (; i < count; i++)
        dy[i] = y[i] > 0 ? dy[i] : dy[i] * slope;
}

static void add(float *sum, const float *x, size_t count)
{
    size_t whole = count - count % LANES, i;
    for (i = 0; i < whole; i += LANES)
        store(sum + i, load(sum + i) + load(x + i));
    for (; i < count; i++)
        sum[i] += x[i];
}

static double square_sum(const float *x, size_t count)
{
    double total = 0;
    for (size_t start = 0; start < count; start += 4096) {
        size_t end = count - start > 4096 ? start + 4096 : count, i;
        vec sum = {0};
        for (i = start; i + LANES <= end; i += LANES)
            sum += load(x + i) * load(x + i);
        total += lane_sum(sum);
        for (; i < end; i++)
            total += (double)x[i] * x[i];
    }
    return total;
}

/* Clips window `o` of one dimension to the map: first and past-last position. */
static inline void window(const struct pool_shape *s, int o, int limit, int *first, int *last)
{
    int start = s->offset + o * s->stride, end = start + s->size;
    *first = start < 0 ? 0 : start;
    *last = end > limit ? limit : end;
}

static void maxpool(const struct pool_shape *s, int block, const float *x, float *y)
{
    for (int oy = 0; oy < s->out_height; oy++)
        for (int ox = 0; ox < s->out_width; ox++, y += block) {
            int y0, y1, x0, x1;
            window(s, oy, s->in_height, &y0, &y1);
            window(s, ox, s->in_width, &x0, &x1);
            if (block == 1) {
                float best = -FLT_MAX;
                for (int iy = y0; iy < y1; iy++)
                    for (int ix = x0; ix < x1; ix++) {
                        float v = x[iy * s->in_width + ix];
                        best = v > best ? v : best;
                    }
                *y = best;
                continue;
            }
            vec best = splat(-FLT_MAX);
            for (int iy = y0; iy < y1; iy++)
                for (int ix = x0; ix < x1; ix++) {
                    vec v = load(x + (iy * s->in_width + ix) * LANES);
                    best = select(v > best, v, best);
                }
            store(y, best);
        }
}

/* The gradient goes to the first of the largest values, which is the one darknet's forward pass
 * remembers. */
static void maxpool_backward(const struct pool_shape *s, int block, const float *x, const float *y,
                             const float *dy, float *dx)
{
    memset(dx, 0, (size_t)s->in_height * (size_t)s->in_width * (size_t)block * sizeof(float));
    for (int oy = 0; oy < s->out_height; oy++)
        for (int ox = 0; ox < s->out_width; ox++, y += block, dy += block) {
            int y0, y1, x0, x1;
            window(s, oy, s->in_height, &y0, &y1);
            window(s, ox, s->in_width, &x0, &x1);
            if (block == 1) {
                for (int iy = y0; iy < y1; iy++)
                    for (int ix = x0; ix < x1; ix++)
                        if (x[iy * s->in_width + ix] == *y) {
                            dx[iy * s->in_width + ix] += *dy;
                            iy = y1;
                            break;
                        }
                continue;
            }
            vec top = load(y), d = load(dy), zero = {0};
            ivec open = (ivec)zero == 0;
            for (int iy = y0; iy < y1; iy++)
                for (int ix = x0; ix < x1; ix++) {
                    size_t at = (size_t)(iy * s->in_width + ix) * LANES;
                    ivec hit = open & (load(x + at) == top);
                    store(dx + at, load(dx + at) + select(hit, d, zero));
                    open &= ~hit;
                }
        }
}

/* Two rounds of a 32-bit finaliser (Wellons, "Prospecting for hash functions"), keyed between them.
 */
#define MIX(h)                                                                                     \
    do {                                                                                           \
        h ^= h >> 16;                                                                              \
        h *= 0x7feb352du;                                                                          \
        h ^= h >> 15;                                                                              \
        h *= 0x846ca68bu;                                                                          \
        h ^= h >> 16;                                                                              \
    } while (0)

static void dropout(const struct dropout *d, const float *x, float *y, size_t first, size_t count)
{
    uint32_t low = (uint32_t)d->key, high = (uint32_t)(d->key >> 32);
    /* 24 bits decide: exact in a float */
    int32_t limit = (int32_t)(d->probability * 0x1p24f);
    float scale = 1 / (1 - d->probability);
    size_t whole = count - count % LANES, i;
    uvec lane;
    for (int l = 0; l < LANES; l++)
        lane[l] = (uint32_t)l;
    for (i = 0; i < whole; i += LANES) {
        uvec h = ((uint32_t)(first + i) + lane) ^ low;
        MIX(h);
        h += high;
        MIX(h);
        ivec keep = (ivec)(h >> 8) >= limit;
        store(y + i, (vec)(keep & (ivec)(load(x + i) * scale)));
    }
    for (; i < count; i++) {
        uint32_t h = (uint32_t)(first + i) ^ low;
        MIX(h);
        h += high;
        MIX(h);
        y[i] = (int32_t)(h >> 8) >= limit ? x[i] * scale : 0;
    }
}

/* A dense layer's products are added up block by block, so many rows by so many outputs, and a
 * block goes through the inputs in pieces that stay in the first cache while its tiles, whose sums
 * are in registers, use them several times. */
#define DOT_ROWS 8
#define DOT_PIECE 256
#define TILE_ROWS 4
#define TILE_OUTPUTS (LANES > 8 ? 4 : 3) /* AVX2 has 16 registers, AVX-512 has 32 */

struct dot_block {
    const float *x, *w; /* its first row and output */
    size_t rows, outputs, inputs;
    vec sum[DOT_ROWS][DOT_OUTPUTS];
};

/* Adds inputs `first` to `end` to the sums of a tile. Each sum is made in the same order whatever
 * the tile, so that a row's does not depend on its company. `rows` and `outputs` are constants. */
static inline __attribute__((always_inline)) void dot_tile(struct dot_block *b, size_t row,
                                                           size_t output, size_t first, size_t end,
                                                           const size_t rows, const size_t outputs)
{
    const float *x = b->x + row * b->inputs, *w = b->w + output * b->inputs;
    vec sum[TILE_ROWS][TILE_OUTPUTS];
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < outputs; o++)
            sum[r][o] = b->sum[row + r][output + o];
    for (size_t i = first; i < end; i += LANES) {
        vec weight[TILE_OUTPUTS];
        for (size_t o = 0; o < outputs; o++)
            weight[o] = load(w + o * b->inputs + i);
        for (size_t r = 0; r < rows; r++) {
            vec value = load(x + r * b->inputs + i);
            for (size_t o = 0; o < outputs; o++)
                sum[r][o] += value * weight[o];
        }
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < outputs; o++)
            b->sum[row + r][output + o] = sum[r][o];
}

static void dot_piece(struct dot_block *b, size_t first, size_t end)
{
    for (size_t o = 0, outputs; o < b->outputs; o += outputs) {
        outputs = b->outputs - o < TILE_OUTPUTS ? 1 : TILE_OUTPUTS;
        for (size_t r = 0, rows; r < b->rows; r += rows) {
            rows = b->rows - r < TILE_ROWS ? 1 : TILE_ROWS;
            if (rows > 1 && outputs > 1)
                dot_tile(b, r, o, first, end, TILE_ROWS, TILE_OUTPUTS);
            else if (rows > 1)
                dot_tile(b, r, o, first, end, TILE_ROWS, 1);
            else if (outputs > 1)
                dot_tile(b, r, o, first, end, 1, TILE_OUTPUTS);
            else
                dot_tile(b, r, o, first, end, 1, 1);
        }
    }
}

static void dot_block(const struct dot *d, size_t row, size_t output, size_t rows, size_t outputs)
{
    struct dot_block b = {.x = d->x + row * d->inputs,
                          .w = d->w + output * d->inputs,
                          .rows = rows,
                          .outputs = outputs,
                          .inputs = d->inputs};
    const size_t whole = d->inputs - d->inputs % LANES;
    for (size_t i = 0; i < whole; i += DOT_PIECE)
        dot_piece(&b, i, whole - i < DOT_PIECE ? whole : i + DOT_PIECE);
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < outputs; o++) {
            float total = lane_sum(b.sum[r][o]);
            for (size_t i = whole; i < d->inputs; i++)
                total += b.x[r * d->inputs + i] * b.w[o * d->inputs + i];
            d->y[(row + r) * d->stride + output + o] = total + (d->bias ? d->bias[output + o] : 0);
        }
}

static void dot(const struct dot *d, size_t output, size_t outputs)
{
    for (size_t row = 0; row < d->rows; row += DOT_ROWS)
        dot_block(d, row, output, d->rows - row < DOT_ROWS ? d->rows - row : DOT_ROWS, outputs);
}

static void blend(float *y, const float *x, float part, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] += part * (x[i] - y[i]);
}

static void sgd(const struct sgd_rule *r, float *w, const float *g, float *velocity, size_t count)
{
    float rate = r->rate, momentum = r->momentum, decay = r->decay;
    bool look = r->nesterov;
    for (size_t i = 0; i < count; i++) {
        float gradient = g[i] + decay * w[i];
        float v = momentum * velocity[i] + gradient;
        velocity[i] = v;
        w[i] -= rate * (look ? gradient + momentum * v : v);
    }
}

static void adam(const struct adam_rule *r, float *w, const float *g, float *m, float *v,
                 size_t count)
{
    struct adam_rule a = *r;
    for (size_t i = 0; i < count; i++) {
        float gradient = g[i] + a.decay * w[i];
        m[i] = a.beta1 * m[i] + (1 - a.beta1) * gradient;
        v[i] = a.beta2 * v[i] + (1 - a.beta2) * gradient * gradient;
        w[i] -= a.rate * m[i] / (sqrtf(v[i]) + a.epsilon);
    }
}

extern const struct simd SIMD_TABLE;
const struct simd SIMD_TABLE = {
    .name = SIMD_NAME,
    .width = SIMD_BLOCK,
    .moments = moments,
    .scale_shift = scale_shift,
    .gradient_sums = gradient_sums,
    .gradient_mix = gradient_mix,
    .channel_sums = channel_sums,
    .leaky = leaky,
    .leaky_backward = leaky_backward,
    .add = add,
    .blend = blend,
    .square_sum = square_sum,
    .maxpool = maxpool,
    .maxpool_backward = maxpool_backward,
    .dropout = dropout,
    .dot = dot,
    .sgd = sgd,
    .adam = adam,
};
