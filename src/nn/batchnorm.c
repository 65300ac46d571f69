/* Batch normalisation; see batchnorm.h. Sums are taken slice by slice and reduced in one order, so
 * that they do not depend on the number of threads. */
#include "nn/batchnorm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/simd.h"

#define FORWARD_EPSILON 1e-6f
#define BACKWARD_EPSILON 1e-5f

int batchnorm_init(struct batchnorm *bn, const struct tensor *x, struct err *e)
{
    size_t channels = (size_t)x->shape.channels, slices = (size_t)x->batch * channels;
    float *block = floats_new(9 * channels + 2 * slices);
    if (!block)
        return err_memory(e);
    *bn = (struct batchnorm){.mean = block,
                             .variance = block + channels,
                             .a = block + 2 * channels,
                             .b = block + 3 * channels,
                             .gate_a = block + 4 * channels,
                             .gate_b = block + 5 * channels,
                             .mix_a = block + 6 * channels,
                             .mix_b = block + 7 * channels,
                             .mix_c = block + 8 * channels,
                             .part = {block + 9 * channels, block + 9 * channels + slices}};
    return 0;
}

void batchnorm_release(struct batchnorm *bn)
{
    free(bn->mean);
    memset(bn, 0, sizeof(*bn));
}

static size_t pixels_of(const struct tensor *x)
{
    return (size_t)x->shape.height * (size_t)x->shape.width;
}

/* Mean and variance of the batch from the moments of its slices (Chan et al. 1979). */
static void reduce_moments(struct batchnorm *bn, const struct tensor *x)
{
    size_t channels = (size_t)x->shape.channels;
    double pixels = (double)pixels_of(x), count = pixels * x->batch;
    for (size_t c = 0; c < channels; c++) {
        double sum = 0, square = 0;
        for (size_t n = 0; n < (size_t)x->batch; n++)
            sum += (double)bn->part[0][n * channels + c];
        double mean = sum / x->batch;
        for (size_t n = 0; n < (size_t)x->batch; n++) {
            double d = (double)bn->part[0][n * channels + c] - mean;
            square += (double)bn->part[1][n * channels + c] + pixels * d * d;
        }
        bn->mean[c] = (float)mean;
        bn->variance[c] = (float)(count > 1 ? square / (count - 1) : 0);
    }
}

/* y = a x + b by channel on every slice. */
static void apply(const struct batchnorm *bn, const struct tensor *x, struct tensor *y, bool relu)
{
    int slices = tensor_slices(x), groups = x->shape.channels / x->block;
    size_t slice = tensor_slice(x);
#pragma omp parallel for
    for (int s = 0; s < slices; s++) {
        size_t channel = (size_t)(s % groups) * (size_t)x->block, at = (size_t)s * slice;
        simd()->scale_shift(x->value + at, y->value + at, pixels_of(x), x->block, bn->a + channel,
                            bn->b + channel, relu);
    }
}

void batchnorm_train(struct batchnorm *bn, const struct batchnorm_params *p, const struct tensor *x,
                     struct tensor *y, bool relu)
{
    int slices = tensor_slices(x);
    size_t slice = tensor_slice(x), channels = (size_t)x->shape.channels;
#pragma omp parallel for
    for (int s = 0; s < slices; s++)
        simd()->moments(x->value + (size_t)s * slice, pixels_of(x), x->block,
                        bn->part[0] + s * x->block, bn->part[1] + s * x->block);
    reduce_moments(bn, x);
    for (size_t c = 0; c < channels; c++) {
        p->rolling_mean[c] = .99f * p->rolling_mean[c] + .01f * bn->mean[c];
        p->rolling_variance[c] = .99f * p->rolling_variance[c] + .01f * bn->variance[c];
        bn->a[c] = p->scale[c] / (sqrtf(bn->variance[c]) + FORWARD_EPSILON);
        bn->b[c] = (p->bias ? p->bias[c] : 0) - bn->mean[c] * bn->a[c];
        bn->gate_a[c] = relu ? bn->a[c] : 0;
        bn->gate_b[c] = relu ? bn->b[c] : 1;
    }
    apply(bn, x, y, relu);
}

void batchnorm_fold(const struct batchnorm_params *p, int channels, float *a, float *b)
{
    for (int c = 0; c < channels; c++) {
        a[c] = p->scale[c] / (sqrtf(p->rolling_variance[c]) + FORWARD_EPSILON);
        b[c] = (p->bias ? p->bias[c] : 0) - p->rolling_mean[c] * a[c];
    }
}

void batchnorm_take(struct batchnorm *bn, const struct batchnorm_params *p, int channels)
{
    batchnorm_fold(p, channels, bn->a, bn->b);
}

void batchnorm_infer(struct batchnorm *bn, const struct tensor *x, struct tensor *y)
{
    apply(bn, x, y, false);
}

/* Sums over the batch of the two parts of channel c. */
static void reduce_sums(const struct batchnorm *bn, const struct tensor *x, size_t c, double *sum,
                        double *product)
{
    size_t channels = (size_t)x->shape.channels;
    *sum = *product = 0;
    for (size_t n = 0; n < (size_t)x->batch; n++) {
        *sum += (double)bn->part[0][n * channels + c];
        *product += (double)bn->part[1][n * channels + c];
    }
}

/* With r = 1/sqrt(variance + 1e-5): dx = scale r (dy - sum(dy)/N - (x - mean) r^2 sum(dy (x -
 * mean))/N), written as a dy + b x + c. */
void batchnorm_backward(struct batchnorm *bn, const struct batchnorm_params *p,
                        const struct batchnorm_gradients *g, const struct tensor *x,
                        struct tensor *dy)
{
    int slices = tensor_slices(x), groups = x->shape.channels / x->block;
    size_t slice = tensor_slice(x), channels = (size_t)x->shape.channels;
    double count = (double)pixels_of(x) * x->batch;
#pragma omp parallel for
    for (int s = 0; s < slices; s++) {
        size_t channel = (size_t)(s % groups) * (size_t)x->block, at = (size_t)s * slice;
        struct gate gate = {bn->gate_a + channel, bn->gate_b + channel};
        simd()->gradient_sums(dy->value + at, x->value + at, pixels_of(x), x->block, &gate,
                              bn->mean + channel, bn->part[0] + s * x->block,
                              bn->part[1] + s * x->block);
    }
    for (size_t c = 0; c < channels; c++) {
        double sum, product, r = 1 / sqrt((double)bn->variance[c] + (double)BACKWARD_EPSILON);
        reduce_sums(bn, x, c, &sum, &product);
        if (g->bias)
            g->bias[c] += (float)sum;
        g->scale[c] += (float)(product / (sqrt((double)bn->variance[c]) + (double)FORWARD_EPSILON));
        double a = (double)p->scale[c] * r, b = -a * r * r * product / count;
        bn->mix_a[c] = (float)a;
        bn->mix_b[c] = (float)b;
        bn->mix_c[c] = (float)(-a * sum / count - b * (double)bn->mean[c]);
    }
#pragma omp parallel for
    for (int s = 0; s < slices; s++) {
        size_t channel = (size_t)(s % groups) * (size_t)x->block, at = (size_t)s * slice;
        struct gate gate = {bn->gate_a + channel, bn->gate_b + channel};
        simd()->gradient_mix(dy->value + at, x->value + at, pixels_of(x), x->block, &gate,
                             bn->mix_a + channel, bn->mix_b + channel, bn->mix_c + channel);
    }
}
