/* Temperature scaling: the temperature that drawn pictures were made with is found again, and what
 * training writes into the cfg. */
#include "train_setup.h"

#include <math.h>
#include <unistd.h>

#include "fer/calibrate.h"
#include "fer/triple.h"

enum { MANY = 20000, CLASSES = 3 };

/* Softmax of `logit` / temperature. */
static void soften(const double *logit, double temperature, float *probability)
{
    double sum = 0;
    for (int k = 0; k < CLASSES; k++)
        sum += exp(logit[k] / temperature);
    for (int k = 0; k < CLASSES; k++)
        probability[k] = (float)(exp(logit[k] / temperature) / sum);
}

/* Labels drawn from a softmax at `truth`, beside its probabilities at temperature 1. */
static void draw_labels(double truth, unsigned char *label, float (*probability)[CLASSES])
{
    struct rng r;
    rng_init(&r, 7, 0, 0);
    for (int i = 0; i < MANY; i++) {
        double logit[CLASSES];
        float chance[CLASSES];
        for (int k = 0; k < CLASSES; k++)
            logit[k] = 2 * (double)rng_normal(&r);
        soften(logit, truth, chance);
        soften(logit, 1, probability[i]);
        const float draw = rng_range(&r, 0, 1);
        label[i] = draw < chance[0] ? 0 : draw < chance[0] + chance[1] ? 1 : 2;
    }
}

static void test_temperature_behind_the_labels_is_found(void **state)
{
    (void)state;
    static const double TRUTHS[] = {0.5, 1, 2.5};
    unsigned char *label = malloc(MANY);
    float(*probability)[CLASSES] = malloc(MANY * sizeof(*probability));
    for (size_t i = 0; i < 3; i++) {
        struct calibration c;
        struct err e;
        draw_labels(TRUTHS[i], label, probability);
        assert_int_equal(calibration_fit(&c, label, probability[0], MANY, CLASSES, &e), 0);
        if (!(fabs(c.temperature / TRUTHS[i] - 1) < 0.04))
            fail_msg("%g, not %g", c.temperature, TRUTHS[i]);
        assert_true(c.temperature * 1e4 == round(c.temperature * 1e4));
        if (i != 1)
            assert_true(c.loss_after < c.loss_before - 0.01);
        assert_true(c.loss_after < c.loss_before + 1e-9);
    }
    free(label);
    free(probability);
}

static void test_no_temperature_nearby_is_better(void **state)
{
    (void)state;
    unsigned char *label = malloc(MANY);
    float(*probability)[CLASSES] = malloc(MANY * sizeof(*probability));
    struct calibration c;
    struct err e;
    draw_labels(1.7, label, probability);
    assert_int_equal(calibration_fit(&c, label, probability[0], MANY, CLASSES, &e), 0);
    for (int step = -1; step <= 1; step++) {
        double loss = 0;
        for (int i = 0; i < MANY; i++) {
            double logit[CLASSES];
            float at[CLASSES];
            for (int k = 0; k < CLASSES; k++)
                logit[k] = log((double)probability[i][k]);
            soften(logit, c.temperature * (1 + 0.02 * step), at);
            loss -= log((double)at[label[i]]) / MANY;
        }
        if (step == 0)
            assert_true(fabs(loss - c.loss_after) < 1e-5);
        else
            assert_true(loss > c.loss_after);
    }
    free(label);
    free(probability);
}

static void test_certainty_and_blindness_have_bounds(void **state)
{
    (void)state;
    static const float probability[2][2] = {{0.6f, 0.4f}, {0.3f, 0.7f}};
    static const float zeros[2][2] = {{1, 0}, {1, 0}};
    static const unsigned char right[2] = {0, 1}, wrong[2] = {1, 0};
    struct calibration c;
    struct err e;
    assert_int_equal(calibration_fit(&c, right, probability[0], 2, 2, &e), 0);
    assert_true(c.temperature == TEMPERATURE_MIN);
    assert_int_equal(calibration_fit(&c, wrong, probability[0], 2, 2, &e), 0);
    assert_true(c.temperature == TEMPERATURE_MAX);
    assert_int_equal(calibration_fit(&c, wrong, zeros[0], 2, 2, &e), 0);
    assert_true(isfinite(c.loss_before) && isfinite(c.loss_after));
    assert_int_equal(calibration_fit(&c, right, probability[0], 0, 2, &e), -1);
    assert_non_null(strstr(e.text, "no picture"));
}

/* ---- in training ---- */

/* The temperature in the cfg that a run wrote, 0 without. */
static double written_temperature(const char *name)
{
    size_t count;
    char *text = slurp(name, ".cfg", &count), *key = strstr(text, "temperature=");
    const double temperature = key ? strtod(key + strlen("temperature="), NULL) : 0;
    free(text);
    return temperature;
}

static void test_cfg_differs_by_the_temperature_alone(void **state)
{
    (void)state;
    struct setup s = setup_of("cfg");
    train_well(&s, TRAINING_DONE);
    assert_cfg("cfg", CFG);
    assert_true(written_temperature("cfg") > 0);
    assert_non_null(strstr(s.note, "temperature "));
    remove_run("cfg");
}

/* Log loss of a model's files on the validation pictures. */
static double loss_of_files(const char *name)
{
    struct model model;
    struct err e;
    float probabilities[VALID * 7];
    struct metrics metrics;
    char *prefix = path_of(name, "");
    assert_int_equal(model_open(&model, prefix, &e), 0);
    struct classifier *classifier = classifier_new(&model, TTA_NONE, &e);
    assert_non_null(classifier);
    classifier_run(classifier, valid_pixels, VALID, probabilities);
    assert_int_equal(metrics_compute(&metrics, valid_labels, probabilities, VALID, 7, &e), 0);
    const double loss = metrics.log_loss;
    metrics_release(&metrics);
    classifier_free(classifier);
    model_close(&model);
    free(prefix);
    return loss;
}

static void test_temperature_lowers_the_loss_of_the_best_weights(void **state)
{
    (void)state;
    struct setup s = setup_of("loss");
    struct err e;
    size_t count;
    /* Labels that nobody can have all right, so that there is a best temperature. */
    unsigned char kept[VALID];
    memcpy(kept, valid_labels, VALID);
    for (int i = 0; i < VALID; i += 3)
        valid_labels[i] = (unsigned char)((valid_labels[i] + 1) % 7);
    s.options.epochs = 6;
    train_well(&s, TRAINING_DONE);
    const double calibrated = loss_of_files("loss"), fitted = written_temperature("loss");
    assert_true(fitted > TEMPERATURE_MIN && fitted < TEMPERATURE_MAX);
    char *text = slurp("loss", ".cfg", &count);
    for (int i = 0; i < 3; i++) {
        const double others[] = {1, 0.97 * fitted, 1.03 * fitted};
        char *other = nn_cfg_with_temperature("cfg", text, others[i], &e);
        spill("loss", ".cfg", other, strlen(other));
        assert_true(loss_of_files("loss") > calibrated);
        free(other);
    }
    free(text);
    memcpy(valid_labels, kept, VALID);
    remove_run("loss");
}

static void test_training_runs_at_temperature_one(void **state)
{
    (void)state;
    struct setup plain = setup_of("plain"), warm = setup_of("warm");
    struct err e;
    char *cfg = nn_cfg_with_temperature("cfg", CFG, 3, &e);
    warm.cfg = cfg;
    train_well(&plain, TRAINING_DONE);
    train_well(&warm, TRAINING_DONE);
    assert_same_run("plain", "warm");
    /* The cfg that a run wrote resumes it. */
    warm.stop_at = 1;
    train_well(&warm, TRAINING_STOPPED);
    warm.cfg = CFG;
    warm.stop_at = 0;
    warm.options.resume = true;
    train_well(&warm, TRAINING_DONE);
    assert_same_run("plain", "warm");
    free(cfg);
    remove_run("plain");
    remove_run("warm");
}

static void test_network_without_a_softmax_is_written_as_it_is(void **state)
{
    (void)state;
    static const char cfg[] = NET "learning_rate=.01\n[connected]\noutput=7\nactivation=logistic\n"
                                  "[cost]\ntype=sse\n";
    struct setup s = setup_of("cost");
    size_t count;
    s.cfg = cfg;
    train_well(&s, TRAINING_DONE);
    char *written = slurp("cost", ".cfg", &count);
    assert_string_equal(written, cfg);
    assert_non_null(strstr(s.note, "no temperature is fitted"));
    free(written);
    remove_run("cost");
}

/* Weights that lose their file before they have their name stand for a kill between the two. */
static void test_old_weights_stay_beside_a_new_temperature(void **state)
{
    (void)state;
    struct setup s = setup_of("kept");
    char *prefix = path_of("kept", "");
    struct triple t;
    struct atomic_file weights;
    struct model m;
    struct err e;
    train_well(&s, TRAINING_DONE);
    copy_run("kept", "copy");
    assert_int_equal(triple_init(&t, prefix, &e), 0);
    assert_int_equal(model_open(&m, prefix, &e), 0);
    char *warm = nn_cfg_with_temperature("cfg", nn_net_cfg_text(m.net), 3.25, &e);
    assert_int_equal(triple_begin(&t, m.net, &weights, &e), 0);
    assert_int_equal(unlink(weights.temp), 0);
    assert_int_equal(triple_commit(&t, &weights, warm, &m.names, &e), -1);
    assert_non_null(strstr(e.text, "kept.weights'"));
    assert_true(written_temperature("kept") == 3.25);
    assert_true(same_file("kept", "copy", ".weights"));
    assert_true(accuracy_of_files("kept") == accuracy_of_files("copy"));
    free(warm);
    free(prefix);
    model_close(&m);
    triple_release(&t);
    remove_run("kept");
    remove_run("copy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_temperature_behind_the_labels_is_found),
        cmocka_unit_test(test_no_temperature_nearby_is_better),
        cmocka_unit_test(test_certainty_and_blindness_have_bounds),
        cmocka_unit_test(test_cfg_differs_by_the_temperature_alone),
        cmocka_unit_test(test_temperature_lowers_the_loss_of_the_best_weights),
        cmocka_unit_test(test_training_runs_at_temperature_one),
        cmocka_unit_test(test_network_without_a_softmax_is_written_as_it_is),
        cmocka_unit_test(test_old_weights_stay_beside_a_new_temperature),
    };
    return cmocka_run_group_tests(tests, make_data, remove_dir);
}
