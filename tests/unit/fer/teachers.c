/* Targets mixed with what other models say: which models fit, what comes out, and runs that resume.
 */
#include "train_setup.h"

#include <math.h>

#include "fer/teachers.h"

#define BATCH 3

/* A model with random weights in files `name`.cfg, .weights and .names. */
static struct model model_of(const char *name, uint64_t seed, int side, const char *first_name)
{
    struct model m;
    struct names names;
    struct err e = {""};
    char cfg[512], *weights = path_of(name, ".weights"), *prefix = path_of(name, "");
    int length =
        snprintf(cfg, sizeof(cfg), "[net]\nheight=%d\nwidth=%d\nchannels=1\n" LAYERS, side, side);
    struct nn_net *net = nn_net_parse(name, cfg, (size_t)length, seed, &e);
    assert_non_null(net);
    assert_int_equal(names_init_fer(&names, &e), 0);
    free(names.name[0]);
    names.name[0] = strdup(first_name);
    spill(name, ".cfg", cfg, (size_t)length);
    char *names_path = path_of(name, ".names");
    if (nn_net_save_weights(net, weights, &e) || names_write(&names, names_path, &e) ||
        model_open(&m, prefix, &e))
        fail_msg("%s", e.text);
    names_release(&names);
    nn_net_free(net);
    free(names_path);
    free(weights);
    free(prefix);
    return m;
}

static void close_and_remove(struct model *m, const char *name)
{
    model_close(m);
    remove_run(name);
}

static void fill(float *input, size_t count)
{
    struct rng r;
    rng_init(&r, 8, 0, 0);
    for (size_t i = 0; i < count; i++)
        input[i] = rng_uniform(&r);
}

static int init(struct teachers *t, const struct model *models, int count, double weight,
                struct err *e)
{
    struct names names;
    struct nn_net *student = nn_net_parse("student", CFG, strlen(CFG), 1, e);
    assert_int_equal(names_init_fer(&names, e), 0);
    int result = teachers_init(t, models, count, weight, BATCH, student, &names, e);
    names_release(&names);
    nn_net_free(student);
    return result;
}

static void test_target_is_the_mean_of_the_teachers_and_the_label(void **state)
{
    (void)state;
    struct model m[2] = {model_of("t0", 50, SIDE, "angry"), model_of("t1", 51, SIDE, "angry")};
    struct teachers t;
    struct err e = {""};
    float input[BATCH * VALUES], said[2][BATCH * 7], target[BATCH * 7] = {0};
    fill(input, BATCH * VALUES);
    for (int i = 0; i < 2; i++) {
        struct nn_predictor *p = nn_predictor_new(m[i].net, 0, nn_net_layers(m[i].net), BATCH, &e);
        nn_predictor_run(p, input, BATCH, said[i]);
        nn_predictor_free(p);
    }
    for (int i = 0; i < BATCH; i++)
        target[i * 7 + i] = 1;
    if (init(&t, m, 2, .6, &e))
        fail_msg("%s", e.text);
    teachers_mix(&t, input, target);
    for (int i = 0; i < BATCH * 7; i++) {
        float label = i % 7 == i / 7 ? .4f : 0;
        assert_true(fabsf(target[i] - label - .3f * (said[0][i] + said[1][i])) < 1e-6f);
    }
    teachers_release(&t);
    close_and_remove(&m[0], "t0");
    close_and_remove(&m[1], "t1");
}

static void test_no_teacher_leaves_the_target(void **state)
{
    (void)state;
    struct teachers t;
    struct err e = {""};
    float input[BATCH * VALUES], target[BATCH * 7] = {[2] = 1};
    fill(input, BATCH * VALUES);
    assert_int_equal(init(&t, NULL, 0, .6, &e), 0);
    teachers_mix(&t, input, target);
    for (int i = 0; i < BATCH * 7; i++)
        assert_true(target[i] == (i == 2 ? 1.0f : 0.0f));
    teachers_release(&t);
}

static void test_teacher_of_other_classes_is_refused(void **state)
{
    (void)state;
    struct model m = model_of("t0", 50, SIDE, "bored");
    struct teachers t;
    struct err e = {""};
    assert_int_equal(init(&t, &m, 1, .6, &e), -1);
    assert_non_null(strstr(e.text, "bored"));
    assert_non_null(strstr(e.text, "angry"));
    close_and_remove(&m, "t0");
}

static void test_teacher_of_another_input_is_refused(void **state)
{
    (void)state;
    struct model m = model_of("t0", 50, SIDE + 2, "angry");
    struct teachers t;
    struct err e = {""};
    assert_int_equal(init(&t, &m, 1, .6, &e), -1);
    assert_non_null(strstr(e.text, "16 x 16"));
    close_and_remove(&m, "t0");
}

static void test_teacher_without_probabilities_is_refused(void **state)
{
    (void)state;
    struct model m = model_of("t0", 50, SIDE, "angry"), bare;
    struct teachers t;
    struct err e = {""};
    const char *cfg = nn_net_cfg_text(m.net);
    char *prefix = path_of("t0", "");
    spill("t0", ".cfg", cfg, strlen(cfg) - strlen("[softmax]\n"));
    assert_int_equal(model_open(&bare, prefix, &e), 0);
    assert_int_equal(init(&t, &bare, 1, .6, &e), -1);
    assert_non_null(strstr(e.text, "does not end with a [softmax]"));
    model_close(&bare);
    free(prefix);
    close_and_remove(&m, "t0");
}

static void test_key_tells_teachers_and_weights_apart(void **state)
{
    (void)state;
    struct model m[2] = {model_of("t0", 50, SIDE, "angry"), model_of("t1", 51, SIDE, "angry")};
    uint64_t key = teachers_key(m, 1, .5);
    assert_int_equal(teachers_key(NULL, 0, .5), 0);
    assert_int_equal(teachers_key(m, 1, .5), key);
    assert_int_not_equal(teachers_key(m, 1, .6), key);
    assert_int_not_equal(teachers_key(m + 1, 1, .5), key);
    assert_int_not_equal(teachers_key(m, 2, .5), key);
    close_and_remove(&m[0], "t0");
    close_and_remove(&m[1], "t1");
}

static void test_taught_run_resumes_to_the_same_bytes_with_the_same_teacher_only(void **state)
{
    (void)state;
    struct model m[2] = {model_of("t0", 50, SIDE, "angry"), model_of("t1", 51, SIDE, "angry")};
    struct setup whole = setup_of("whole"), parts = setup_of("parts"), alone = setup_of("alone");
    whole.options.teachers = parts.options.teachers = m;
    whole.options.teacher_count = parts.options.teacher_count = 1;
    whole.options.teacher_weight = parts.options.teacher_weight = .7;
    train_well(&whole, TRAINING_DONE);
    train_well(&alone, TRAINING_DONE);
    assert_false(same_file("whole", "alone", ".weights"));
    parts.stop_at = 6;
    train_well(&parts, TRAINING_STOPPED);
    parts.options.resume = true;
    parts.stop_at = 0;
    parts.options.teachers = m + 1;
    train_well(&parts, TRAINING_FAILED);
    assert_non_null(strstr(parts.e.text, "the teachers or their weight"));
    parts.options.teachers = m;
    train_well(&parts, TRAINING_DONE);
    assert_same_run("whole", "parts");
    remove_run("whole");
    remove_run("parts");
    remove_run("alone");
    close_and_remove(&m[0], "t0");
    close_and_remove(&m[1], "t1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_target_is_the_mean_of_the_teachers_and_the_label),
        cmocka_unit_test(test_no_teacher_leaves_the_target),
        cmocka_unit_test(test_teacher_of_other_classes_is_refused),
        cmocka_unit_test(test_teacher_of_another_input_is_refused),
        cmocka_unit_test(test_teacher_without_probabilities_is_refused),
        cmocka_unit_test(test_key_tells_teachers_and_weights_apart),
        cmocka_unit_test(test_taught_run_resumes_to_the_same_bytes_with_the_same_teacher_only),
    };
    return cmocka_run_group_tests(tests, make_data, remove_dir);
}
