/* The engine's inner loops, compiled once for each instruction set from simd.c and chosen by the
 * CPU at run time.
 *
 * All run on one thread and on one slice of a tensor (see tensor.h) or on a flat run of values.
 * `block` is 1 or the set's own block. Per-channel arguments point to `block` values. Results
 * depend on the instruction set, never on the number of threads. */
#ifndef FERCLI_NN_SIMD_H
#define FERCLI_NN_SIMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool_shape {
    int in_height, in_width, out_height, out_width;
    int size, stride;
    int offset; /* of the first window against the map's corner, not above 0 */
};

struct dropout {
    float probability;
    uint64_t key; /* chooses the mask */
};

struct sgd_rule {
    float rate, momentum, decay;
    bool nesterov;
};

struct adam_rule {
    float rate; /* with the bias corrections in it */
    float beta1, beta2, epsilon, decay;
};

#define DOT_OUTPUTS 12 /* most that one call of `dot` takes */

/* A dense layer: x W^T + b. */
struct dot {
    const float *x;    /* (rows, inputs) */
    const float *w;    /* (outputs, inputs) */
    const float *bias; /* (outputs); NULL: none */
    float *y;          /* (rows, stride), stride at least the outputs */
    size_t rows, inputs, stride;
};

/* A ReLU's way back, told from what went into scale_shift: open where a x + b > 0, by channel. */
struct gate {
    const float *a, *b;
};

struct simd {
    const char *name; /* such as "AVX-512" */
    int width;        /* the block of blocked layouts; 1: plain only */

    /* Mean and sum of squared distances from it, for each channel of a slice. */
    void (*moments)(const float *x, size_t pixels, int block, float *mean, float *square);
    /* y = a x + b by channel; relu: and not below 0. x may be y. */
    void (*scale_shift)(const float *x, float *y, size_t pixels, int block, const float *a,
                        const float *b, bool relu);
    /* Sums of dy and of dy (x - mean), for each channel; dy is 0 where the gate is shut. */
    void (*gradient_sums)(const float *dy, const float *x, size_t pixels, int block,
                          const struct gate *gate, const float *mean, float *sum, float *product);
    /* dy = a dy + b x + c by channel; dy on the right is 0 where the gate is shut. */
    void (*gradient_mix)(float *dy, const float *x, size_t pixels, int block,
                         const struct gate *gate, const float *a, const float *b, const float *c);
    void (*channel_sums)(const float *x, size_t pixels, int block, float *sum);

    void (*leaky)(float *y, size_t count, float slope); /* y<0: y *= slope */
    void (*leaky_backward)(const float *y, float *dy, size_t count,
                           float slope); /* y<=0: dy *= slope */
    void (*add)(float *sum, const float *x, size_t count);
    /* y = y + part (x - y) */
    void (*blend)(float *y, const float *x, float part, size_t count);
    double (*square_sum)(const float *x, size_t count);

    void (*maxpool)(const struct pool_shape *s, int block, const float *x, float *y);
    void (*maxpool_backward)(const struct pool_shape *s, int block, const float *x, const float *y,
                             const float *dy, float *dx);

    /* y = x kept with probability 1-p and scaled by 1/(1-p), else 0; `first` is the index of x[0]
     * in the mask. */
    void (*dropout)(const struct dropout *d, const float *x, float *y, size_t first, size_t count);

    /* y[r][o] = bias[o] + sum_i x[r][i] w[o][i] for outputs output .. output + outputs - 1, at most
     * DOT_OUTPUTS of them, of all rows. The order of the additions depends on the inputs alone. */
    void (*dot)(const struct dot *d, size_t output, size_t outputs);

    void (*sgd)(const struct sgd_rule *r, float *w, const float *g, float *velocity, size_t count);
    void (*adam)(const struct adam_rule *r, float *w, const float *g, float *m, float *v,
                 size_t count);
};

/* The best set that this CPU has. */
const struct simd *simd(void);

#endif
