/* The temperature of the output softmax: set in a network, and in the text of a cfg of which every
 * other byte stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netpair.h"
#include "nn.h"
#include "scratch.h"

#define HEAD "[net]\nheight=2\nwidth=2\nchannels=1\n"
#define DENSE "[connected]\noutput=3\nactivation=linear\n"

/* ---- the text ---- */

static void check_text(const char *text, double temperature, const char *expected)
{
    struct err e = {""};
    char *edited = nn_cfg_with_temperature("test.cfg", text, temperature, &e);
    if (!edited)
        fail_msg("%s", e.text);
    assert_string_equal(edited, expected);
    free(edited);
}

/* `with` is `without` and a temperature of 1.5, and nothing else. */
static void check_pair(const char *without, const char *with)
{
    check_text(without, 1.5, with);
    check_text(with, 1.5, with);
    check_text(with, 0, without);
    check_text(without, 0, without);
}

static void test_line_is_added_and_taken_away_again(void **state)
{
    (void)state;
    check_pair(HEAD DENSE "[softmax]\n", HEAD DENSE "[softmax]\ntemperature=1.5000\n");
    check_pair(HEAD DENSE "[soft]\ngroups=1\n# end\n",
               HEAD DENSE "[soft]\ntemperature=1.5000\ngroups=1\n# end\n");
    check_pair(HEAD DENSE "[softmax]\n[cost]\ntype=sse\n",
               HEAD DENSE "[softmax]\ntemperature=1.5000\n[cost]\ntype=sse\n");
}

static void test_last_line_may_lack_its_end(void **state)
{
    (void)state;
    check_pair(HEAD DENSE "[softmax]", HEAD DENSE "[softmax]\ntemperature=1.5000");
    check_pair(HEAD DENSE "[softmax]\ngroups=1",
               HEAD DENSE "[softmax]\ntemperature=1.5000\ngroups=1");
}

static void test_line_ends_of_the_file_are_kept(void **state)
{
    (void)state;
    check_pair("[net]\r\nheight=2\r\nwidth=2\r\nchannels=1\r\n[softmax]\r\n",
               "[net]\r\nheight=2\r\nwidth=2\r\nchannels=1\r\n[softmax]\r\ntemperature=1.5000\r\n");
}

static void test_value_is_replaced_in_its_place(void **state)
{
    (void)state;
    check_text(HEAD "[softmax]\n ; =\ngroups=1\n temp erature\t= 2 0 \r\n\n# temperature=3\n",
               0.8213,
               HEAD "[softmax]\n ; =\ngroups=1\n temp erature\t= 0.8213 \r\n\n# temperature=3\n");
    check_text(HEAD "[softmax]\ntemperature=7", 10, HEAD "[softmax]\ntemperature=10.0000");
    check_text(HEAD "[softmax]\ntemperature=7", 0, HEAD "[softmax]");
    check_text(HEAD "[softmax]\ntemperature=7\ngroups=1\n", 0, HEAD "[softmax]\ngroups=1\n");
}

static void test_softmax_inside_the_network_is_left_alone(void **state)
{
    (void)state;
    check_text(HEAD "[softmax]\ntemperature=3\n" DENSE "[softmax]\n", 1.5,
               HEAD "[softmax]\ntemperature=3\n" DENSE "[softmax]\ntemperature=1.5000\n");
    check_text(HEAD "[softmax]\ntemperature=3\n" DENSE, 0, HEAD "[softmax]\ntemperature=3\n" DENSE);
}

static void test_text_without_a_place_for_it_is_refused(void **state)
{
    (void)state;
    struct err e = {""};
    assert_null(nn_cfg_with_temperature("test.cfg", HEAD DENSE, 1.5, &e));
    assert_non_null(strstr(e.text, "'test.cfg' does not end with a [softmax]"));
    assert_null(nn_cfg_with_temperature("test.cfg", HEAD "[softmax]\n" DENSE "[cost]\n", 1.5, &e));
    assert_null(nn_cfg_with_temperature("test.cfg", "[softmax]\n", 1.5, &e));
    assert_null(nn_cfg_with_temperature("test.cfg", "", 0, &e));
    assert_null(nn_cfg_with_temperature("test.cfg", HEAD "[softmax]\ntemperature\n", 0, &e));
    assert_non_null(strstr(e.text, "test.cfg:6"));
}

static void test_text_is_read_as_the_temperature_written(void **state)
{
    (void)state;
    static const double VALUES[] = {0.1, 0.6543, 1, 3.25, 10, 0.001, 1000};
    for (size_t i = 0; i < sizeof(VALUES) / sizeof(VALUES[0]); i++) {
        struct err e = {""};
        char *text = nn_cfg_with_temperature("test.cfg", HEAD DENSE "[softmax]\n", VALUES[i], &e);
        assert_non_null(text);
        struct nn_net *net = net_of(text);
        assert_true(fabs(nn_net_temperature(net) - VALUES[i]) < 1e-9);
        assert_null(nn_net_warning(net, 0));
        nn_net_free(net);
        free(text);
    }
}

/* ---- the network ---- */

static double temperature_of(const char *cfg)
{
    struct nn_net *net = net_of(cfg);
    const double temperature = nn_net_temperature(net);
    nn_net_free(net);
    return temperature;
}

static void test_network_knows_its_temperature(void **state)
{
    (void)state;
    assert_true(temperature_of(HEAD DENSE "[softmax]\n") == 1);
    assert_true(temperature_of(HEAD DENSE "[softmax]\ntemperature=2.5\n") == 2.5);
    assert_true(temperature_of(HEAD DENSE "[softmax]\ntemperature=2.5\n[cost]\n") == 2.5);
    assert_true(temperature_of(HEAD DENSE) == 0);
    assert_true(temperature_of(HEAD DENSE "[cost]\n") == 0);
    assert_true(temperature_of(HEAD "[softmax]\ntemperature=2\n" DENSE) == 0);
    assert_true(temperature_of(HEAD "[softmax]\ngroups=2\ntemperature=2\n") == 0);
}

static void test_predictor_that_exists_follows_the_temperature(void **state)
{
    (void)state;
    static const float input[4] = {0.1f, 0.4f, 0.2f, 0.9f};
    float at_one[4], at_two[4];
    struct nn_net *net = net_of(HEAD "[softmax]\n");
    struct nn_predictor *p = predictor_of(net, 0, 1, 1);
    nn_predictor_run(p, input, 1, at_one);
    nn_net_set_temperature(net, 2);
    nn_predictor_run(p, input, 1, at_two);
    /* Half of the logits' differences. */
    for (int i = 1; i < 4; i++)
        assert_true(fabs(log((double)at_one[i] / (double)at_one[0]) -
                         2 * log((double)at_two[i] / (double)at_two[0])) < 1e-5);
    nn_predictor_free(p);
    nn_net_free(net);
}

static void test_network_without_one_stays_as_it_is(void **state)
{
    (void)state;
    struct nn_net *net = net_of(HEAD DENSE);
    nn_net_set_temperature(net, 2);
    assert_true(nn_net_temperature(net) == 0);
    nn_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_is_added_and_taken_away_again),
        cmocka_unit_test(test_last_line_may_lack_its_end),
        cmocka_unit_test(test_line_ends_of_the_file_are_kept),
        cmocka_unit_test(test_value_is_replaced_in_its_place),
        cmocka_unit_test(test_softmax_inside_the_network_is_left_alone),
        cmocka_unit_test(test_text_without_a_place_for_it_is_refused),
        cmocka_unit_test(test_text_is_read_as_the_temperature_written),
        cmocka_unit_test(test_network_knows_its_temperature),
        cmocka_unit_test(test_predictor_that_exists_follows_the_temperature),
        cmocka_unit_test(test_network_without_one_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
