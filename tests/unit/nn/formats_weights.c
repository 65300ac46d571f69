/* darknet's weights files: every form of the header, sizes, orders, and that a failure leaves all
 * as it was. */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <math.h>

#include "base/file.h"
#include "netpair.h"
#include "nn.h"
#include "scratch.h"

/* 5 filters of 2x3x3 with a batch norm, 3 outputs of 5x4x3: 20 + 90 + 3 + 180 floats. */
#define NET "[net]\nbatch=2\nchannels=2\nheight=4\nwidth=3\n"
#define CONV "[convolutional]\nfilters=5\nsize=3\npad=1\nbatch_normalize=1\nactivation=relu\n"
#define DENSE "[connected]\noutput=3\nactivation=linear\n"
#define CFG NET CONV DENSE "[softmax]\n"
#define FLOATS 293

static const int32_t USUAL[3] = {0, 2, 0};

struct path {
    char text[512];
};

static struct path path_of(const char *name)
{
    struct path p;
    snprintf(p.text, sizeof(p.text), "%s", scratch_file(name));
    return p;
}

static float *floats(size_t count)
{
    float *values = malloc(count * sizeof(*values));
    for (size_t i = 0; i < count; i++)
        values[i] = 1 + (float)i / 1024; /* all different, none negative: variances among them */
    return values;
}

static void check_same_file(const char *one, const char *two)
{
    struct err e = {0};
    char *a, *b;
    size_t m, n;
    assert_int_equal(file_read(one, 1 << 20, &a, &m, &e), 0);
    assert_int_equal(file_read(two, 1 << 20, &b, &n, &e), 0);
    assert_int_equal(m, n);
    assert_memory_equal(a, b, n);
    free(a);
    free(b);
}

static const struct header {
    int32_t version[3];
    int wide;
} headers[] = {
    {{0, 1, 0}, 0}, {{0, 2, 0}, 1},  {{0, 2, 5}, 1},    {{0, 3, 0}, 1},    {{1, 0, 0}, 1},
    {{0, 0, 7}, 0}, {{99, 9, 1}, 1}, {{1000, 0, 0}, 0}, {{0, 1000, 0}, 0}, {{999, 999, 0}, 1},
};

static void test_every_header_comes_back_byte_for_byte(void **state)
{
    (void)state;
    float *values = floats(FLOATS);
    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
        const struct path in = path_of("in.weights"), out = path_of("out.weights");
        uint64_t seen = headers[i].wide ? 0x123456789abcu : 0x9abcdef0u;
        struct err e = {0};
        struct nn_net *net = net_of(CFG);
        assert_int_equal(nn_net_parameters(net), FLOATS);
        write_weights(in.text, headers[i].version, seen, headers[i].wide, values, FLOATS);
        if (nn_net_load_weights(net, in.text, &e))
            fail_msg("%s", e.text);
        assert_true(nn_net_seen(net) == seen);
        assert_memory_equal(nn_net_values(net), values, FLOATS * sizeof(*values));
        assert_int_equal(nn_net_save_weights(net, out.text, &e), 0);
        check_same_file(in.text, out.text);
        nn_net_free(net);
    }
    free(values);
}

static void test_the_size_of_the_header_follows_from_the_version(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
        unsigned char bytes[20] = {0};
        const size_t size = headers[i].wide ? 20 : 16;
        memcpy(bytes, headers[i].version, sizeof(headers[i].version));
        assert_int_equal(nn_weights_header_size(bytes, sizeof(bytes)), size);
        assert_int_equal(nn_weights_header_size(bytes, size), size);
        assert_int_equal(nn_weights_header_size(bytes, size - 1), 0);
    }
}

static void test_transposed_weights_are_turned_and_turned_back(void **state)
{
    (void)state;
    static const int32_t versions[][3] = {{1001, 0, 0}, {0, 1001, 0}, {1001, 2, 0}};
    float *values = floats(FLOATS);
    for (size_t i = 0; i < 3; i++) {
        const struct path in = path_of("in.weights"), out = path_of("out.weights");
        struct err e = {0};
        struct nn_net *net = net_of(CFG);
        write_weights(in.text, versions[i], 77, 0, values, FLOATS);
        assert_int_equal(nn_net_load_weights(net, in.text, &e), 0);
        const float *got = nn_net_values(net), *file = values + 113;
        assert_memory_equal(got, values,
                            113 * sizeof(*got)); /* the convolution and the dense biases */
        for (size_t o = 0; o < 3; o++)
            for (size_t k = 0; k < 60; k++)
                assert_true(got[113 + o * 60 + k] == file[k * 3 + o]);
        assert_int_equal(nn_net_save_weights(net, out.text, &e), 0);
        check_same_file(in.text, out.text);
        nn_net_free(net);
    }
    free(values);
}

static void test_untrained_network_is_written_as_darknet_writes_it(void **state)
{
    (void)state;
    const struct path path = path_of("new.weights");
    struct err e = {0};
    struct nn_net *net = net_of(CFG);
    assert_int_equal(nn_net_save_weights(net, path.text, &e), 0);
    char *bytes;
    size_t size;
    assert_int_equal(file_read(path.text, 1 << 20, &bytes, &size, &e), 0);
    assert_int_equal(size, 20 + 4 * FLOATS);
    assert_memory_equal(bytes, "\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    assert_memory_equal(bytes + 20, nn_net_values(net), 4 * FLOATS);
    free(bytes);
    nn_net_free(net);
}

/* darknet's order: biases, scales, means, variances, weights of a convolution; biases, weights,
 * scales, means, variances of a connected layer; scales, means, variances of a batch norm. */
static void test_order_of_the_runs(void **state)
{
    (void)state;
    struct nn_net *net =
        net_of("[net]\nchannels=1\nheight=1\nwidth=2\n[convolutional]\nfilters=1\nsize=1\n"
               "batch_normalize=1\nactivation=linear\n[connected]\noutput=1\nbatch_normalize=1\n"
               "activation=linear\n[batchnorm]\n");
    assert_int_equal(nn_net_parameters(net), 5 + 6 + 3);
    const float values[] = {/* bias, scale, mean, variance, weight */ 1,
                            2,
                            3,
                            4,
                            5,
                            /* bias, weights, scale, mean, variance */ 6,
                            7,
                            8,
                            9,
                            10,
                            11,
                            /* scale, mean, variance */ 12,
                            13,
                            14};
    const double input[] = {.5, -.25};
    nn_net_set_values(net, values);
    double x[2], y = 0;
    for (int i = 0; i < 2; i++) {
        x[i] = (input[i] * 5 - 3) / (sqrt(4.) + 1e-6) * 2 + 1;
        y += x[i] * (7 + i);
    }
    y = (y - 10) / (sqrt(11.) + 1e-6) * 9 + 6;
    y = (y - 13) / (sqrt(14.) + 1e-6) * 12;
    struct nn_predictor *p = predictor_of(net, 0, 3, 1);
    float got;
    nn_predictor_run(p, (const float[]){.5f, -.25f}, 1, &got);
    if (!(fabs((double)got - y) < 1e-4 * fabs(y)))
        fail_msg("%g, not %g", (double)got, y);
    nn_predictor_free(p);
    nn_net_free(net);
}

/* ---- refusals ---- */

/* Loading `path` fails, names it and all of `numbers`, and changes neither parameters nor what is
 * saved. */
static void check_refused(const char *path, const char *first, const char *second)
{
    const struct path before = path_of("before.weights"), after = path_of("after.weights");
    static const int32_t version[3] = {0, 1, 3};
    float *values = floats(FLOATS);
    struct err e = {0};
    struct nn_net *net = net_of(CFG);
    write_weights(before.text, version, 4711, 0, values, FLOATS);
    assert_int_equal(nn_net_load_weights(net, before.text, &e), 0);
    assert_int_equal(nn_net_load_weights(net, path, &e), -1);
    if (!strstr(e.text, path) || (first && !strstr(e.text, first)) ||
        (second && !strstr(e.text, second)))
        fail_msg("'%s' does not name %s, %s and %s", e.text, path, first, second);
    assert_null(strchr(e.text, '\n'));
    assert_memory_equal(nn_net_values(net), values, FLOATS * sizeof(*values));
    assert_int_equal(nn_net_save_weights(net, after.text, &e), 0);
    check_same_file(before.text, after.text);
    nn_net_free(net);
    free(values);
}

static void test_short_file_is_refused_with_both_sizes(void **state)
{
    (void)state;
    const struct path path = path_of("short.weights");
    float *values = floats(FLOATS);
    write_weights(path.text, USUAL, 0, 1, values, FLOATS - 1);
    check_refused(path.text, "1188", "1192");
    free(values);
}

static void test_long_file_is_refused_with_both_sizes(void **state)
{
    (void)state;
    const struct path path = path_of("long.weights");
    float *values = floats(FLOATS + 1);
    write_weights(path.text, USUAL, 0, 1, values, FLOATS + 1);
    check_refused(path.text, "1196", "1192");
    free(values);
}

static void test_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    const struct path path = path_of("cut.weights");
    float *values = floats(FLOATS);
    for (off_t size = 0; size < 1192; size += size < 32 ? 1 : 113) {
        write_weights(path.text, USUAL, 0, 1, values, FLOATS);
        assert_int_equal(truncate(path.text, size), 0);
        check_refused(path.text, NULL, NULL);
    }
    free(values);
}

static void test_empty_file_is_refused(void **state)
{
    (void)state;
    const struct path path = path_of("empty.weights");
    fclose(fopen(path.text, "wb"));
    check_refused(path.text, NULL, NULL);
}

static void test_missing_file_and_folder_are_refused(void **state)
{
    (void)state;
    check_refused(path_of("absent.weights").text, NULL, NULL);
    check_refused("/tmp", NULL, NULL);
}

static void test_values_that_are_no_numbers_are_refused(void **state)
{
    (void)state;
    const struct path path = path_of("nan.weights");
    const float bad[] = {NAN, INFINITY, -INFINITY};
    float *values = floats(FLOATS);
    for (size_t i = 0; i < 3; i++) {
        values[FLOATS - 1] = bad[i];
        write_weights(path.text, USUAL, 0, 1, values, FLOATS);
        check_refused(path.text, NULL, NULL);
    }
    values[FLOATS - 1] = 1;
    values[15] = -1; /* a rolling variance */
    write_weights(path.text, USUAL, 0, 1, values, FLOATS);
    check_refused(path.text, NULL, NULL);
    free(values);
}

static void test_variance_of_zero_is_read(void **state)
{
    (void)state;
    const struct path path = path_of("zero.weights");
    float *values = floats(FLOATS);
    struct err e = {0};
    struct nn_net *net = net_of(CFG);
    for (size_t i = 15; i < 20; i++)
        values[i] = 0; /* darknet writes them so before the first training step */
    write_weights(path.text, USUAL, 0, 1, values, FLOATS);
    assert_int_equal(nn_net_load_weights(net, path.text, &e), 0);
    nn_net_free(net);
    free(values);
}

/* ---- layers that are not loaded or not saved ---- */

static void test_dontload_leaves_the_layer_out_of_the_file_read(void **state)
{
    (void)state;
    const struct path path = path_of("partial.weights");
    struct err e = {0};
    struct nn_net *net = net_of(NET CONV DENSE "dontload=1\n[connected]\noutput=2\n[softmax]\n");
    float *values = floats(110 + 2 + 6), *before = malloc(nn_net_parameters(net) * sizeof(*before));
    memcpy(before, nn_net_values(net), nn_net_parameters(net) * sizeof(*before));
    write_weights(path.text, USUAL, 0, 1, values, 110 + 2 + 6);
    if (nn_net_load_weights(net, path.text, &e))
        fail_msg("%s", e.text);
    const float *got = nn_net_values(net);
    assert_memory_equal(got, values, 110 * sizeof(*got));
    assert_memory_equal(got + 110, before + 110, 183 * sizeof(*got));
    assert_memory_equal(got + FLOATS, values + 110, 8 * sizeof(*got));
    free(before);
    free(values);
    nn_net_free(net);
}

static void test_dontsave_leaves_the_layer_out_of_the_file_written(void **state)
{
    (void)state;
    const struct path path = path_of("partial.weights");
    struct err e = {0};
    struct stat s;
    struct nn_net *net = net_of(NET CONV "dontsave=1\n" DENSE "[softmax]\n");
    assert_int_equal(nn_net_save_weights(net, path.text, &e), 0);
    assert_int_equal(stat(path.text, &s), 0);
    assert_int_equal(s.st_size, 20 + 4 * 183);
    nn_net_free(net);
}

/* ---- writing ---- */

static int files_in_scratch(void)
{
    DIR *d = opendir(scratch_file(""));
    int count = 0;
    while (readdir(d))
        count++;
    closedir(d);
    return count;
}

static void test_unwritable_place_is_named(void **state)
{
    (void)state;
    struct err e = {0};
    struct nn_net *net = net_of(CFG);
    assert_int_equal(nn_net_save_weights(net, "/nonexistent/folder/x.weights", &e), -1);
    assert_non_null(strstr(e.text, "/nonexistent/folder/x.weights"));
    const struct path dir = path_of("folder.weights");
    assert_int_equal(mkdir(dir.text, 0777), 0);
    assert_int_equal(nn_net_save_weights(net, dir.text, &e), -1);
    assert_non_null(strstr(e.text, dir.text));
    rmdir(dir.text);
    nn_net_free(net);
}

/* A file system without room, acted by a limit on the size of files. */
static void test_failed_write_leaves_the_old_file(void **state)
{
    (void)state;
    const struct path path = path_of("old.weights"), copy = path_of("copy.weights");
    struct err e = {0};
    struct nn_net *net = net_of(CFG);
    assert_int_equal(nn_net_save_weights(net, path.text, &e), 0);
    assert_int_equal(nn_net_save_weights(net, copy.text, &e), 0);
    float *values = floats(FLOATS);
    nn_net_set_values(net, values);
    int files = files_in_scratch();

    struct rlimit old, low;
    getrlimit(RLIMIT_FSIZE, &old);
    low = old;
    low.rlim_cur = 100;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &low);
    int result = nn_net_save_weights(net, path.text, &e);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, handler);

    assert_int_equal(result, -1);
    assert_non_null(strstr(e.text, path.text));
    check_same_file(path.text, copy.text);
    assert_int_equal(files_in_scratch(), files);
    free(values);
    nn_net_free(net);
}

static void test_saving_replaces_an_old_file(void **state)
{
    (void)state;
    const struct path path = path_of("replaced.weights"), other = path_of("other.weights");
    struct err e = {0};
    struct nn_net *net = net_of(CFG);
    assert_int_equal(nn_net_save_weights(net, path.text, &e), 0);
    float *values = floats(FLOATS);
    nn_net_set_values(net, values);
    assert_int_equal(nn_net_save_weights(net, path.text, &e), 0);
    write_weights(other.text, USUAL, 0, 1, values, FLOATS);
    check_same_file(path.text, other.text);
    free(values);
    nn_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_header_comes_back_byte_for_byte),
        cmocka_unit_test(test_the_size_of_the_header_follows_from_the_version),
        cmocka_unit_test(test_transposed_weights_are_turned_and_turned_back),
        cmocka_unit_test(test_untrained_network_is_written_as_darknet_writes_it),
        cmocka_unit_test(test_order_of_the_runs),
        cmocka_unit_test(test_short_file_is_refused_with_both_sizes),
        cmocka_unit_test(test_long_file_is_refused_with_both_sizes),
        cmocka_unit_test(test_file_cut_anywhere_is_refused),
        cmocka_unit_test(test_empty_file_is_refused),
        cmocka_unit_test(test_missing_file_and_folder_are_refused),
        cmocka_unit_test(test_values_that_are_no_numbers_are_refused),
        cmocka_unit_test(test_variance_of_zero_is_read),
        cmocka_unit_test(test_dontload_leaves_the_layer_out_of_the_file_read),
        cmocka_unit_test(test_dontsave_leaves_the_layer_out_of_the_file_written),
        cmocka_unit_test(test_unwritable_place_is_named),
        cmocka_unit_test(test_failed_write_leaves_the_old_file),
        cmocka_unit_test(test_saving_replaces_an_old_file),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
