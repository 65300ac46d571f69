/* Activations and their layouts; see tensor.h. */
#include "nn/tensor.h"

#include <stdlib.h>
#include <string.h>

#include "nn/simd.h"

int tensor_block(struct nn_shape shape)
{
    int width = simd()->width;
    bool spatial = shape.height * shape.width > 1;
    return spatial && shape.channels % width == 0 ? width : 1;
}

size_t nn_shape_values(struct nn_shape s)
{
    return (size_t)s.channels * (size_t)s.height * (size_t)s.width;
}

size_t tensor_values(const struct tensor *t)
{
    return (size_t)t->batch * nn_shape_values(t->shape);
}

int tensor_slices(const struct tensor *t)
{
    return t->batch * (t->shape.channels / t->block);
}

size_t tensor_slice(const struct tensor *t)
{
    return (size_t)t->shape.height * (size_t)t->shape.width * (size_t)t->block;
}

void tensor_from_plain(struct tensor *t, const float *plain)
{
    size_t pixels = (size_t)t->shape.height * (size_t)t->shape.width, block = (size_t)t->block;
    if (block == 1) {
        const size_t picture = nn_shape_values(t->shape);
#pragma omp parallel for
        for (int n = 0; n < t->batch; n++)
            memcpy(t->value + (size_t)n * picture, plain + (size_t)n * picture,
                   picture * sizeof(float));
        return;
    }
    int slices = tensor_slices(t);
#pragma omp parallel for
    for (int s = 0; s < slices; s++) {
        const float *in = plain + (size_t)s * pixels * block;
        float *out = t->value + (size_t)s * pixels * block;
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < block; c++)
                out[p * block + c] = in[c * pixels + p];
    }
}

void tensor_to_plain(const struct tensor *t, float *plain)
{
    size_t pixels = (size_t)t->shape.height * (size_t)t->shape.width, block = (size_t)t->block;
    if (block == 1) {
        memcpy(plain, t->value, tensor_values(t) * sizeof(float));
        return;
    }
    int slices = tensor_slices(t);
#pragma omp parallel for
    for (int s = 0; s < slices; s++) {
        const float *in = t->value + (size_t)s * pixels * block;
        float *out = plain + (size_t)s * pixels * block;
        for (size_t c = 0; c < block; c++)
            for (size_t p = 0; p < pixels; p++)
                out[c * pixels + p] = in[p * block + c];
    }
}

float *floats_raw(size_t count)
{
    if (count > SIZE_MAX / sizeof(float) - 64)
        return NULL;
    size_t bytes = (count * sizeof(float) + 63) / 64 * 64;
    return aligned_alloc(64, bytes ? bytes : 64);
}

float *floats_new(size_t count)
{
    float *memory = floats_raw(count);
    if (memory)
        memset(memory, 0, count * sizeof(float));
    return memory;
}
