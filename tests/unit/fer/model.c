/* Models on disk and the classifier: what fits, what is refused, and results that depend on the
 * face alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/file.h"
#include "fer.h"
#include "scratch.h"

#define SIZE 12
#define PICTURE (SIZE * SIZE)
#define FACES 19

#define NET "[net]\nbatch=1\nheight=12\nwidth=12\nchannels=1\n"
#define LAYERS                                                                                     \
    "[convolutional]\nbatch_normalize=1\nfilters=5\nsize=3\nstride=1\npad=1\nactivation=leaky\n"   \
    "[maxpool]\nsize=2\nstride=2\n[connected]\noutput=7\nactivation=linear\n[softmax]\n"

static const char NAMES[] = "angry\ndisgust\nfear\nhappy\nsad\nsurprise\nneutral\n";

/* Writes the three files of a model and returns its prefix. */
static const char *write_model(const char *name, const char *cfg, const char *names)
{
    char file[64];
    struct err e = {""};
    snprintf(file, sizeof(file), "%s.names", name);
    scratch_write(file, names, strlen(names));
    snprintf(file, sizeof(file), "%s.cfg", name);
    struct nn_net *net = nn_net_new(scratch_write(file, cfg, strlen(cfg)), 5, &e);
    if (!net)
        fail_msg("%s", e.text);
    snprintf(file, sizeof(file), "%s.weights", name);
    if (nn_net_save_weights(net, scratch_file(file), &e))
        fail_msg("%s", e.text);
    nn_net_free(net);
    return scratch_file(name);
}

static void open_good(struct model *m)
{
    struct err e = {""};
    if (model_open(m, write_model("good", NET LAYERS, NAMES), &e))
        fail_msg("%s", e.text);
}

/* ---- the triple
 * ---------------------------------------------------------------------------------- */

static void test_model_is_opened(void **state)
{
    (void)state;
    struct model m;
    struct err e = {""};
    char *bytes;
    size_t count;
    const char *prefix = write_model("x.y", NET "face_margin=.15\n" LAYERS, NAMES);
    if (model_open(&m, prefix, &e))
        fail_msg("%s", e.text);
    assert_int_equal(nn_net_outputs(m.net), 7);
    assert_int_equal(m.names.count, 7);
    assert_string_equal(m.names.name[5], "surprise");
    assert_true(m.margin == 0.15);
    assert_string_equal(m.prefix, scratch_file("x.y"));
    assert_int_equal(file_read(scratch_file("x.y.weights"), 1 << 20, &bytes, &count, &e), 0);
    assert_int_equal(m.checksum, crc32(0, (const Bytef *)bytes, (uInt)count));
    free(bytes);
    model_close(&m);
    assert_null(m.net);
    model_close(&m);
}

static void test_weights_are_those_of_the_file(void **state)
{
    (void)state;
    struct model m;
    struct err e;
    open_good(&m);
    struct nn_net *net = nn_net_new(scratch_file("good.cfg"), 5, &e);
    assert_memory_equal(nn_net_values(m.net), nn_net_values(net),
                        nn_net_parameters(net) * sizeof(float));
    nn_net_free(net);
    model_close(&m);
}

static void test_margin_is_0_where_the_cfg_is_silent(void **state)
{
    (void)state;
    struct model m;
    open_good(&m);
    assert_true(m.margin == 0);
    model_close(&m);
}

static void test_training_keys_are_no_unknown_keys(void **state)
{
    (void)state;
    struct model m;
    struct err e = {""};
    const char *prefix = write_model(
        "keys",
        NET "flip=1\nshift=2\nmin_crop=11\nmax_crop=14\nangle=5\nexposure=1.2\nerase=.2\n"
            "face_margin=.1\nfaec_margin=.1\n" LAYERS,
        NAMES);
    assert_int_equal(model_open(&m, prefix, &e), 0);
    assert_non_null(strstr(nn_net_warning(m.net, 0), "keys.cfg:14: "));
    assert_null(nn_net_warning(m.net, 1));
    model_close(&m);
}

static void assert_refused(const char *prefix, const char *expected)
{
    struct model m;
    struct err e = {""};
    assert_int_equal(model_open(&m, prefix, &e), -1);
    if (!strstr(e.text, expected))
        fail_msg("the message is: %s; expected: %s", e.text, expected);
    assert_null(m.net);
    assert_null(m.names.name);
    assert_null(m.prefix);
}

static void test_names_that_do_not_fit_are_refused_with_both_numbers(void **state)
{
    (void)state;
    char expected[8192];
    const char *prefix = write_model("six", NET LAYERS, "a\nb\nc\nd\ne\nf\n");
    snprintf(expected, sizeof(expected),
             "model '%s': the network has 7 outputs but '%s.names' has 6 names", prefix, prefix);
    assert_refused(prefix, expected);
}

static void test_weights_of_another_network_are_refused(void **state)
{
    (void)state;
    static const char other[] = "[connected]\noutput=7\nactivation=linear\n[softmax]\n";
    char cfg[1024];
    const char *prefix = write_model("other", NET LAYERS, NAMES);
    snprintf(cfg, sizeof(cfg), "%s%s", NET, other);
    scratch_write("other.cfg", cfg, strlen(cfg));
    assert_refused(prefix, "other.weights'");
}

static void test_missing_part_is_named(void **state)
{
    (void)state;
    static const char *const parts[] = {"part.cfg", "part.weights", "part.names"};
    for (int i = 0; i < 3; i++) {
        const char *prefix = write_model("part", NET LAYERS, NAMES);
        assert_int_equal(unlink(scratch_file(parts[i])), 0);
        assert_refused(prefix, parts[i]);
    }
}

static void test_input_other_than_a_grey_square_is_refused(void **state)
{
    (void)state;
    assert_refused(
        write_model("wide", "[net]\nbatch=1\nheight=12\nwidth=16\nchannels=1\n" LAYERS, NAMES),
        "wide': the network's input is 1x12x16 (channels, height, width), expected one grey "
        "square");
    assert_refused(
        write_model("colour", "[net]\nbatch=1\nheight=12\nwidth=12\nchannels=3\n" LAYERS, NAMES),
        "colour': the network's input is 3x12x12");
}

static void test_nonsense_keys_are_refused_with_their_line(void **state)
{
    (void)state;
    assert_refused(write_model("margin", NET "face_margin=-3\n" LAYERS, NAMES), "margin.cfg:6: ");
    assert_refused(write_model("flip", NET "flip=yes\n" LAYERS, NAMES), "flip.cfg:6: ");
}

/* ---- the classifier
 * ------------------------------------------------------------------------------ */

static void draw_faces(unsigned char *pixels)
{
    for (unsigned i = 0; i < FACES * PICTURE; i++)
        pixels[i] = (unsigned char)(i * 2654435761u >> 17);
}

static void classify(const struct model *m, enum tta tta, const unsigned char *pixels, size_t count,
                     float *probabilities)
{
    struct err e = {""};
    struct classifier *c = classifier_new(m, tta, &e);
    if (!c)
        fail_msg("%s", e.text);
    classifier_run(c, pixels, count, probabilities);
    classifier_free(c);
}

static void test_probabilities_are_the_networks_for_255ths(void **state)
{
    (void)state;
    struct model m;
    struct err e;
    unsigned char pixels[FACES * PICTURE];
    float input[FACES * PICTURE], expected[FACES * 7], got[FACES * 7];
    open_good(&m);
    draw_faces(pixels);
    for (int i = 0; i < FACES * PICTURE; i++)
        input[i] = (float)pixels[i] / 255.0f;
    struct nn_predictor *p = nn_predictor_new(m.net, 0, nn_net_layers(m.net), 4, &e);
    nn_predictor_run(p, input, FACES, expected);
    nn_predictor_free(p);
    classify(&m, TTA_NONE, pixels, FACES, got);
    for (int i = 0; i < FACES; i++) {
        float sum = 0;
        for (int k = 0; k < 7; k++) {
            assert_true(fabsf(got[i * 7 + k] - expected[i * 7 + k]) < 1e-6f);
            sum += got[i * 7 + k];
        }
        assert_true(fabsf(sum - 1) < 1e-5f);
    }
    assert_true(memcmp(got, got + 7, 7 * sizeof(float)) != 0);
    model_close(&m);
}

static void test_face_does_not_depend_on_its_company(void **state)
{
    (void)state;
    struct model m;
    struct err e;
    unsigned char pixels[FACES * PICTURE];
    float together[FACES * 7], alone[7];
    open_good(&m);
    draw_faces(pixels);
    for (enum tta tta = TTA_NONE; tta <= TTA_TEN_CROP; tta++) {
        struct classifier *c = classifier_new(&m, tta, &e);
        classifier_run(c, pixels, FACES, together);
        for (int i = 0; i < FACES; i++) {
            classifier_run(c, pixels + i * PICTURE, 1, alone);
            assert_memory_equal(alone, together + i * 7, sizeof(alone));
        }
        classifier_free(c);
    }
    model_close(&m);
}

static void test_face_does_not_depend_on_the_threads(void **state)
{
    (void)state;
    struct model m;
    unsigned char pixels[FACES * PICTURE];
    float one[FACES * 7], three[FACES * 7];
    open_good(&m);
    draw_faces(pixels);
    nn_set_threads(1);
    classify(&m, TTA_TEN_CROP, pixels, FACES, one);
    nn_set_threads(3);
    classify(&m, TTA_TEN_CROP, pixels, FACES, three);
    nn_set_threads(0);
    assert_memory_equal(one, three, sizeof(one));
    model_close(&m);
}

static void test_tta_is_the_mean_with_the_mirrored_face(void **state)
{
    (void)state;
    struct model m;
    unsigned char pixels[FACES * PICTURE], mirrored[FACES * PICTURE];
    float plain[FACES * 7], other[FACES * 7], both[FACES * 7], again[FACES * 7];
    open_good(&m);
    draw_faces(pixels);
    for (int i = 0; i < FACES * PICTURE; i++)
        mirrored[i] = pixels[i / SIZE * SIZE + SIZE - 1 - i % SIZE];
    classify(&m, TTA_NONE, pixels, FACES, plain);
    classify(&m, TTA_NONE, mirrored, FACES, other);
    classify(&m, TTA_MIRROR, pixels, FACES, both);
    classify(&m, TTA_MIRROR, mirrored, FACES, again);
    for (int i = 0; i < FACES * 7; i++)
        assert_true(both[i] == (plain[i] + other[i]) / 2);
    assert_memory_equal(both, again, sizeof(both));
    assert_true(memcmp(both, plain, sizeof(both)) != 0);
    model_close(&m);
}

/* Every face moved by (x, y), with its border repeated. */
static void move_faces(const unsigned char *from, unsigned char *to, int x, int y)
{
    for (int i = 0; i < FACES * PICTURE; i++) {
        int row = i % PICTURE / SIZE - y, column = i % SIZE - x;
        row = row < 0 ? 0 : row >= SIZE ? SIZE - 1 : row;
        column = column < 0 ? 0 : column >= SIZE ? SIZE - 1 : column;
        to[i] = from[i / PICTURE * PICTURE + row * SIZE + column];
    }
}

static void test_ten_crop_is_the_mean_over_moved_and_mirrored_faces(void **state)
{
    (void)state;
    static const int moves[][2] = {{0, 0}, {1, 0}, {-1, 0}, {0, 1}, {0, -1}};
    struct model m;
    unsigned char pixels[FACES * PICTURE], moved[FACES * PICTURE];
    float mean[FACES * 7] = {0}, pair[FACES * 7], ten[FACES * 7];
    open_good(&m);
    draw_faces(pixels);
    for (size_t i = 0; i < 5; i++) {
        move_faces(pixels, moved, moves[i][0], moves[i][1]);
        classify(&m, TTA_MIRROR, moved, FACES, pair);
        for (int k = 0; k < FACES * 7; k++)
            mean[k] += pair[k] / 5;
    }
    classify(&m, TTA_TEN_CROP, pixels, FACES, ten);
    classify(&m, TTA_MIRROR, pixels, FACES, pair);
    for (int k = 0; k < FACES * 7; k++)
        assert_true(fabsf(ten[k] - mean[k]) < 1e-6f);
    assert_true(memcmp(ten, pair, sizeof(ten)) != 0);
    model_close(&m);
}

static void test_no_faces_are_no_work(void **state)
{
    (void)state;
    struct model m;
    float untouched = 7;
    open_good(&m);
    classify(&m, TTA_TEN_CROP, NULL, 0, &untouched);
    assert_true(untouched == 7);
    classifier_free(NULL);
    model_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model_is_opened),
        cmocka_unit_test(test_weights_are_those_of_the_file),
        cmocka_unit_test(test_margin_is_0_where_the_cfg_is_silent),
        cmocka_unit_test(test_training_keys_are_no_unknown_keys),
        cmocka_unit_test(test_names_that_do_not_fit_are_refused_with_both_numbers),
        cmocka_unit_test(test_weights_of_another_network_are_refused),
        cmocka_unit_test(test_missing_part_is_named),
        cmocka_unit_test(test_input_other_than_a_grey_square_is_refused),
        cmocka_unit_test(test_nonsense_keys_are_refused_with_their_line),
        cmocka_unit_test(test_probabilities_are_the_networks_for_255ths),
        cmocka_unit_test(test_face_does_not_depend_on_its_company),
        cmocka_unit_test(test_face_does_not_depend_on_the_threads),
        cmocka_unit_test(test_tta_is_the_mean_with_the_mirrored_face),
        cmocka_unit_test(test_ten_crop_is_the_mean_over_moved_and_mirrored_faces),
        cmocka_unit_test(test_no_faces_are_no_work),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
