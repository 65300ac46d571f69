/* What the compute library behind the engine gives: convolutions, matrix products, the CPU's
 * instruction set. */
#ifndef FERCLI_NN_ENGINE_H
#define FERCLI_NN_ENGINE_H

#include <stdbool.h>

#include "nn/tensor.h"

enum isa { ISA_PLAIN, ISA_AVX2, ISA_AVX512 };

/* The newest set that the library compiles kernels for on this CPU. */
enum isa engine_isa(void);

/* The library and this set, such as `oneDNN 2.6.3, AVX-512`; static text. */
const char *engine_library(void);

/* C = op(A) B + beta C, all row-major: C is (m, n), op(A) (m, k), B (k, n). Uses all
 * threads. */
struct gemm {
    bool transpose_a;
    int m, n, k;
    const float *a, *b;
    float beta;
    float *c;
};
void gemm_run(const struct gemm *g);

/* A convolution on tensors of fixed shape and layout. */
struct conv_shape {
    int batch;
    struct nn_shape in, out;
    int in_block, out_block;
    int size, stride, pad, groups;
    bool bias;           /* add biases in the forward pass */
    bool clip;           /* forward: values below zero ... */
    float slope;         /* ... are multiplied by this (0: ReLU) */
    bool training;       /* the backward passes are wanted ... */
    bool input_gradient; /* ... the one to the input too */
};

/* One way to compute convolutions. Weights and their gradients have the layout of the weights file,
 * (out, in/groups, size, size); a kernel keeps its own copy in whatever layout it likes. */
struct conv_kernels {
    const char *name;
    bool (*fits)(const struct conv_shape *s); /* can it compute this one? */
    void *(*create)(const struct conv_shape *s, struct err *e);
    void (*set_weights)(void *kernel, const float *weights);
    void (*forward)(void *kernel, const float *x, const float *bias, float *y);
    void (*backward_data)(void *kernel, const float *dy, float *dx);
    void (*backward_weights)(void *kernel, const float *x, const float *dy,
                             float *dw); /* overwrites dw */
    void (*destroy)(void *kernel);
};
extern const struct conv_kernels CONV_DNNL;     /* any shape */
extern const struct conv_kernels CONV_WINOGRAD; /* 3x3, stride 1; only where LIBXSMM is */

/* Does LIBXSMM compile what CONV_WINOGRAD needs on this CPU? Only where LIBXSMM is. */
bool winograd_compiles(void);

/* The kernels for a shape: a fixed rule on shape and CPU, so that runs can be repeated. */
const struct conv_kernels *conv_choose(const struct conv_shape *s);

#endif
