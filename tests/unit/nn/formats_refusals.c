/* Cfgs that are refused, each with the line and the word that the message must name. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nn.h"

#define HEAD "[net]\nheight=6\nwidth=5\nchannels=4\n"                /* lines 1 to 4 */
#define CONV "[convolutional]\nfilters=8\nsize=3\nactivation=relu\n" /* four lines */
#define WIDE "[connected]\noutput=16000\nactivation=linear\n"
#define TAIL "[connected]\noutput=3\nactivation=linear\n[softmax]\n"

struct refusal {
    const char *name, *text;
    int line;             /* 0: the message names the file only */
    const char *fragment; /* of the message, NULL: any */
};

static const struct refusal refusals[] = {
    {"empty_file", "", 0, NULL},
    {"only_comments", "# nothing\n; here\n\n", 0, NULL},
    {"no_net_section", CONV TAIL, 1, "[net]"},
    {"net_section_second", CONV HEAD TAIL, 1, "[net]"},
    {"net_section_twice", HEAD HEAD TAIL, 5, "net"},
    {"no_layers", HEAD, 0, NULL},
    {"no_sizes", "[net]\nbatch=1\n" TAIL, 1, NULL},
    {"no_channels", "[net]\nheight=3\nwidth=3\n" TAIL, 1, "channels"},
    {"zero_height", "[net]\nheight=0\nwidth=3\nchannels=1\n" TAIL, 2, "height"},
    {"negative_width", "[net]\nheight=3\nwidth=-3\nchannels=1\n" TAIL, 3, "width"},
    {"absurd_channels", "[net]\nheight=3\nwidth=3\nchannels=2000000000\n" TAIL, 4, "channels"},
    {"number_beyond_64_bits", "[net]\nheight=99999999999999999999999\nwidth=3\nchannels=1\n" TAIL,
     2, "height"},
    {"input_of_overflowing_size", "[net]\nheight=8192\nwidth=8192\nchannels=8192\n" TAIL, 0,
     "8192"},
    {"zero_batch", "[net]\nbatch=0\nheight=3\nwidth=3\nchannels=1\n" TAIL, 2, "batch"},
    {"negative_batch", "[net]\nbatch=-4\nheight=3\nwidth=3\nchannels=1\n" TAIL, 2, "batch"},
    {"zero_subdivisions", "[net]\nsubdivisions=0\nheight=3\nwidth=3\nchannels=1\n" TAIL, 2,
     "subdivisions"},
    {"subdivisions_that_do_not_divide",
     "[net]\nbatch=5\nsubdivisions=2\nheight=3\nwidth=3\nchannels=1\n" TAIL, 3, "subdivisions"},
    {"negative_class_weight", HEAD "class_weights=1,-1,1\n" TAIL, 5, "class_weights"},
    {"average_that_keeps_all", HEAD "ema_alpha=1\n" TAIL, 5, "ema_alpha"},
    {"key_before_first_section", "height=3\n" HEAD TAIL, 1, "height"},
    {"line_without_sign", HEAD "nonsense\n" TAIL, 5, NULL},
    {"line_without_key", HEAD "=3\n" TAIL, 5, NULL},
    {"line_without_value", HEAD "batch=\n" TAIL, 5, NULL},
    {"key_twice", HEAD "width=7\n" TAIL, 5, "width"},
    {"unterminated_section", HEAD "[convolutional\nfilters=3\n" TAIL, 5, NULL},
    {"empty_section_name", HEAD "[]\n" TAIL, 5, NULL},
    {"section_with_text_behind", HEAD "[convolutional]filters=3\n" TAIL, 5, NULL},
    {"unknown_section", HEAD "\n[bogus]\n" TAIL, 6, "bogus"},
    {"section_names_know_case", HEAD "[Convolutional]\n" TAIL, 5, "Convolutional"},
    {"detector_section", HEAD CONV "[yolo]\nclasses=3\n", 9, "yolo"},
    {"region_section", HEAD CONV "[region]\n", 9, "region"},
    {"recurrent_section", HEAD "[rnn]\noutput=3\n" TAIL, 5, "rnn"},
    {"crop_section", HEAD "[crop]\ncrop_height=3\ncrop_width=3\n" TAIL, 5, "crop"},

    {"number_with_rest", HEAD "learning_rate=.1x\n" TAIL, 5, "learning_rate"},
    {"number_with_comment", HEAD "batch=4 # four\n" TAIL, 5, "batch"},
    {"number_in_words", HEAD "momentum=much\n" TAIL, 5, "momentum"},
    {"not_a_number", HEAD "decay=nan\n" TAIL, 5, "decay"},
    {"infinity", HEAD "learning_rate=inf\n" TAIL, 5, "learning_rate"},
    {"overflowing_real", HEAD "learning_rate=1e999\n" TAIL, 5, "learning_rate"},
    {"real_for_a_whole_number", HEAD CONV "[connected]\noutput=3.5\n[softmax]\n", 10, "output"},
    {"hexadecimal_number", HEAD "batch=0x10\n" TAIL, 5, "batch"},
    {"negative_learning_rate", HEAD "learning_rate=-1\n" TAIL, 5, "learning_rate"},
    {"unknown_policy", HEAD "policy=cosine\n" TAIL, 5, "cosine"},
    {"steps_without_scales", HEAD "policy=steps\nsteps=3,4\n" TAIL, 6, NULL},
    {"steps_missing", HEAD "policy=steps\n" TAIL, 0, "steps"},
    {"more_steps_than_scales", HEAD "policy=steps\nsteps=3,4\nscales=.1\n" TAIL, 6, NULL},
    {"malformed_steps", HEAD "policy=steps\nsteps=3;4\nscales=.1\n" TAIL, 6, "steps"},
    {"hole_in_steps", HEAD "policy=steps\nsteps=3,,4\nscales=.1,.1,.1\n" TAIL, 6, "steps"},

    {"zero_filters", HEAD "[convolutional]\nfilters=0\n" TAIL, 6, "filters"},
    {"negative_filters", HEAD "[convolutional]\nfilters=-8\n" TAIL, 6, "filters"},
    {"absurd_filters", HEAD "[convolutional]\nfilters=2147483647\n" TAIL, 6, "filters"},
    {"zero_size", HEAD "[convolutional]\nsize=0\n" TAIL, 6, "size"},
    {"zero_stride", HEAD "[convolutional]\nstride=0\n" TAIL, 6, "stride"},
    {"negative_padding", HEAD "[convolutional]\npadding=-1\n" TAIL, 6, "padding"},
    {"kernel_larger_than_input", HEAD "[convolutional]\nsize=7\n" TAIL, 5, "7"},
    {"kernel_larger_after_pooling", HEAD "[maxpool]\nsize=2\nstride=2\n" CONV CONV TAIL, 12, "3"},
    {"groups_that_do_not_divide_channels", HEAD "[convolutional]\nfilters=6\ngroups=3\n" TAIL, 7,
     "groups"},
    {"groups_that_do_not_divide_filters", HEAD "[convolutional]\nfilters=6\ngroups=4\n" TAIL, 7,
     "groups"},
    {"zero_groups", HEAD "[convolutional]\nfilters=6\ngroups=0\n" TAIL, 7, "groups"},
    {"unknown_activation", HEAD "[convolutional]\nactivation=swoosh\n" TAIL, 6, "swoosh"},
    {"unknown_activation_of_connected", HEAD "[connected]\noutput=3\nactivation=Relu\n[softmax]\n",
     7, "Relu"},
    {"kernel_of_overflowing_size",
     HEAD "[convolutional]\nfilters=65536\nsize=1024\npadding=1024\n" TAIL, 5, NULL},
    {"kernel_whose_size_is_0_in_64_bits",
     "[net]\nheight=8192\nwidth=8192\nchannels=4\n[cost]\n"
     "[convolutional]\nfilters=65536\nsize=1024\npad=1\n" TAIL,
     6, "18446744073709617152 parameters"},
    {"output_of_overflowing_size",
     "[net]\nheight=8192\nwidth=8192\nchannels=1\n[convolutional]\nfilters=65536\n" TAIL, 5, NULL},
    {"connected_of_overflowing_size",
     "[net]\nheight=4096\nwidth=4096\nchannels=8\n[connected]\noutput=1048576\n[softmax]\n", 5,
     NULL},
    {"network_of_too_many_parameters", HEAD WIDE WIDE WIDE WIDE WIDE WIDE TAIL, 0,
     "more than 1073741824 parameters"},
    {"zero_outputs", HEAD "[connected]\noutput=0\n[softmax]\n", 6, "output"},
    {"absurd_outputs", HEAD "[connected]\noutput=4294967297\n[softmax]\n", 6, "output"},
    {"binary", HEAD "[convolutional]\nbinary=1\n" TAIL, 6, "binary"},
    {"xnor", HEAD "[convolutional]\nxnor=1\n" TAIL, 6, "xnor"},
    {"flipped", HEAD "[convolutional]\nflipped=1\n" TAIL, 6, "flipped"},

    {"pool_window_larger_than_input", HEAD "[maxpool]\nsize=9\npadding=0\n" TAIL, 5, "9"},
    {"zero_pool_stride", HEAD "[maxpool]\nstride=0\n" TAIL, 6, "stride"},
    {"negative_pool_padding", HEAD "[maxpool]\nsize=2\npadding=-1\n" TAIL, 7, "padding"},
    {"probability_of_one", HEAD "[dropout]\nprobability=1\n" TAIL, 6, "probability"},
    {"negative_probability", HEAD "[dropout]\nprobability=-.1\n" TAIL, 6, "probability"},

    {"shortcut_without_from", HEAD CONV "[shortcut]\nactivation=relu\n" TAIL, 9, "from"},
    {"shortcut_to_itself", HEAD CONV "[shortcut]\nfrom=1\n" TAIL, 10, "from"},
    {"shortcut_ahead", HEAD CONV "[shortcut]\nfrom=2\n" TAIL, 10, "from"},
    {"shortcut_before_the_first", HEAD CONV "[shortcut]\nfrom=-2\n" TAIL, 10, "from"},
    {"shortcut_as_first_layer", HEAD "[shortcut]\nfrom=-1\n" TAIL, 6, "from"},
    {"shortcut_from_malformed", HEAD CONV "[shortcut]\nfrom=one\n" TAIL, 10, "from"},
    {"shortcut_from_half", HEAD CONV "[shortcut]\nfrom=-.5\n" TAIL, 10, "from"},
    {"shortcut_of_other_ratio",
     HEAD CONV "[convolutional]\nsize=3\n[connected]\noutput=4\n[shortcut]\nfrom=0\n" TAIL, 0,
     NULL},
    {"route_without_layers", HEAD CONV "[route]\n" TAIL, 9, "layers"},
    {"route_ahead", HEAD CONV "[route]\nlayers=-1,3\n" TAIL, 10, "layers"},
    {"route_to_itself", HEAD CONV "[route]\nlayers=1\n" TAIL, 10, "layers"},
    {"route_before_the_first", HEAD CONV "[route]\nlayers=-1,-2\n" TAIL, 10, "layers"},
    {"route_as_first_layer", HEAD "[route]\nlayers=-1\n" TAIL, 6, "layers"},
    {"route_of_huge_numbers", HEAD CONV "[route]\nlayers=99999999999\n" TAIL, 10, "layers"},
    {"route_of_different_sizes", HEAD CONV "[maxpool]\nstride=2\n[route]\nlayers=-1,-2\n" TAIL, 12,
     NULL},
    {"route_of_half_a_layer", HEAD CONV "[route]\nlayers=-1\ngroups=2\n" TAIL, 11, "groups"},

    {"softmax_groups_that_do_not_divide", HEAD "[connected]\noutput=5\n[softmax]\ngroups=2\n", 8,
     "groups"},
    {"softmax_tree", HEAD TAIL "tree=imagenet.tree\n", 9, "tree"},
    {"softmax_without_loss", HEAD TAIL "noloss=1\n", 9, "noloss"},
    {"zero_temperature", HEAD TAIL "temperature=0\n", 9, "temperature"},
    {"unknown_cost", HEAD TAIL "[cost]\ntype=wgan\n", 10, "wgan"},
    {"dilation", HEAD "[convolutional]\ndilation=2\n" TAIL, 6, "dilation"},
    {"stride_x", HEAD "[convolutional]\nstride_x=2\n" TAIL, 6, "stride_x"},
    {"stride_y_of_a_pool", HEAD "[maxpool]\nstride_y=2\n" TAIL, 6, "stride_y"},
    {"shared_weights", HEAD CONV "[convolutional]\nshare_index=0\n" TAIL, 10, "share_index"},
    {"norm_over_batches", HEAD "[convolutional]\ncbn=1\n" TAIL, 6, "cbn"},
    {"dropped_blocks", HEAD "[dropout]\ndropblock=1\n" TAIL, 6, "dropblock"},
};

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

static void test_refused(void **state)
{
    const struct refusal *r = *state;
    struct err e = {0};
    struct nn_net *net = nn_net_parse("test.cfg", r->text, strlen(r->text), 1, &e);
    if (net) {
        nn_net_free(net);
        fail_msg("accepted");
    }
    check_message(e.text, r->line, r->fragment);
    assert_null(nn_net_parse("test.cfg", r->text, strlen(r->text), 1, NULL));
}

#define REFUSALS (sizeof(refusals) / sizeof(*refusals))

int main(void)
{
    static struct CMUnitTest tests[REFUSALS];
    static char names[REFUSALS][80];
    for (size_t i = 0; i < REFUSALS; i++) {
        snprintf(names[i], sizeof(names[i]), "test_%s_is_refused", refusals[i].name);
        tests[i] = (struct CMUnitTest){
            .name = names[i], .test_func = test_refused, .initial_state = (void *)&refusals[i]};
    }
    return _cmocka_run_group_tests("formats_refusals", tests, REFUSALS, NULL, NULL);
}
