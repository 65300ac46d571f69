/* What of darknet's cfg format is accepted and warned about, and bytes that are no cfg. Refusals by
 * layer and key are in formats_refusals.c. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/rng.h"
#include "netpair.h"
#include "nn.h"
#include "scratch.h"

#define HEAD "[net]\nheight=6\nwidth=5\nchannels=4\n"                /* lines 1 to 4 */
#define CONV "[convolutional]\nfilters=8\nsize=3\nactivation=relu\n" /* four lines */
#define TAIL "[connected]\noutput=3\nactivation=linear\n[softmax]\n"

/* One line of printable text that names the file, and the line. */
static void check_message(const char *text, int line, const char *fragment)
{
    char start[32];
    snprintf(start, sizeof(start), "test.cfg:%d:", line);
    if (line > 0 && strncmp(text, start, strlen(start)) != 0)
        fail_msg("'%s' does not begin with %s", text, start);
    if (!strstr(text, "test.cfg"))
        fail_msg("'%s' does not name the file", text);
    if (fragment && !strstr(text, fragment))
        fail_msg("'%s' does not say %s", text, fragment);
    for (const char *p = text; *p; p++)
        if (iscntrl((unsigned char)*p))
            fail_msg("'%s' holds the control character %d", text, *p);
}

/* ---- bytes that are no cfg ---- */

static void test_nul_byte_is_refused(void **state)
{
    (void)state;
    const char text[] = HEAD "batch=1\0\n" TAIL;
    struct err e = {0};
    assert_null(nn_net_parse("test.cfg", text, sizeof(text) - 1, 1, &e));
    assert_non_null(strstr(e.text, "test.cfg"));
}

static void test_random_bytes_are_refused(void **state)
{
    (void)state;
    struct rng r;
    char bytes[600];
    for (uint64_t seed = 0; seed < 300; seed++) {
        rng_init(&r, seed, 0, 0);
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)(1 + rng_below(&r, 255));
        struct err e = {0};
        assert_null(nn_net_parse("test.cfg", bytes, sizeof(bytes), 1, &e));
        check_message(e.text, 0, NULL);
    }
}

/* Control characters of a hostile cfg must not reach a terminal through the message. */
static void test_messages_hold_no_control_characters(void **state)
{
    (void)state;
    static const char *const texts[] = {
        HEAD "batch=\033[31mred\n" TAIL,
        HEAD "[\033]0;title\a]\n" TAIL,
        HEAD "policy=\v\f\n" TAIL,
        HEAD "[convolutional]\nactivation=\b\b\n" TAIL,
        "[\033c]\n" TAIL,
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct err e = {0};
        assert_null(nn_net_parse("test.cfg", texts[i], strlen(texts[i]), 1, &e));
        check_message(e.text, 0, NULL);
    }
}

static char *repeat(const char *head, const char *part, size_t times, const char *tail)
{
    size_t a = strlen(head), b = strlen(part), c = strlen(tail);
    char *text = malloc(a + b * times + c + 1), *p = text;
    p = memcpy(p, head, a + 1);
    p += a;
    for (size_t i = 0; i < times; i++, p += b)
        memcpy(p, part, b);
    memcpy(p, tail, c + 1);
    return text;
}

static void test_very_long_lines_are_read_or_refused_in_one_line(void **state)
{
    (void)state;
    char *texts[] = {
        repeat(HEAD "batch=", "1", 200000, "\n" TAIL),
        repeat(HEAD "[", "x", 200000, "]\n" TAIL),
        repeat(HEAD, "x", 200000, "=1\n" TAIL),
        repeat(HEAD "# ", "comment ", 30000, "\n" TAIL),
        repeat(HEAD "policy=steps\nsteps=", "1,", 60000, "1\n" TAIL),
        repeat(HEAD CONV "[route]\nlayers=", "-1,", 60000, "-1\n" TAIL),
        repeat(HEAD CONV "[convolutional]\nactivation=", "relu", 60000, "\n" TAIL),
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct err e = {0};
        struct nn_net *net = nn_net_parse("test.cfg", texts[i], strlen(texts[i]), 1, &e);
        if (net && nn_net_warning(net, 0))
            assert_non_null(strstr(nn_net_warning(net, 0), "test.cfg:5"));
        else if (!net)
            check_message(e.text, 0, NULL);
        nn_net_free(net);
        free(texts[i]);
    }
}

static void test_many_sections_end_soon(void **state)
{
    (void)state;
    char *text = repeat(HEAD, "[activation]\n", 200000, TAIL);
    struct err e = {0};
    clock_t start = clock();
    struct nn_net *net = nn_net_parse("test.cfg", text, strlen(text), 1, &e);
    assert_true(clock() - start < 10 * CLOCKS_PER_SEC);
    nn_net_free(net);
    free(text);
}

static void test_many_keys_end_soon(void **state)
{
    (void)state;
    size_t size = 0;
    char *text = NULL;
    FILE *f = open_memstream(&text, &size);
    fputs(HEAD, f);
    for (int i = 0; i < 50000; i++)
        fprintf(f, "key%d=1\n", i);
    fputs(TAIL, f);
    fclose(f);
    struct err e = {0};
    clock_t start = clock();
    struct nn_net *net = nn_net_parse("test.cfg", text, size, 1, &e);
    assert_true(clock() - start < 10 * CLOCKS_PER_SEC);
    nn_net_free(net);
    free(text);
}

/* Cutting a good cfg anywhere gives a network or a message, never a crash. */
static void test_every_beginning_of_a_cfg_is_read_or_refused(void **state)
{
    (void)state;
    const char *text =
        "[net]\nbatch=2\nheight=6\nwidth=5\nchannels=4\npolicy=steps\nsteps=1,2\nscales=.1,."
        "1\n" CONV "[shortcut]\nfrom=-1\n[route]\nlayers=-1,-2\n[maxpool]\nsize=2\nstride=2\n" TAIL;
    for (size_t length = 0; length <= strlen(text); length++) {
        char *copy =
            memcpy(malloc(length + 1), text, length); /* no NUL behind it: exact for a sanitizer */
        struct err e = {0};
        struct nn_net *net = nn_net_parse("test.cfg", copy, length, 1, &e);
        assert_true(net || strlen(e.text) > 0);
        nn_net_free(net);
        free(copy);
    }
}

/* ---- what is accepted ---- */

static void test_comments_blanks_and_line_ends_are_darknet_s(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "# comment\n; comment\n\n[net]\nheight=6\nwidth=5\nchannels=4\n" CONV TAIL,
        "  [net]  \n  height = 6\nwid th=5\n\tchannels\t=\t4\n # comment = x\n [ conv olutional "
        "]\nfilters=8\nsize=3\n"
        "activation= relu\n" TAIL,
        "[net]\r\nheight=6\r\nwidth=5\r\nchannels=4\r\n[convolutional]\r\nfilters=8\r\nsize="
        "3\r\nactivation=relu\r\n"
        "[connected]\r\noutput=3\r\nactivation=linear\r\n[softmax]",
        "[network]\nheight=6\nwidth=5\nchannels=4\n" CONV "#[bogus]\n;[bogus]\n" TAIL "\n\n   \n",
        "[net]\nchannels=4\nwidth=+5\nheight=06\n[conv]\nfilters=8\nsize=3\nactivation=relu\n"
        "[conn]\noutput=3\nactivation=linear\n[soft]\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct nn_net *net = net_of(texts[i]);
        struct nn_shape in = nn_net_input(net), out = nn_net_shape(net, 0);
        assert_int_equal(nn_net_layers(net), 3);
        assert_int_equal(in.channels, 4);
        assert_int_equal(in.height, 6);
        assert_int_equal(in.width, 5);
        assert_int_equal(out.channels, 8);
        assert_int_equal(out.height, 4);
        assert_int_equal(out.width, 3);
        assert_string_equal(nn_net_cfg_text(net), texts[i]);
        assert_null(nn_net_warning(net, 0));
        assert_string_equal(nn_net_layer_name(net, 0), "convolutional");
        nn_net_free(net);
    }
}

static void test_layers_know_their_lines(void **state)
{
    (void)state;
    struct nn_net *net = net_of(HEAD "\n# a comment\n" CONV "\n" TAIL);
    assert_int_equal(nn_net_layer_line(net, 0), 7);
    assert_int_equal(nn_net_layer_line(net, 1), 12);
    assert_int_equal(nn_net_layer_line(net, 2), 15);
    assert_string_equal(nn_net_layer_name(net, 2), "softmax");
    nn_net_free(net);
}

static void test_flops_count_two_for_a_multiplication_and_addition(void **state)
{
    (void)state;
    struct nn_net *net =
        net_of(HEAD "[convolutional]\nfilters=8\nsize=3\ngroups=2\nactivation=linear\n"
                    "[connected]\noutput=3\nactivation=linear\n[softmax]\n");
    assert_true(nn_net_flops(net) >= 2. * (8 * 4 * 3 * 9 * 2 + 96 * 3));
    assert_true(nn_net_flops(net) < 2.2 * (8 * 4 * 3 * 9 * 2 + 96 * 3));
    nn_net_free(net);
}

/* ---- unknown keys ---- */

static void test_unknown_keys_are_warned_about_with_their_lines(void **state)
{
    (void)state;
    struct nn_net *net = net_of(
        "[net]\nheight=6\nwidth=5\nchannels=4\nheigth=7\nangle=7\n[convolutional]\nfilters=8\n"
        "size=3\ncolour=blue\nactivation=relu\n" TAIL "spicy=1\n");
    assert_string_equal(nn_net_warning(net, 0), "test.cfg:5: unknown key 'heigth' in [net]");
    assert_string_equal(nn_net_warning(net, 1), "test.cfg:6: unknown key 'angle' in [net]");
    assert_string_equal(nn_net_warning(net, 2),
                        "test.cfg:10: unknown key 'colour' in [convolutional]");
    assert_string_equal(nn_net_warning(net, 3), "test.cfg:16: unknown key 'spicy' in [softmax]");
    assert_null(nn_net_warning(net, 4));
    nn_net_free(net);
}

static void test_option_reads_a_key_and_makes_it_known(void **state)
{
    (void)state;
    struct nn_net *net = net_of(HEAD "angle=7.5\nhue=x\nexposure=3\n" TAIL);
    struct err e = {0};
    double value = 0;
    assert_int_equal(nn_net_option(net, "angle", 1, 0, 90, &value, &e), 0);
    assert_true(value == 7.5);
    assert_int_equal(nn_net_option(net, "shift", 1.25, 0, 9, &value, &e), 0);
    assert_true(value == 1.25);
    assert_int_equal(nn_net_option(net, "hue", 0, 0, 1, &value, &e), -1);
    check_message(e.text, 6, "hue");
    assert_int_equal(nn_net_option(net, "exposure", 1, 1, 2, &value, &e), -1);
    check_message(e.text, 7, "exposure");
    assert_null(nn_net_warning(net, 0));
    nn_net_free(net);
}

static void test_every_key_of_the_update_is_known(void **state)
{
    (void)state;
    struct nn_net *net = net_of(
        HEAD "batch=4\nsubdivisions=2\nlearning_rate=.1\nmomentum=.9\ndecay=.1\nadam=1\nB1=.9\n"
             "B2=.9\neps=1e-8\npolicy=steps\nsteps=1,2\nscales=.1,.1\nburn_in=3\npower=4\n"
             "max_batches=10\ngamma=.9\nstep=3\nscale=.1\nlearning_rate_min=.01\nsgdr_cycle=5\n"
             "sgdr_mult=2\nlabel_smooth_eps=.1\nema_alpha=.99\nclass_weights=1,2,.5\nmax_grad_norm="
             "1\nnesterov=0\n" TAIL);
    assert_null(nn_net_warning(net, 0));
    nn_net_free(net);
}

static void test_keys_that_layers_may_carry_are_known(void **state)
{
    (void)state;
    struct nn_net *net = net_of(
        HEAD "[convolutional]\nbatch_normalize=0\nfilters=8\nsize=3\nstride=1\npad=0\npadding=0\n"
             "groups=1\nactivation=relu\nstopbackward=1\nlearning_rate=.5\ndontload=0\ndontsave=0\n"
             "binary=0\nxnor=0\nflipped=0\n[softmax]\ngroups=1\ntemperature=1\n");
    assert_null(nn_net_warning(net, 0));
    nn_net_free(net);
}

/* ---- files ---- */

static void test_missing_file_is_named(void **state)
{
    (void)state;
    struct err e = {0};
    assert_null(nn_net_new("/nonexistent/folder/x.cfg", 1, &e));
    assert_non_null(strstr(e.text, "/nonexistent/folder/x.cfg"));
    assert_null(nn_net_new("/tmp", 1, &e));
    assert_non_null(strstr(e.text, "/tmp"));
}

static void test_file_is_read(void **state)
{
    (void)state;
    const char *text = HEAD CONV TAIL;
    struct err e = {0};
    struct nn_net *net = nn_net_new(scratch_write("good.cfg", text, strlen(text)), 1, &e);
    assert_non_null(net);
    assert_string_equal(nn_net_cfg_text(net), text);
    nn_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nul_byte_is_refused),
        cmocka_unit_test(test_random_bytes_are_refused),
        cmocka_unit_test(test_messages_hold_no_control_characters),
        cmocka_unit_test(test_very_long_lines_are_read_or_refused_in_one_line),
        cmocka_unit_test(test_many_sections_end_soon),
        cmocka_unit_test(test_many_keys_end_soon),
        cmocka_unit_test(test_every_beginning_of_a_cfg_is_read_or_refused),
        cmocka_unit_test(test_comments_blanks_and_line_ends_are_darknet_s),
        cmocka_unit_test(test_layers_know_their_lines),
        cmocka_unit_test(test_flops_count_two_for_a_multiplication_and_addition),
        cmocka_unit_test(test_unknown_keys_are_warned_about_with_their_lines),
        cmocka_unit_test(test_option_reads_a_key_and_makes_it_known),
        cmocka_unit_test(test_every_key_of_the_update_is_known),
        cmocka_unit_test(test_keys_that_layers_may_carry_are_known),
        cmocka_unit_test(test_missing_file_is_named),
        cmocka_unit_test(test_file_is_read),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
