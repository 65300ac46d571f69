/* Winograd's transforms of single tiles; see winograd_tiles.h. Compiled with other instruction sets
 * like simd.c: SIMD_LANES and WINOGRAD_TABLE come from the Makefile. */
#include "nn/winograd_tiles.h"

#include <stdint.h>

#define LANES SIMD_LANES

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

static inline vec load(const float *x)
{
    return *(const vec *)x;
}

static inline void store(float *y, vec value)
{
    *(vec *)y = value;
}

/* ---- one dimension: six points, then five; `s` is the distance of the elements of `o` ---- */

static inline void bt_6(const vec *d, vec *o, int s)
{
    vec a = d[4] - 4 * d[2], b = d[3] - 4 * d[1], c = d[4] - d[2], e = 2 * (d[3] - d[1]);
    o[0] = 4 * d[0] - 5 * d[2] + d[4];
    o[s] = a + b;
    o[2 * s] = a - b;
    o[3 * s] = c + e;
    o[4 * s] = c - e;
    o[5 * s] = 4 * d[1] - 5 * d[3] + d[5];
}

static inline void at_6(const vec *t, vec *o, int s)
{
    vec a = t[1] + t[2], b = t[1] - t[2], c = t[3] + t[4], e = t[3] - t[4];
    o[0] = t[0] + a + c;
    o[s] = b + 2 * e;
    o[2 * s] = a + 4 * c;
    o[3 * s] = b + 8 * e + t[5];
}

static inline void a_6(const vec *y, vec *o, int s)
{
    vec a = y[0] + y[2], b = y[1] + y[3], c = y[0] + 4 * y[2], e = 2 * y[1] + 8 * y[3];
    o[0] = y[0];
    o[s] = a + b;
    o[2 * s] = a - b;
    o[3 * s] = c + e;
    o[4 * s] = c - e;
    o[5 * s] = y[3];
}

static inline void b_6(const vec *t, vec *o, int s)
{
    vec a = t[1] + t[2], b = t[2] - t[1], c = t[3] + t[4], e = t[4] - t[3];
    o[0] = 4 * t[0];
    o[s] = 4 * (b + t[5]) + 2 * e;
    o[2 * s] = -5 * t[0] - 4 * a - c;
    o[3 * s] = -5 * t[5] - 2 * e - b;
    o[4 * s] = t[0] + a + c;
    o[5 * s] = t[5];
}

static inline void g_6(const vec *w, vec *o, int s)
{
    vec a = (w[0] + w[2]) * (-1.f / 6), b = w[1] * (1.f / 6),
        c = w[0] * (1.f / 24) + w[2] * (1.f / 6), e = w[1] * (1.f / 12);
    o[0] = w[0] * .25f;
    o[s] = a - b;
    o[2 * s] = a + b;
    o[3 * s] = c + e;
    o[4 * s] = c - e;
    o[5 * s] = w[2];
}

static inline void gt_6(const vec *u, vec *o, int s)
{
    vec a = u[1] + u[2], b = u[2] - u[1], c = u[3] + u[4], e = u[3] - u[4];
    o[0] = u[0] * .25f - a * (1.f / 6) + c * (1.f / 24);
    o[s] = b * (1.f / 6) + e * (1.f / 12);
    o[2 * s] = (c - a) * (1.f / 6) + u[5];
}

static inline void bt_5(const vec *d, vec *o, int s)
{
    o[0] = 2 * (d[0] - d[2]) - d[1] + d[3];
    o[s] = d[3] - d[2] - 2 * d[1];
    o[2 * s] = d[3] - 3 * d[2] + 2 * d[1];
    o[3 * s] = d[3] - d[1];
    o[4 * s] = 2 * (d[1] - d[3]) - d[2] + d[4];
}

static inline void at_5(const vec *t, vec *o, int s)
{
    vec a = t[1] + t[2], b = t[1] - t[2];
    o[0] = t[0] + a + t[3];
    o[s] = b + 2 * t[3];
    o[2 * s] = a + 4 * t[3] + t[4];
}

static inline void a_5(const vec *y, vec *o, int s)
{
    vec a = y[0] + y[2];
    o[0] = y[0];
    o[s] = a + y[1];
    o[2 * s] = a - y[1];
    o[3 * s] = y[0] + 2 * y[1] + 4 * y[2];
    o[4 * s] = y[2];
}

static inline void b_5(const vec *t, vec *o, int s)
{
    o[0] = 2 * t[0];
    o[s] = 2 * (t[2] - t[1] + t[4]) - t[0] - t[3];
    o[2 * s] = -2 * t[0] - t[1] - 3 * t[2] - t[4];
    o[3 * s] = t[0] + t[1] + t[2] + t[3] - 2 * t[4];
    o[4 * s] = t[4];
}

static inline void g_5(const vec *w, vec *o, int s)
{
    vec a = w[0] + w[2];
    o[0] = w[0] * .5f;
    o[s] = (a + w[1]) * -.5f;
    o[2 * s] = (w[1] - a) * (1.f / 6);
    o[3 * s] = w[0] * (1.f / 6) + w[1] * (1.f / 3) + w[2] * (2.f / 3);
    o[4 * s] = w[2];
}

static inline void gt_5(const vec *u, vec *o, int s)
{
    o[0] = (u[0] - u[1]) * .5f + (u[3] - u[2]) * (1.f / 6);
    o[s] = u[1] * -.5f + u[2] * (1.f / 6) + u[3] * (1.f / 3);
    o[2 * s] = u[1] * -.5f - u[2] * (1.f / 6) + u[3] * (2.f / 3) + u[4];
}

/* ---- two dimensions ---- */

/* Reads a square of the map, zero outside, and fetches what the next one, `step` pixels to the
 * right, has new: the rows are too short for the processor to foresee it. */
static inline void read_tile(const float *map, const struct tile_place *p, int size, int step,
                             vec *d)
{
    if (p->y >= 0 && p->x >= 0 && p->y + size <= p->height && p->x + size <= p->width) {
        map += (p->y * p->width + p->x) * LANES;
        for (int i = 0; i < size; i++, map += p->width * LANES) {
            for (int k = 0; k < size; k++)
                d[i * size + k] = load(map + k * LANES);
            for (int k = 0; k < step; k++)
                __builtin_prefetch(map + (size + k) * LANES);
        }
        return;
    }
    for (int i = 0; i < size; i++)
        for (int k = 0; k < size; k++) {
            int y = p->y + i, x = p->x + k;
            bool inside = y >= 0 && y < p->height && x >= 0 && x < p->width;
            d[i * size + k] = inside ? load(map + (y * p->width + x) * LANES) : (vec){0};
        }
}

/* out (rows x rows) = T in (cols x cols) T^T for a transform T of one dimension: each row of `in`
 * becomes a column of the half-done square, and again. */
#define TRANSFORM(T, in, cols, out, rows)                                                          \
    do {                                                                                           \
        vec half[(rows) * (cols)];                                                                 \
        for (int i_ = 0; i_ < (cols); i_++)                                                        \
            T((in) + i_ * (cols), half + i_, (cols));                                              \
        for (int i_ = 0; i_ < (rows); i_++)                                                        \
            T(half + i_ * (cols), (out) + i_, (rows));                                             \
    } while (0)

#define TILE_FUNCTIONS(N, M)                                                                       \
    static void input_##N(const float *map, const struct tile_place *p, float *v, size_t plane)    \
    {                                                                                              \
        vec d[N * N], t[N * N];                                                                    \
        read_tile(map, p, N, M, d);                                                                \
        TRANSFORM(bt_##N, d, N, t, N);                                                             \
        for (int i = 0; i < N * N; i++)                                                            \
            store(v + (size_t)i * plane, t[i]);                                                    \
    }                                                                                              \
    static void output_##N(const float *t, size_t plane, const float *bias, bool clip,             \
                           float slope, float *map, const struct tile_place *p)                    \
    {                                                                                              \
        vec d[N * N], y[M * M], shift = bias ? load(bias) : (vec){0}, zero = {0};                  \
        for (int i = 0; i < N * N; i++)                                                            \
            d[i] = load(t + (size_t)i * plane);                                                    \
        TRANSFORM(at_##N, d, N, y, M);                                                             \
        int rows = p->height - p->y < M ? p->height - p->y : M,                                    \
            cols = p->width - p->x < M ? p->width - p->x : M;                                      \
        for (int i = 0; i < rows; i++)                                                             \
            for (int k = 0; k < cols; k++) {                                                       \
                vec value = y[i * M + k] + shift;                                                  \
                if (clip) {                                                                        \
                    ivec up = value > zero;                                                        \
                    value = (vec)((up & (ivec)value) | (~up & (ivec)(value * slope)));             \
                }                                                                                  \
                store(map + ((p->y + i) * p->width + p->x + k) * LANES, value);                    \
            }                                                                                      \
    }                                                                                              \
    static void gradient_##N(const float *map, const struct tile_place *p, float *z, size_t plane) \
    {                                                                                              \
        vec d[M * M], t[N * N];                                                                    \
        read_tile(map, p, M, M, d);                                                                \
        TRANSFORM(a_##N, d, M, t, N);                                                              \
        for (int i = 0; i < N * N; i++)                                                            \
            store(z + (size_t)i * plane, t[i]);                                                    \
    }                                                                                              \
    static void spread_##N(const float *t, size_t plane, float *map, const struct tile_place *p)   \
    {                                                                                              \
        vec d[N * N], y[N * N];                                                                    \
        for (int i = 0; i < N * N; i++)                                                            \
            d[i] = load(t + (size_t)i * plane);                                                    \
        TRANSFORM(b_##N, d, N, y, N);                                                              \
        for (int i = 0; i < N; i++)                                                                \
            for (int k = 0; k < N; k++) {                                                          \
                int row = p->y + i, col = p->x + k;                                                \
                if (row < 0 || row >= p->height || col < 0 || col >= p->width)                     \
                    continue;                                                                      \
                float *to = map + (row * p->width + col) * LANES;                                  \
                store(to, load(to) + y[i * N + k]);                                                \
            }                                                                                      \
    }                                                                                              \
    static void filter_##N(const float *g, size_t stride, float *u, size_t plane)                  \
    {                                                                                              \
        vec d[9], t[N * N];                                                                        \
        for (size_t i = 0; i < 9; i++)                                                             \
            d[i] = load(g + i * stride);                                                           \
        TRANSFORM(g_##N, d, 3, t, N);                                                              \
        for (int i = 0; i < N * N; i++)                                                            \
            store(u + (size_t)i * plane, t[i]);                                                    \
    }                                                                                              \
    static void filter_gradient_##N(const float *u, size_t plane, float *g, size_t stride)         \
    {                                                                                              \
        vec d[N * N], t[9];                                                                        \
        for (int i = 0; i < N * N; i++)                                                            \
            d[i] = load(u + (size_t)i * plane);                                                    \
        TRANSFORM(gt_##N, d, N, t, 3);                                                             \
        for (size_t i = 0; i < 9; i++)                                                             \
            store(g + i * stride, t[i]);                                                           \
    }

TILE_FUNCTIONS(6, 4)
TILE_FUNCTIONS(5, 3)

#define TABLE(N, M)                                                                                \
    {                                                                                              \
        .n = N, .m = M, .input = input_##N, .output = output_##N, .gradient = gradient_##N,        \
        .spread = spread_##N, .filter = filter_##N, .filter_gradient = filter_gradient_##N         \
    }

extern const struct winograd_set WINOGRAD_TABLE;
const struct winograd_set WINOGRAD_TABLE = {.f4 = TABLE(6, 4), .f3 = TABLE(5, 3)};
