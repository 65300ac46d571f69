/* What must come back: a saved run goes on to the same bytes, the same seed gives the same bytes, a
 * picture the same prediction alone and in company; and training learns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "body.h"
#include "netpair.h"
#include "network_cases.h"
#include "nn.h"

static const char *const RULES[] = {
    "learning_rate=.05\ndecay=.01\n",
    "learning_rate=.05\ndecay=.01\nnesterov=1\nmax_grad_norm=.5\npolicy=steps\nsteps=3\nscales=."
    "5\n",
    "learning_rate=.01\nadam=1\npolicy=sgdr\nmax_batches=9\nema_alpha=.7\n",
    "learning_rate=.05\nema_alpha=.9\n",
    "learning_rate=.05\npolicy=random\nburn_in=2\nsubdivisions=2\n",
};

static void test_resumed_run_ends_in_the_same_bytes(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof(RULES) / sizeof(*RULES); k++) {
        const struct nn_trainer_options options = {.seed = 6};
        FILE *f = tmpfile();
        struct err e = {0};
        struct nn_net *net = body_with(RULES[k]);
        struct nn_trainer *t = trainer_of(net, &options);
        for (uint64_t i = 0; i < 4; i++)
            train_step(t, i, BODY_INPUTS);
        assert_int_equal(nn_trainer_save(t, f, &e), 0);
        double loss[3], rate = nn_trainer_rate(t);
        for (uint64_t i = 0; i < 3; i++)
            loss[i] = train_step(t, 4 + i, BODY_INPUTS);

        struct err refusal = {0};
        char *cfg = cfg_with(BODY, RULES[k]);
        struct nn_net *other = nn_net_parse("test.cfg", cfg, strlen(cfg), 99, &refusal);
        struct nn_trainer *resumed = trainer_of(other, &options);
        rewind(f);
        assert_int_equal(nn_trainer_load(resumed, f, &e), 0);
        assert_int_equal(nn_trainer_steps(resumed), 4);
        assert_int_equal(nn_net_seen(other), 4 * BODY_BATCH);
        assert_true(nn_trainer_rate(resumed) == rate);
        for (uint64_t i = 0; i < 3; i++)
            assert_true(train_step(resumed, 4 + i, BODY_INPUTS) == loss[i]);
        if (!same_values(other, nn_net_values(net), 0, nn_net_parameters(net)))
            fail_msg("not the same bytes under\n%s", RULES[k]);
        fclose(f);
        free(cfg);
        nn_trainer_free(resumed);
        nn_trainer_free(t);
        nn_net_free(other);
        nn_net_free(net);
    }
}

/* The state of a trainer after two steps, in memory. */
static char *saved_state(const char *cfg, size_t *size)
{
    char *bytes = NULL;
    struct err e = {0};
    FILE *f = open_memstream(&bytes, size);
    struct nn_net *net = net_of(cfg);
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){.seed = 6});
    train_step(t, 0, BODY_INPUTS);
    train_step(t, 1, BODY_INPUTS);
    assert_int_equal(nn_trainer_save(t, f, &e), 0);
    fclose(f);
    nn_trainer_free(t);
    nn_net_free(net);
    return bytes;
}

static void test_cut_state_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    size_t size;
    char *bytes = saved_state(BODY, &size);
    struct nn_net *net = net_of(BODY);
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){.seed = 6});
    float *before = copy_values(net);
    for (size_t cut = 1; cut < size; cut += cut < 200 ? 7 : 997) {
        struct err e = {0};
        FILE *f = fmemopen(bytes, cut, "rb");
        assert_int_equal(nn_trainer_load(t, f, &e), -1);
        assert_true(strlen(e.text) > 0);
        assert_true(same_values(net, before, 0, nn_net_parameters(net)));
        assert_int_equal(nn_trainer_steps(t), 0);
        fclose(f);
    }
    free(before);
    free(bytes);
    nn_trainer_free(t);
    nn_net_free(net);
}

static void test_state_of_another_network_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    size_t size;
    char *bytes = saved_state(BODY, &size);
    struct nn_net *net =
        net_of("[net]\nbatch=8\nchannels=2\nheight=9\nwidth=8\n[connected]\noutput=4\n"
               "activation=linear\n[softmax]\n");
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){0});
    FILE *f = fmemopen(bytes, size, "rb");
    assert_int_equal(nn_trainer_load(t, f, &e), -1);
    assert_true(strlen(e.text) > 0);
    fclose(f);
    f = fmemopen(
        (char[]){"not a state at all, only some text that is long enough to be one's head"}, 64,
        "rb");
    assert_int_equal(nn_trainer_load(t, f, &e), -1);
    fclose(f);
    free(bytes);
    nn_trainer_free(t);
    nn_net_free(net);
}

/* Adam keeps two arrays beside the parameters, descent with an average two others. */
static void test_state_of_another_optimiser_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    size_t size;
    char *adam = cfg_with(BODY, "adam=1\n"), *bytes = saved_state(adam, &size);
    struct nn_net *net = body_with("ema_alpha=.9\n");
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){0});
    FILE *f = fmemopen(bytes, size, "rb");
    assert_int_equal(nn_trainer_load(t, f, &e), -1);
    assert_non_null(strstr(e.text, "another optimiser"));
    fclose(f);
    free(adam);
    free(bytes);
    nn_trainer_free(t);
    nn_net_free(net);
}

/* A count beyond would make rates of it that never come, or turn negative. */
static void test_state_of_too_many_updates_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint64_t steps;
        int result;
        const char *words;
    } cases[] = {{INT32_MAX - 1, 0, ""},
                 {INT32_MAX, -1, "counts 2147483647 updates, more than 2147483646"},
                 {UINT64_C(1) << 62, -1, "counts 4611686018427387904 updates"},
                 {UINT64_MAX, -1, "counts 18446744073709551615 updates"}};
    const size_t at = 16; /* behind the magic and the number of parameters */
    size_t size;
    char *bytes = saved_state(BODY, &size);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err e = {""};
        struct nn_net *net = net_of(BODY);
        struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){.seed = 6});
        float *before = copy_values(net);
        memcpy(bytes + at, &cases[i].steps, sizeof(cases[i].steps));
        FILE *f = fmemopen(bytes, size, "rb");
        assert_int_equal(nn_trainer_load(t, f, &e), cases[i].result);
        assert_non_null(strstr(e.text, cases[i].words));
        assert_int_equal(nn_trainer_steps(t), cases[i].result ? 0 : cases[i].steps);
        assert_true(same_values(net, before, 0, nn_net_parameters(net)) == !!cases[i].result);
        fclose(f);
        free(before);
        nn_trainer_free(t);
        nn_net_free(net);
    }
    free(bytes);
}

static void test_same_seed_gives_the_same_bytes(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof(RULES) / sizeof(*RULES); k++) {
        struct nn_net *net[2];
        for (int i = 0; i < 2; i++) {
            net[i] = body_with(RULES[k]);
            struct nn_trainer *t = trainer_of(net[i], &(struct nn_trainer_options){.seed = 6});
            for (uint64_t step = 0; step < 4; step++)
                train_step(t, step, BODY_INPUTS);
            nn_trainer_free(t);
        }
        assert_true(same_values(net[0], nn_net_values(net[1]), 0, nn_net_parameters(net[0])));
        nn_net_free(net[0]);
        nn_net_free(net[1]);
    }
}

static void test_first_parameters_follow_the_seed_and_he(void **state)
{
    (void)state;
    const char *cfg = "[net]\nchannels=16\nheight=6\nwidth=6\n[convolutional]\nfilters=64\nsize=3\n"
                      "batch_normalize=1\nactivation=relu\n[avgpool]\n[softmax]\n";
    struct err e = {0};
    struct nn_net *a = nn_net_parse("a", cfg, strlen(cfg), 5, &e),
                  *b = nn_net_parse("b", cfg, strlen(cfg), 5, &e);
    struct nn_net *c = nn_net_parse("c", cfg, strlen(cfg), 6, &e);
    size_t count = nn_net_parameters(a);
    assert_int_equal(count, 64 * 4 + 64 * 16 * 9);
    assert_true(same_values(a, nn_net_values(b), 0, count));
    assert_false(same_values(a, nn_net_values(c), 0, count));
    double sum = 0, squares = 0, n = 64 * 16 * 9;
    for (size_t i = 64 * 4; i < count; i++) {
        sum += (double)nn_net_values(a)[i];
        squares += pow((double)nn_net_values(a)[i], 2);
    }
    assert_true(fabs(sum / n) < 4 * sqrt(2. / 144 / n));
    assert_true(fabs(sqrt(squares / n) / sqrt(2. / 144) - 1) < .05);
    for (size_t i = 0; i < 64; i++) {
        assert_true(nn_net_values(a)[i] == 0);      /* biases */
        assert_true(nn_net_values(a)[64 + i] == 1); /* scales */
    }
    nn_net_free(a);
    nn_net_free(b);
    nn_net_free(c);
}

/* ---- learning, predicting ---- */

static void test_random_labels_are_learned_by_heart(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 34, 0, 0);
    struct nn_net *net =
        net_of("[net]\nbatch=16\nchannels=2\nheight=9\nwidth=8\nlearning_rate=.05\ndecay=0\n"
               "[convolutional]\nfilters=8\nsize=3\npad=1\nbatch_normalize=1\nactivation=leaky\n"
               "[maxpool]\nsize=2\nstride=2\n[connected]\noutput=16\nactivation=tanh\n"
               "[connected]\noutput=4\nactivation=linear\n[softmax]\n");
    float *input = random_values(&r, 16 * BODY_INPUTS, 1),
          *target = random_labels(&r, 16, BODY_CLASSES);
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){0});
    double first = 0, last = 0;
    for (int i = 0; i < 300; i++) {
        last = nn_trainer_step(t, input, target, NULL);
        first = i == 0 ? last : first;
    }
    assert_true(last < .05 && last < first / 10);
    float output[16 * BODY_CLASSES];
    struct nn_predictor *p = predictor_of(net, 0, nn_net_layers(net), 16);
    nn_predictor_run(p, input, 16, output);
    for (size_t row = 0; row < 16; row++)
        for (size_t k = 0; k < BODY_CLASSES; k++)
            assert_true((output[row * BODY_CLASSES + k] > .5f) ==
                        (target[row * BODY_CLASSES + k] > .5f));
    nn_predictor_free(p);
    nn_trainer_free(t);
    free(input);
    free(target);
    nn_net_free(net);
}

static void test_refresh_takes_the_parameters_again(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 35, 0, 0);
    struct nn_net *net = body_with("learning_rate=.5\n");
    float *input = random_values(&r, BODY_INPUTS, 1), before[BODY_CLASSES], kept[BODY_CLASSES],
          after[BODY_CLASSES], fresh[BODY_CLASSES];
    struct nn_predictor *p = predictor_of(net, 0, BODY_LAYERS, 4);
    nn_predictor_run(p, input, 1, before);
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){0});
    train_step(t, 0, BODY_INPUTS);
    nn_predictor_run(p, input, 1, kept);
    nn_predictor_refresh(p);
    nn_predictor_run(p, input, 1, after);
    struct nn_predictor *q = predictor_of(net, 0, BODY_LAYERS, 4);
    nn_predictor_run(q, input, 1, fresh);
    assert_memory_equal(before, kept, sizeof(kept));
    assert_memory_not_equal(before, after, sizeof(after));
    assert_memory_equal(after, fresh, sizeof(fresh));
    nn_predictor_free(p);
    nn_predictor_free(q);
    nn_trainer_free(t);
    free(input);
    nn_net_free(net);
}

static void test_prediction_is_the_same_alone_in_company_and_on_two_threads(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 36, 0, 0);
    const int count = 21, batch = 8;
    struct nn_net *net = body_with("");
    float *input = random_values(&r, (size_t)count * BODY_INPUTS, 1);
    float *want = malloc((size_t)count * BODY_CLASSES * sizeof(*want)),
          *got = malloc((size_t)count * BODY_CLASSES * sizeof(*got));
    nn_set_threads(1);
    assert_int_equal(nn_threads(), 1);
    struct nn_predictor *p = predictor_of(net, 0, BODY_LAYERS, batch);
    nn_predictor_run(p, input, (size_t)count, want);
    for (int i = 0; i < count; i++)
        nn_predictor_run(p, input + i * BODY_INPUTS, 1, got + i * BODY_CLASSES);
    assert_memory_equal(got, want, (size_t)count * BODY_CLASSES * sizeof(*got));
    nn_set_threads(2);
    assert_int_equal(nn_threads(), 2);
    nn_predictor_run(p, input, (size_t)count, got);
    assert_memory_equal(got, want, (size_t)count * BODY_CLASSES * sizeof(*got));
    struct nn_predictor *q = predictor_of(net, 0, BODY_LAYERS, batch);
    nn_predictor_run(q, input, (size_t)count, got);
    assert_memory_equal(got, want, (size_t)count * BODY_CLASSES * sizeof(*got));
    nn_predictor_run(q, input, 0, got); /* nothing to do is legal */
    nn_set_threads(0);
    assert_true(nn_threads() >= 1);
    nn_predictor_free(p);
    nn_predictor_free(q);
    free(got);
    free(want);
    free(input);
    nn_net_free(net);
}

int main(void)
{
    nn_set_threads(1); /* the networks are tiny */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resumed_run_ends_in_the_same_bytes),
        cmocka_unit_test(test_cut_state_is_refused_and_changes_nothing),
        cmocka_unit_test(test_state_of_another_network_is_refused),
        cmocka_unit_test(test_state_of_another_optimiser_is_refused),
        cmocka_unit_test(test_state_of_too_many_updates_is_refused),
        cmocka_unit_test(test_same_seed_gives_the_same_bytes),
        cmocka_unit_test(test_first_parameters_follow_the_seed_and_he),
        cmocka_unit_test(test_random_labels_are_learned_by_heart),
        cmocka_unit_test(test_refresh_takes_the_parameters_again),
        cmocka_unit_test(test_prediction_is_the_same_alone_in_company_and_on_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
