/* A prediction is the same, bit for bit, whatever the number of threads, whatever other pictures
 * are in the batch, wherever in it the picture lies, and whichever thread asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netpair.h"
#include "nn.h"
#include "reference_parts.h"

#define BATCH 8
#define CONV "[convolutional]\nsize=3\npad=1\nactivation=relu\n"
#define END "[connected]\noutput=5\nactivation=linear\n[softmax]\n"

struct subject {
    const char *name;
    const char *cfg; /* text, or the path of a file when `file` */
    bool file;
};

static const struct subject subjects[] = {
    {"cfg/atulapra.cfg", NULL, true},
    {"cfg/general.cfg", NULL, true},
    {"planes_3_to_16", "[net]\nchannels=3\nheight=13\nwidth=11\n" CONV "filters=16\n" END, false},
    {"planes_24_to_40",
     "[net]\nchannels=24\nheight=13\nwidth=11\n" CONV "filters=40\n" CONV "filters=24\n" END,
     false},
    {"planes_64_to_24",
     "[net]\nchannels=64\nheight=9\nwidth=11\n" CONV "filters=24\n" CONV "filters=64\n" END, false},
    /* So few pixels that threads share them unevenly. */
    {"planes_24_to_40_of_few_pixels",
     "[net]\nchannels=24\nheight=3\nwidth=3\n" CONV "filters=40\n" END, false},
    {"points_of_few_pixels",
     "[net]\nchannels=200\nheight=3\nwidth=3\n[convolutional]\nfilters=40\nsize=1\n"
     "activation=relu\n" END,
     false},
    {"odd_planes",
     "[net]\nchannels=5\nheight=10\nwidth=7\n" CONV "filters=7\n" CONV "filters=9\nstride=2\n" END,
     false},
    {"odd_groups", "[net]\nchannels=9\nheight=12\nwidth=7\n" CONV "filters=15\ngroups=3\n" END,
     false},
    {"groups_of_sixteen",
     "[net]\nchannels=32\nheight=12\nwidth=7\n" CONV "filters=64\ngroups=2\n" END, false},
    {"groups_of_twelve",
     "[net]\nchannels=48\nheight=12\nwidth=7\n" CONV "filters=48\ngroups=4\n" END, false},
    {"depthwise", "[net]\nchannels=32\nheight=12\nwidth=7\n" CONV "filters=32\ngroups=32\n" END,
     false},
    {"depthwise_odd", "[net]\nchannels=7\nheight=12\nwidth=7\n" CONV "filters=14\ngroups=7\n" END,
     false},
    {"points",
     "[net]\nchannels=24\nheight=12\nwidth=7\n[convolutional]\nfilters=40\nsize=1\nactivation="
     "leaky\n[convolutional]\nfilters=9\nsize=1\nactivation=leaky\n[avgpool]\n[softmax]\n",
     false},
    {"points_of_blocks",
     "[net]\nchannels=32\nheight=12\nwidth=7\n[convolutional]\nfilters=64\nsize=1\nactivation="
     "leaky\n[avgpool]\n[softmax]\n",
     false},
    {"wide_dense",
     "[net]\nchannels=3\nheight=12\nwidth=7\n[connected]\noutput=301\nactivation=relu\n" END,
     false},
};

/* Pictures, and what each of them gives alone in one thread. */
struct fixture {
    struct nn_net *net;
    size_t in, out;
    float *input; /* (BATCH, in) */
    float *want;  /* (BATCH, out) */
};

static struct nn_predictor *predictor(const struct fixture *f)
{
    return predictor_of(f->net, 0, nn_net_layers(f->net), BATCH);
}

static void fixture_init(struct fixture *f, const struct subject *s)
{
    struct err e = {0};
    struct rng r;
    f->net =
        s->file ? nn_net_new(s->name, 3, &e) : nn_net_parse(s->name, s->cfg, strlen(s->cfg), 3, &e);
    if (!f->net)
        fail_msg("%s", e.text);
    f->in = nn_shape_values(nn_net_input(f->net));
    f->out = (size_t)nn_net_outputs(f->net);
    rng_init(&r, 3, 0, 0);
    f->input = random_values(&r, BATCH * f->in, 1);
    f->want = ref_alloc(BATCH * f->out, sizeof(float));
    nn_set_threads(1);
    struct nn_predictor *p = predictor(f);
    for (size_t i = 0; i < BATCH; i++)
        nn_predictor_run(p, f->input + i * f->in, 1, f->want + i * f->out);
    nn_predictor_free(p);
}

static void fixture_release(struct fixture *f)
{
    nn_net_free(f->net);
    free(f->input);
    free(f->want);
}

static void expect(const struct fixture *f, const float *got, const char *when)
{
    for (size_t i = 0; i < BATCH * f->out; i++)
        if (memcmp(&got[i], &f->want[i], sizeof(float)) != 0)
            fail_msg("%s: output %zu of picture %zu is %.9g, alone %.9g", when, i % f->out,
                     i / f->out, (double)got[i], (double)f->want[i]);
}

static void test_a_prediction_does_not_depend_on_threads_or_company(void **state)
{
    struct fixture f;
    char when[64];
    fixture_init(&f, *state);
    float *got = ref_alloc(BATCH * f.out, sizeof(float));
    for (int threads = 1; threads <= 5; threads++) {
        nn_set_threads(threads);
        struct nn_predictor *p = predictor(&f);
        nn_predictor_run(p, f.input, BATCH, got);
        snprintf(when, sizeof(when), "together, %d threads", threads);
        expect(&f, got, when);
        /* Every picture one place further on. */
        nn_predictor_run(p, f.input + f.in, BATCH - 1, got + f.out);
        snprintf(when, sizeof(when), "moved, %d threads", threads);
        expect(&f, got, when);
        nn_predictor_free(p);
    }
    free(got);
    fixture_release(&f);
}

struct request {
    struct nn_predictor *predictor;
    const float *input;
    float *output;
};

static void *run_request(void *data)
{
    const struct request *r = data;
    nn_set_threads(2);
    nn_predictor_run(r->predictor, r->input, BATCH, r->output);
    return NULL;
}

static void test_a_predictor_runs_in_a_thread_that_did_not_make_it(void **state)
{
    struct fixture f;
    pthread_t thread;
    fixture_init(&f, *state);
    float *got = ref_alloc(BATCH * f.out, sizeof(float));
    nn_set_threads(2);
    struct request r = {predictor(&f), f.input, got};
    assert_int_equal(pthread_create(&thread, NULL, run_request, &r), 0);
    pthread_join(thread, NULL);
    expect(&f, got, "in another thread");
    nn_predictor_free(r.predictor);
    free(got);
    fixture_release(&f);
}

#define SUBJECTS (sizeof(subjects) / sizeof(*subjects))

int main(void)
{
    static struct CMUnitTest tests[2 * SUBJECTS];
    static char names[2 * SUBJECTS][128];
    static const struct {
        const char *name;
        CMUnitTestFunction run;
    } facts[2] = {{"test_a_prediction_does_not_depend_on_threads_or_company",
                   test_a_prediction_does_not_depend_on_threads_or_company},
                  {"test_a_predictor_runs_in_a_thread_that_did_not_make_it",
                   test_a_predictor_runs_in_a_thread_that_did_not_make_it}};
    for (size_t i = 0; i < 2 * SUBJECTS; i++) {
        const struct subject *s = &subjects[i / 2];
        snprintf(names[i], sizeof(names[i]), "%s %s", facts[i % 2].name, s->name);
        tests[i] = (struct CMUnitTest){
            .name = names[i], .test_func = facts[i % 2].run, .initial_state = (void *)(uintptr_t)s};
    }
    return _cmocka_run_group_tests("company", tests, 2 * SUBJECTS, NULL, NULL);
}
