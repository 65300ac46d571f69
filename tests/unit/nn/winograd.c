/* Winograd's convolutions against oneDNN's direct ones: all three passes, shapes that do and do not
 * divide into tiles, every padding, batches that leave a block of tiles unfinished. In whole
 * networks both are held against the scalar reference (layers.c) and libdarknet (darknet/). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "nn/engine.h"
#include "nn/simd.h"

#ifdef HAVE_LIBXSMM

struct results {
    float *y, *dx, *dw;
};

static float *random_floats(size_t count, uint64_t seed)
{
    float *x = floats_new(count);
    struct rng r;
    assert_non_null(x);
    rng_init(&r, seed, 0, 0);
    for (size_t i = 0; i < count; i++)
        x[i] = rng_range(&r, -.5f, .5f);
    return x;
}

/* Distance of two vectors over the length of the second. */
static double distance(const float *a, const float *b, size_t count)
{
    double d = 0, length = 0;
    for (size_t i = 0; i < count; i++) {
        d += pow((double)a[i] - (double)b[i], 2);
        length += pow((double)b[i], 2);
    }
    return sqrt(d / length);
}

static size_t inputs(const struct conv_shape *s)
{
    return (size_t)s->batch * nn_shape_values(s->in);
}

static size_t outputs(const struct conv_shape *s)
{
    return (size_t)s->batch * nn_shape_values(s->out);
}

static size_t weights(const struct conv_shape *s)
{
    return 9 * (size_t)s->in.channels * (size_t)s->out.channels;
}

static struct results run(const struct conv_kernels *k, const struct conv_shape *s)
{
    struct err e = {""};
    struct results r = {floats_new(outputs(s)), floats_new(inputs(s)), floats_new(weights(s))};
    float *x = random_floats(inputs(s), 1), *dy = random_floats(outputs(s), 2);
    float *w = random_floats(weights(s), 3), *bias = random_floats((size_t)s->out.channels, 4);
    void *kernel = k->create(s, &e);
    assert_non_null(kernel);
    k->set_weights(kernel, w);
    k->forward(kernel, x, bias, r.y);
    k->backward_data(kernel, dy, r.dx);
    k->backward_weights(kernel, x, dy, r.dw);
    k->destroy(kernel);
    free(x);
    free(dy);
    free(w);
    free(bias);
    return r;
}

static void release(struct results *r)
{
    free(r->y);
    free(r->dx);
    free(r->dw);
}

static struct conv_shape shape(int batch, int in, int out, int height, int width, int pad)
{
    int block = simd()->width;
    return (struct conv_shape){.batch = batch,
                               .in = {in, height, width},
                               .out = {out, height + 2 * pad - 2, width + 2 * pad - 2},
                               .in_block = block,
                               .out_block = block,
                               .size = 3,
                               .stride = 1,
                               .pad = pad,
                               .groups = 1,
                               .bias = true,
                               .clip = pad == 1,
                               .slope = .1f,
                               .training = true,
                               .input_gradient = true};
}

static const int CASES[][6] = {
    /* batch, in, out, height, width, padding */
    {1, 32, 32, 48, 48, 1}, {3, 32, 64, 46, 46, 0}, {2, 64, 32, 24, 24, 1}, {5, 64, 96, 6, 6, 1},
    {7, 96, 64, 12, 12, 1}, {2, 32, 32, 9, 13, 1},  {3, 32, 32, 7, 6, 0},   {1, 32, 64, 5, 11, 2},
    {2, 64, 64, 10, 10, 0}, {1, 32, 32, 4, 4, 1},   {13, 32, 32, 6, 9, 1},
};

static void test_all_passes_equal_direct_convolution(void **state)
{
    (void)state;
    if (simd()->width == 1)
        return; /* nothing to compare: plain layouts are left to oneDNN */
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        const int *c = CASES[i];
        struct conv_shape s = shape(c[0], c[1], c[2], c[3], c[4], c[5]);
        assert_true(CONV_WINOGRAD.fits(&s));
        struct results direct = run(&CONV_DNNL, &s), fast = run(&CONV_WINOGRAD, &s);
        double y = distance(fast.y, direct.y, outputs(&s)),
               dx = distance(fast.dx, direct.dx, inputs(&s)),
               dw = distance(fast.dw, direct.dw, weights(&s));
        if (!(y < 1e-5 && dx < 1e-5 && dw < 3e-5))
            fail_msg("%dx%d: %g %g %g", c[3], c[4], y, dx, dw);
        release(&direct);
        release(&fast);
    }
}

static void test_other_shapes_are_left_to_direct_convolution(void **state)
{
    (void)state;
    struct conv_shape good = shape(2, 32, 32, 12, 12, 1), s = good;
    if (simd()->width > 1)
        assert_ptr_equal(conv_choose(&good), &CONV_WINOGRAD);
    s.stride = 2;
    assert_ptr_equal(conv_choose(&s), &CONV_DNNL);
    s = good;
    s.size = 5;
    assert_ptr_equal(conv_choose(&s), &CONV_DNNL);
    s = good;
    s.groups = 2;
    assert_ptr_equal(conv_choose(&s), &CONV_DNNL);
    s = good;
    s.in.channels = 1;
    s.in_block = 1;
    assert_ptr_equal(conv_choose(&s), &CONV_DNNL);
    s = good;
    s.out.channels = 48;
    assert_ptr_equal(conv_choose(&s), &CONV_DNNL);
}

static void test_a_picture_does_not_depend_on_its_batch_or_the_threads(void **state)
{
    (void)state;
    struct conv_shape many = shape(5, 32, 32, 11, 10, 1), one = shape(1, 32, 32, 11, 10, 1);
    if (simd()->width == 1)
        return;
    nn_set_threads(2);
    struct results all = run(&CONV_WINOGRAD, &many);
    nn_set_threads(1);
    struct results first = run(&CONV_WINOGRAD, &one);
    assert_memory_equal(all.y, first.y, outputs(&one) * sizeof(float));
    release(&all);
    release(&first);
}

static void test_more_threads_than_at_the_making_do_no_harm(void **state)
{
    (void)state;
    struct conv_shape s = shape(4, 32, 32, 12, 12, 1);
    if (simd()->width == 1)
        return;
    struct err e = {""};
    nn_set_threads(1);
    void *kernel = CONV_WINOGRAD.create(&s, &e);
    assert_non_null(kernel);
    nn_set_threads(4);
    float *x = random_floats(inputs(&s), 1), *w = random_floats(weights(&s), 3),
          *y = floats_new(outputs(&s));
    s.bias = false;
    CONV_WINOGRAD.set_weights(kernel, w);
    CONV_WINOGRAD.forward(kernel, x, w, y);
    CONV_WINOGRAD.backward_weights(kernel, x, y, w);
    CONV_WINOGRAD.destroy(kernel);
    nn_set_threads(0);
    free(x);
    free(y);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_passes_equal_direct_convolution),
        cmocka_unit_test(test_other_shapes_are_left_to_direct_convolution),
        cmocka_unit_test(test_a_picture_does_not_depend_on_its_batch_or_the_threads),
        cmocka_unit_test(test_more_threads_than_at_the_making_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    puts("1..0 # SKIP built without LIBXSMM");
    return 0;
}

#endif
