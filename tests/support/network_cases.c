/* Small networks, one for every layer and option; see network_cases.h. */
#include "network_cases.h"

#include <stdlib.h>
#include <string.h>

#include "reference_parts.h"

#define NET(batch, c, h, w)                                                                        \
    "[net]\nbatch=" #batch "\nchannels=" #c "\nheight=" #h "\nwidth=" #w "\n"
#define CONV(n, rest) "[convolutional]\nfilters=" #n "\nsize=3\npad=1\n" rest
#define NORM "batch_normalize=1\n"
#define ACT(name) "activation=" #name "\n"
#define DENSE(n) "[connected]\noutput=" #n "\nactivation=linear\n"
#define END(n) DENSE(n) "[softmax]\n"
#define CONV_OF(c, h, w, rest) NET(4, c, h, w) "[convolutional]\n" rest END(5)
#define POOL_OF(rest) NET(3, 3, 9, 7) CONV(5, ACT(leaky)) "[maxpool]\n" rest END(4)
#define ACTIVATION_OF(name) NET(4, 3, 6, 5) CONV(7, ACT(name)) END(4)

const struct network_case NETWORK_CASES[] = {
    {"conv_defaults", NET(4, 3, 6, 5) "[convolutional]\n" END(4), DARKNET_AGREES},
    {"conv_section_short_name",
     NET(4, 3, 6, 5) "[conv]\nfilters=4\nsize=3\n[conn]\noutput=3\n[soft]\n", DARKNET_AGREES},
    {"conv_1x1", CONV_OF(16, 7, 9, "filters=8\nsize=1\nactivation=relu\n"), DARKNET_AGREES},
    {"conv_1x1_odd", CONV_OF(5, 7, 4, "filters=3\nsize=1\nactivation=leaky\n"), DARKNET_AGREES},
    {"conv_1x1_stride_2", CONV_OF(8, 8, 7, "filters=16\nsize=1\nstride=2\nactivation=relu\n"),
     DARKNET_DIFFERS},
    {"conv_1x1_stride_3_padding_1",
     CONV_OF(3, 8, 7, "filters=5\nsize=1\nstride=3\npadding=1\nactivation=tanh\n"),
     DARKNET_DIFFERS},
    {"conv_2x2", CONV_OF(3, 6, 5, "filters=4\nsize=2\nactivation=leaky\n"), DARKNET_AGREES},
    {"conv_2x2_pad", CONV_OF(3, 6, 5, "filters=4\nsize=2\npad=1\nactivation=leaky\n"),
     DARKNET_AGREES},
    {"conv_3x3", CONV_OF(8, 6, 10, "filters=16\nsize=3\nactivation=relu\n"), DARKNET_AGREES},
    {"conv_3x3_pad", CONV_OF(16, 12, 8, "filters=32\nsize=3\npad=1\nactivation=relu\n"),
     DARKNET_AGREES},
    {"conv_3x3_pad_one_plane", CONV_OF(1, 12, 11, "filters=16\nsize=3\npad=1\nactivation=relu\n"),
     DARKNET_AGREES},
    {"conv_3x3_pad_odd", CONV_OF(3, 9, 7, "filters=7\nsize=3\npad=1\nactivation=leaky\n"),
     DARKNET_AGREES},
    {"conv_3x3_pad_odd_norm",
     CONV_OF(7, 5, 11, "filters=5\nsize=3\npad=1\nbatch_normalize=1\nactivation=leaky\n"),
     DARKNET_AGREES},
    {"conv_3x3_pad_norm",
     CONV_OF(8, 6, 6, "filters=16\nsize=3\npad=1\nbatch_normalize=1\nactivation=relu\n"),
     DARKNET_AGREES},
    {"conv_3x3_pad_norm_linear",
     CONV_OF(16, 6, 7, "filters=8\nsize=3\npad=1\nbatch_normalize=1\nactivation=linear\n"),
     DARKNET_AGREES},
    {"conv_3x3_stride_2", CONV_OF(8, 9, 8, "filters=8\nsize=3\nstride=2\nactivation=relu\n"),
     DARKNET_AGREES},
    {"conv_3x3_stride_2_pad",
     CONV_OF(16, 8, 12, "filters=16\nsize=3\nstride=2\npad=1\nactivation=relu\n"), DARKNET_AGREES},
    {"conv_3x3_stride_3_padding_2",
     CONV_OF(5, 7, 8, "filters=3\nsize=3\nstride=3\npadding=2\nactivation=elu\n"), DARKNET_AGREES},
    {"conv_pad_wins_over_padding",
     CONV_OF(3, 7, 8, "filters=4\nsize=5\npad=1\npadding=4\nactivation=elu\n"), DARKNET_AGREES},
    {"conv_4x4_stride_2_padding_1",
     CONV_OF(6, 9, 10, "filters=10\nsize=4\nstride=2\npadding=1\nactivation=relu\n"),
     DARKNET_AGREES},
    {"conv_5x5_pad", CONV_OF(8, 7, 6, "filters=8\nsize=5\npad=1\nactivation=leaky\n"),
     DARKNET_AGREES},
    {"conv_5x5_pad_stride_2_one_plane",
     CONV_OF(1, 12, 9, "filters=24\nsize=5\nstride=2\npad=1\nbatch_normalize=1\nactivation=relu\n"),
     DARKNET_AGREES},
    {"conv_7x7_stride_2_pad",
     CONV_OF(3, 13, 12, "filters=16\nsize=7\nstride=2\npad=1\nactivation=relu\n"), DARKNET_AGREES},
    {"conv_of_the_input_s_size", CONV_OF(4, 5, 5, "filters=9\nsize=5\nactivation=tanh\n"),
     DARKNET_AGREES},
    {"conv_groups_2", CONV_OF(16, 6, 6, "filters=32\ngroups=2\nsize=3\npad=1\nactivation=relu\n"),
     DARKNET_AGREES},
    {"conv_groups_3_odd",
     CONV_OF(9, 6, 5, "filters=15\ngroups=3\nsize=3\npad=1\nactivation=leaky\n"), DARKNET_AGREES},
    {"conv_groups_norm_stride",
     CONV_OF(8, 7, 6,
             "filters=4\ngroups=4\nsize=3\nstride=2\npad=1\nbatch_normalize=1\n"
             "activation=leaky\n"),
     DARKNET_AGREES},
    {"conv_depthwise",
     CONV_OF(16, 7, 9,
             "filters=16\ngroups=16\nsize=3\npad=1\nbatch_normalize=1\nactivation=relu\n"),
     DARKNET_AGREES},
    {"conv_depthwise_odd_stride_2",
     CONV_OF(5, 7, 9, "filters=5\ngroups=5\nsize=3\nstride=2\npad=1\nactivation=relu\n"),
     DARKNET_AGREES},
    {"conv_depthwise_multiplier",
     CONV_OF(3, 7, 9, "filters=6\ngroups=3\nsize=3\npad=1\nactivation=elu\n"), DARKNET_AGREES},
    {"conv_groups_1x1", CONV_OF(8, 5, 5, "filters=12\ngroups=4\nsize=1\nactivation=relu\n"),
     DARKNET_AGREES},
    {"conv_groups_of_twelve",
     CONV_OF(48, 5, 6, "filters=48\ngroups=4\nsize=3\npad=1\nactivation=relu\n"), DARKNET_AGREES},
    {"conv_of_blocks_to_odd",
     CONV_OF(3, 5, 7,
             "filters=16\nsize=3\npad=1\nactivation=tanh\n"
             "[convolutional]\nfilters=21\nsize=3\npad=1\n"
             "batch_normalize=1\nactivation=leaky\n"),
     DARKNET_AGREES},
    {"conv_of_odd_to_blocks",
     CONV_OF(3, 5, 7,
             "filters=21\nsize=3\npad=1\nactivation=tanh\n"
             "[convolutional]\nfilters=16\nsize=3\npad=1\nactivation=leaky\n"),
     DARKNET_AGREES},
    {"conv_stack",
     NET(4, 1, 12, 12) CONV(16, NORM ACT(relu))
         CONV(16, NORM ACT(relu)) "[maxpool]\nsize=2\nstride=2\n" CONV(32, NORM ACT(relu))
             CONV(32, NORM ACT(leaky)) "[avgpool]\n" END(7),
     DARKNET_AGREES},
    /* Stride 1, 3x3 and channels by 32s: Winograd's kernels where there are any. */
    {"conv_of_32s", NET(2, 32, 9, 7) CONV(32, ACT(relu)) CONV(32, ACT(leaky)) END(5),
     DARKNET_AGREES},
    {"conv_of_32s_norm",
     NET(2, 3, 8, 13) CONV(32, NORM ACT(relu)) CONV(64, NORM ACT(leaky))
         CONV(32, NORM ACT(linear)) "[avgpool]\n" END(5),
     DARKNET_AGREES},
    {"conv_of_32s_without_padding",
     NET(3, 32, 13, 10) "[convolutional]\nfilters=64\nsize=3\nactivation=relu\n"
                        "[convolutional]\nfilters=32\nsize=3\nactivation=tanh\n" END(5),
     DARKNET_AGREES},
    {"conv_of_32s_padding_2",
     NET(2, 32, 5, 4) CONV(32, ACT(relu)) "[convolutional]\nfilters=32\nsize=3\npadding=2\n"
                                          "activation=elu\n" END(5),
     DARKNET_AGREES},
    {"conv_of_32s_on_maps_of_six",
     NET(3, 32, 6, 6) CONV(64, NORM ACT(relu)) CONV(64, ACT(relu))
         CONV(32, NORM ACT(leaky)) "[maxpool]\nsize=2\nstride=2\n" END(7),
     DARKNET_AGREES},
    {"shortcut_around_conv_of_32s",
     NET(2, 3, 10, 9) CONV(32, NORM ACT(relu)) CONV(32, NORM ACT(relu))
         CONV(32, NORM ACT(linear)) "[shortcut]\nfrom=-3\nactivation=relu\n" END(4),
     DARKNET_AGREES},
    {"conv_after_connected",
     NET(4, 2, 4, 3) "[connected]\noutput=6\nactivation=tanh\n"
                     "[convolutional]\nfilters=5\nsize=1\nactivation=leaky\n" END(3),
     DARKNET_AGREES},
    {"conv_alone_as_classifier",
     NET(4, 3, 5,
         4) "[convolutional]\nfilters=6\nsize=3\npad=1\nactivation=linear\n[avgpool]\n[softmax]\n",
     DARKNET_AGREES},

    {"activation_linear", ACTIVATION_OF(linear), DARKNET_AGREES},
    {"activation_relu", ACTIVATION_OF(relu), DARKNET_AGREES},
    {"activation_leaky", ACTIVATION_OF(leaky), DARKNET_AGREES},
    {"activation_logistic", ACTIVATION_OF(logistic), DARKNET_AGREES},
    {"activation_tanh", ACTIVATION_OF(tanh), DARKNET_AGREES},
    {"activation_elu", ACTIVATION_OF(elu), DARKNET_AGREES},
    {"activation_selu", ACTIVATION_OF(selu), DARKNET_AGREES},
    {"activation_loggy", ACTIVATION_OF(loggy), DARKNET_AGREES},
    {"activation_relie", ACTIVATION_OF(relie), DARKNET_AGREES},
    {"activation_ramp", ACTIVATION_OF(ramp), DARKNET_AGREES},
    {"activation_hardtan", ACTIVATION_OF(hardtan), DARKNET_AGREES},
    {"activation_lhtan", ACTIVATION_OF(lhtan), DARKNET_AGREES},
    {"activation_plse", ACTIVATION_OF(plse), DARKNET_AGREES},
    {"activation_stair", ACTIVATION_OF(stair), DARKNET_AGREES},
    {"activation_layer",
     NET(4, 3, 6, 5) CONV(5, ACT(linear)) "[activation]\nactivation=leaky\n" END(4),
     DARKNET_AGREES},
    {"activation_layer_default_is_linear",
     NET(4, 3, 6, 5) CONV(5, ACT(tanh)) "[activation]\n" END(4), DARKNET_AGREES},
    {"activation_layer_first", NET(4, 3, 6, 5) "[activation]\nactivation=elu\n" END(4),
     DARKNET_AGREES_FORWARD},

    {"maxpool_2_2", POOL_OF("size=2\nstride=2\n"), DARKNET_AGREES},
    {"maxpool_2_2_even",
     NET(3, 8, 8, 12) CONV(16, ACT(relu)) "[maxpool]\nsize=2\nstride=2\n" END(4), DARKNET_AGREES},
    {"maxpool_size_is_stride", POOL_OF("stride=2\n"), DARKNET_AGREES},
    {"maxpool_defaults", POOL_OF(""), DARKNET_AGREES},
    {"maxpool_2_1", POOL_OF("size=2\nstride=1\n"), DARKNET_AGREES},
    {"maxpool_3_1", POOL_OF("size=3\nstride=1\n"), DARKNET_AGREES},
    {"maxpool_3_2", POOL_OF("size=3\nstride=2\n"), DARKNET_AGREES},
    {"maxpool_3_2_padding_0", POOL_OF("size=3\nstride=2\npadding=0\n"), DARKNET_AGREES},
    {"maxpool_3_2_padding_1", POOL_OF("size=3\nstride=2\npadding=1\n"), DARKNET_AGREES},
    {"maxpool_2_2_padding_0", POOL_OF("size=2\nstride=2\npadding=0\n"), DARKNET_AGREES},
    {"maxpool_4_2", POOL_OF("size=4\nstride=2\n"), DARKNET_AGREES},
    {"maxpool_5_3", POOL_OF("size=5\nstride=3\n"), DARKNET_AGREES},
    {"maxpool_5_1", POOL_OF("size=5\nstride=1\n"), DARKNET_AGREES},
    {"maxpool_7_7_padding_0", POOL_OF("size=7\nstride=7\npadding=0\n"), DARKNET_AGREES},
    {"maxpool_first", NET(3, 3, 9, 7) "[max]\nsize=2\nstride=2\n" END(4), DARKNET_AGREES_FORWARD},
    {"maxpool_of_sixteen",
     NET(3, 16, 9, 7) CONV(16, ACT(tanh)) "[maxpool]\nsize=3\nstride=2\n" END(4), DARKNET_AGREES},
    {"avgpool", NET(4, 3, 6, 5) CONV(7, ACT(leaky)) "[avgpool]\n" END(4), DARKNET_AGREES},
    {"avgpool_of_sixteen", NET(4, 3, 8, 8) CONV(16, ACT(relu)) "[avg]\n" END(4), DARKNET_AGREES},
    {"avgpool_of_one_pixel", NET(4, 3, 3, 3) "[conv]\nfilters=5\nsize=3\n[avgpool]\n" END(4),
     DARKNET_AGREES},

    {"connected_alone", NET(4, 2, 3, 5) END(6), DARKNET_AGREES},
    {"connected_defaults", NET(4, 2, 3, 5) "[connected]\n[connected]\noutput=3\n[softmax]\n",
     DARKNET_AGREES},
    {"connected_tanh", NET(4, 2, 3, 5) "[connected]\noutput=11\nactivation=tanh\n" END(6),
     DARKNET_AGREES},
    {"connected_relu_wide", NET(4, 4, 6, 6) "[connected]\noutput=64\nactivation=relu\n" END(7),
     DARKNET_AGREES},
    {"connected_norm",
     NET(5, 2, 3, 5) "[connected]\noutput=9\nbatch_normalize=1\nactivation=leaky\n" END(6),
     DARKNET_AGREES},
    {"connected_norm_after_conv",
     NET(6, 3, 5, 4) CONV(
         5, NORM ACT(relu)) "[connected]\noutput=16\nbatch_normalize=1\nactivation=relu\n"
                            "[connected]\noutput=8\nbatch_normalize=1\nactivation=relu\n" END(3),
     DARKNET_AGREES},

    {"shortcut",
     NET(4, 3, 6, 5) CONV(8, ACT(leaky))
         CONV(8, ACT(linear)) "[shortcut]\nfrom=-2\nactivation=relu\n" END(4),
     DARKNET_AGREES},
    {"shortcut_default_is_linear",
     NET(4, 3, 6, 5) CONV(5, ACT(leaky)) CONV(5, ACT(tanh)) "[shortcut]\nfrom=-2\n" END(4),
     DARKNET_AGREES},
    {"shortcut_by_absolute_number",
     NET(4, 3, 6, 5) CONV(5, ACT(leaky)) CONV(5, ACT(tanh))
         CONV(5, ACT(elu)) "[shortcut]\nfrom=0\nactivation=leaky\n" END(4),
     DARKNET_AGREES},
    {"shortcut_from_wider_layer",
     NET(4, 3, 6, 5) CONV(8, ACT(leaky))
         CONV(5, ACT(linear)) "[shortcut]\nfrom=-2\nactivation=relu\n" END(4),
     DARKNET_AGREES},
    {"shortcut_from_narrower_layer",
     NET(4, 3, 6, 5) CONV(4, ACT(leaky))
         CONV(7, ACT(linear)) "[shortcut]\nfrom=-2\nactivation=relu\n" END(4),
     DARKNET_AGREES},
    {"shortcut_from_larger_layer",
     NET(4, 3, 8, 12)
         CONV(5, ACT(leaky)) "[convolutional]\nfilters=7\nsize=3\nstride=2\npad=1\nactivation="
                             "linear\n[shortcut]\nfrom=-2\nactivation=relu\n" END(4),
     DARKNET_AGREES},
    {"shortcut_from_larger_layer_of_sixteen",
     NET(4, 3, 8, 12)
         CONV(16, ACT(leaky)) "[convolutional]\nfilters=16\nsize=3\nstride=2\npad=1\nactivation="
                              "linear\n[shortcut]\nfrom=-2\nactivation=relu\n" END(4),
     DARKNET_AGREES},
    {"shortcut_from_layer_that_is_cropped",
     NET(4, 3, 9, 7)
         CONV(5, ACT(leaky)) "[convolutional]\nfilters=7\nsize=3\nstride=2\npad=1\nactivation="
                             "linear\n[shortcut]\nfrom=-2\nactivation=relu\n" END(4),
     DARKNET_AGREES},
    {"shortcut_from_smaller_layer",
     NET(4, 3, 8, 12) CONV(
         5, ACT(leaky)) "[convolutional]\nfilters=7\nsize=3\nstride=2\npad=1\nactivation=linear\n["
                        "route]\nlayers=0\n[shortcut]\nfrom=-2\nactivation=relu\n" END(4),
     DARKNET_AGREES},
    {"shortcut_from_the_layer_below",
     NET(4, 3, 6, 5) CONV(4, ACT(leaky)) "[shortcut]\nfrom=-1\n" END(4), DARKNET_AGREES},
    {"shortcut_around_1x1",
     NET(4, 3, 6, 5) CONV(
         8, NORM ACT(relu)) "[convolutional]\nfilters=4\nsize=1\nbatch_normalize=1\n"
                            "activation=relu\n" CONV(
                                8,
                                NORM ACT(linear)) "[shortcut]\nfrom=-3\nactivation=relu\n" END(4),
     DARKNET_AGREES_FORWARD},
    {"shortcut_around_activation",
     NET(4, 3, 6, 5) CONV(8, ACT(linear)) "[activation]\nactivation=leaky\n" CONV(
         8, ACT(linear)) "[shortcut]\nfrom=-3\nactivation=linear\n" END(4),
     DARKNET_AGREES_FORWARD},
    {"shortcut_around_batchnorm",
     NET(4, 3, 6, 5) CONV(8, ACT(linear)) "[batchnorm]\n" CONV(
         8, ACT(linear)) "[shortcut]\nfrom=-3\nactivation=linear\n" END(4),
     DARKNET_DIFFERS},
    {"shortcut_around_pool",
     NET(4, 3, 6, 5)
         CONV(6, ACT(leaky)) "[maxpool]\nsize=3\nstride=1\n[shortcut]\nfrom=-2\n" END(4),
     DARKNET_AGREES},
    {"shortcut_around_connected",
     NET(4, 3, 4,
         5) "[connected]\noutput=12\nactivation=tanh\n[connected]\noutput=12\nactivation=relu\n"
            "[shortcut]\nfrom=-2\n" END(4),
     DARKNET_AGREES},
    {"shortcut_twice",
     NET(4, 3, 6, 5) CONV(8, NORM ACT(relu))
         CONV(8, NORM ACT(linear)) "[shortcut]\nfrom=-2\nactivation=relu\n" CONV(
             8, NORM ACT(linear)) "[shortcut]\nfrom=-2\nactivation=relu\n"
                                  "[shortcut]\nfrom=0\nactivation=leaky\n" END(4),
     DARKNET_AGREES},

    {"route_one",
     NET(4, 3, 6, 5) CONV(4, ACT(leaky)) CONV(7, ACT(elu)) "[route]\nlayers=-2\n" END(4),
     DARKNET_AGREES},
    {"route_two",
     NET(4, 3, 6, 5) CONV(4, ACT(leaky)) CONV(7, ACT(elu)) "[route]\nlayers=-1,-2\n" END(4),
     DARKNET_AGREES},
    {"route_of_eights",
     NET(4, 3, 6, 5) CONV(8, ACT(leaky))
         CONV(16, ACT(relu)) "[route]\nlayers=-2,-1\n" CONV(8, ACT(relu)) END(4),
     DARKNET_AGREES},
    {"route_three_absolute",
     NET(4, 3, 6, 5) CONV(4, ACT(leaky)) CONV(7, ACT(elu))
         CONV(5, ACT(relu)) "[route]\nlayers=0,2,1\n" CONV(6, NORM ACT(leaky)) END(4),
     DARKNET_AGREES},
    {"route_same_layer_twice", NET(4, 3, 6, 5) CONV(4, ACT(leaky)) "[route]\nlayers=-1,-1\n" END(4),
     DARKNET_AGREES},
    {"route_with_spaces",
     NET(4, 3, 6, 5) CONV(4, ACT(leaky)) CONV(4, ACT(tanh)) "[route]\nlayers=-1, 0\n" END(4),
     DARKNET_AGREES},
    {"route_of_vectors",
     NET(4, 3, 4,
         5) "[connected]\noutput=5\nactivation=tanh\n[connected]\noutput=3\nactivation=relu\n"
            "[route]\nlayers=0,1\n" END(4),
     DARKNET_AGREES},
    {"two_branches",
     NET(4, 3, 8, 6) CONV(8, NORM ACT(relu)) CONV(
         6,
         ACT(leaky)) "[route]\nlayers=0\n"
                     "[maxpool]\nsize=3\nstride=1\n" CONV(
                         5,
                         ACT(tanh)) "[route]\nlayers=1,-1\n" CONV(8,
                                                                  ACT(relu)) "[shortcut]\nfrom="
                                                                             "0\nactivation=relu\n["
                                                                             "avgpool]\n" END(4),
     DARKNET_AGREES},

    {"batchnorm_layer", NET(4, 3, 6, 5) CONV(5, ACT(tanh)) "[batchnorm]\n" END(4), DARKNET_DIFFERS},
    {"batchnorm_layer_of_sixteen",
     NET(4, 3, 6, 5) CONV(16, ACT(relu)) "[batchnorm]\n" CONV(8, ACT(relu)) END(4),
     DARKNET_DIFFERS},
    {"batchnorm_layer_first", NET(4, 3, 6, 5) "[batchnorm]\n" END(4), DARKNET_DIFFERS},
    {"batchnorm_after_connected",
     NET(4, 3, 3, 3) "[connected]\noutput=8\nactivation=tanh\n[batchnorm]\n" END(4),
     DARKNET_DIFFERS},
    {"dropout_of_nothing", NET(4, 3, 6, 5) CONV(5, ACT(tanh)) "[dropout]\nprobability=0\n" END(4),
     DARKNET_AGREES},

    {"softmax_temperature", NET(4, 3, 4, 5) DENSE(6) "[softmax]\ntemperature=2.5\n",
     DARKNET_AGREES_FORWARD},
    {"softmax_on_planes", NET(3, 2, 3, 4) CONV(2, ACT(linear)) "[softmax]\n", DARKNET_AGREES},
    {"cost_after_softmax_adds_nothing", NET(4, 3, 4, 5) END(6) "[cost]\ntype=sse\n",
     DARKNET_AGREES_FORWARD},
    {"cost_sse", NET(4, 3, 4, 5) DENSE(6) "[cost]\ntype=sse\n", DARKNET_AGREES},
    {"cost_is_sse_by_default",
     NET(4, 3, 4, 5) "[connected]\noutput=3\nactivation=logistic\n[cost]\n", DARKNET_AGREES},
    {"cost_scale", NET(4, 3, 4, 5) DENSE(6) "[cost]\ntype=sse\nscale=3\n", DARKNET_AGREES},
    {"many_classes", NET(4, 3, 4, 5) END(33), DARKNET_AGREES},
    {"two_classes", NET(4, 3, 4, 5) END(2), DARKNET_AGREES},
    {"one_picture", NET(1, 3, 6, 5) CONV(8, NORM ACT(relu)) END(4), DARKNET_AGREES},
    {"network_section_long_name", "[network]\nbatch=4\nchannels=3\nheight=4\nwidth=5\n" END(4),
     DARKNET_AGREES},
};

const size_t NETWORK_CASE_COUNT = sizeof(NETWORK_CASES) / sizeof(*NETWORK_CASES);

char *cfg_with(const char *cfg, const char *rules)
{
    size_t head = strcspn(cfg, "\n") + 1;
    char *text = ref_alloc(strlen(cfg) + strlen(rules) + 1, 1);
    memcpy(text, cfg, head);
    strcpy(text + head, rules);
    strcat(text, cfg + head);
    return text;
}
