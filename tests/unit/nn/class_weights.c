/* `class_weights`: each picture's loss counts as much as its class. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "body.h"
#include "netpair.h"
#include "network_cases.h"
#include "nn.h"

#define BATCH 4
#define CLASSES 3
#define PLAIN "[net]\nbatch=4\nheight=3\nwidth=3\nchannels=2\nmomentum=0\ndecay=0\n"
#define HEAD(last) "[connected]\noutput=3\nactivation=linear\n" last

static const char *const LASTS[] = {"[softmax]\n", "[cost]\ntype=sse\n"};

/* The parameters after one step on the same pictures, those of class 0 first. `target` (BATCH,
 * CLASSES). */
static float *stepped(const char *rules, const char *last, const float *target, double *loss)
{
    char cfg[512];
    struct rng r;
    snprintf(cfg, sizeof(cfg), "%s%s[connected]\noutput=3\nactivation=linear\n%s", PLAIN, rules,
             last);
    struct nn_net *net = net_of(cfg);
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){0});
    rng_init(&r, 77, 1, 0);
    float *input = random_values(&r, BATCH * 18, 1);
    *loss = nn_trainer_step(t, input, target, NULL);
    float *values = copy_values(net);
    free(input);
    nn_trainer_free(t);
    nn_net_free(net);
    return values;
}

#define COUNT (18 * CLASSES + CLASSES)

static void assert_near(const float *a, const float *b)
{
    for (int i = 0; i < COUNT; i++)
        if (!(fabsf(a[i] - b[i]) < 1e-6f))
            fail_msg("parameter %d: %g and %g", i, (double)a[i], (double)b[i]);
}

static const float ALL_ZERO[BATCH * CLASSES] = {1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0};
static const float MIXED[BATCH * CLASSES] = {1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1};

static void test_weight_multiplies_loss_and_gradient(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        double loss, doubled;
        float *fast = stepped("learning_rate=.2\n", LASTS[k], ALL_ZERO, &loss),
              *heavy =
                  stepped("learning_rate=.1\nclass_weights=2,1,1\n", LASTS[k], ALL_ZERO, &doubled);
        assert_near(fast, heavy);
        assert_true(fabs(doubled - 2 * loss) < 1e-5 * loss);
        free(fast);
        free(heavy);
    }
}

static void test_class_of_weight_zero_teaches_nothing(void **state)
{
    (void)state;
    /* Only the third picture, of class 1, is left: whatever the others are said to be. */
    static const float OTHERS[BATCH * CLASSES] = {0, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0};
    for (int k = 0; k < 2; k++) {
        double loss, same;
        float *a = stepped("learning_rate=.1\nclass_weights=0,1,0\n", LASTS[k], MIXED, &loss),
              *b = stepped("learning_rate=.1\nclass_weights=0,1,0\n", LASTS[k], OTHERS, &same);
        assert_near(a, b);
        assert_true(loss > 0 && loss == same);
        free(a);
        free(b);
    }
}

static void test_mixed_target_weighs_by_its_parts(void **state)
{
    (void)state;
    static const float HALVES[BATCH * CLASSES] = {.5f, .5f, 0, .5f, .5f, 0,
                                                  .5f, .5f, 0, .5f, .5f, 0};
    double loss, weighted;
    float *fast = stepped("learning_rate=.3\n", LASTS[0], HALVES, &loss),
          *heavy = stepped("learning_rate=.1\nclass_weights=5,1,9\n", LASTS[0], HALVES, &weighted);
    assert_near(fast, heavy);
    free(fast);
    free(heavy);
}

static void test_wrong_number_of_weights_is_refused(void **state)
{
    (void)state;
    struct err e = {""};
    struct nn_net *net = net_of(PLAIN "class_weights=1,2\n" HEAD("[softmax]\n"));
    assert_null(nn_trainer_new(net, &(struct nn_trainer_options){0}, &e));
    assert_non_null(strstr(e.text, "class_weights has 2 numbers for 3 classes"));
    nn_net_free(net);
}

int main(void)
{
    nn_set_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weight_multiplies_loss_and_gradient),
        cmocka_unit_test(test_class_of_weight_zero_teaches_nothing),
        cmocka_unit_test(test_mixed_target_weighs_by_its_parts),
        cmocka_unit_test(test_wrong_number_of_weights_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
