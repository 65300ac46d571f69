/* Engine and reference side by side; see netpair.h. */
#include "netpair.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference_parts.h"

void write_weights(const char *path, const int32_t version[3], uint64_t seen, int wide,
                   const float *values, size_t count)
{
    FILE *f = fopen(path, "wb");
    const uint32_t narrow = (uint32_t)seen;
    if (!f || fwrite(version, sizeof(*version), 3, f) != 3 ||
        fwrite(wide ? (const void *)&seen : &narrow, wide ? 8 : 4, 1, f) != 1 ||
        fwrite(values, sizeof(*values), count, f) != count || fclose(f))
        ref_fail("cannot write %s", path);
}

float *random_values(struct rng *r, size_t count, float deviation)
{
    float *values = ref_alloc(count, sizeof(*values));
    for (size_t i = 0; i < count; i++)
        values[i] = deviation * rng_normal(r);
    return values;
}

float *random_targets(struct rng *r, size_t rows, size_t classes)
{
    float *values = ref_alloc(rows * classes, sizeof(*values));
    for (size_t i = 0; i < rows; i++) {
        float sum = 0;
        for (size_t k = 0; k < classes; k++)
            sum += values[i * classes + k] = rng_range(r, .05f, 1);
        for (size_t k = 0; k < classes; k++)
            values[i * classes + k] /= sum;
    }
    return values;
}

float *random_labels(struct rng *r, size_t rows, size_t classes)
{
    float *values = ref_alloc(rows * classes, sizeof(*values));
    for (size_t i = 0; i < rows; i++)
        values[i * classes + rng_below(r, classes)] = 1;
    return values;
}

float *random_parameters(const struct reference *ref, struct rng *r)
{
    size_t count = reference_count(ref);
    float *values = ref_alloc(count, sizeof(*values));
    for (size_t i = 0; i < count; i++) {
        switch (reference_role(ref, i)) {
        case REF_BIAS:
            values[i] = .2f * rng_normal(r);
            break;
        case REF_SCALE:
            values[i] = 1 + .2f * rng_normal(r);
            break;
        case REF_MEAN:
            values[i] = .3f * rng_normal(r);
            break;
        case REF_VARIANCE:
            values[i] = rng_range(r, .5f, 1.5f);
            break;
        case REF_WEIGHT:
            values[i] = (float)sqrt(2. / (double)reference_fan_in(ref, i)) * rng_normal(r);
            break;
        }
    }
    return values;
}

struct nn_net *net_of(const char *cfg)
{
    struct err e = {0};
    struct nn_net *net = nn_net_parse("test.cfg", cfg, strlen(cfg), 1, &e);
    if (!net)
        ref_fail("%s\n%s", e.text, cfg);
    return net;
}

struct nn_trainer *trainer_of(struct nn_net *net, const struct nn_trainer_options *options)
{
    struct err e = {0};
    struct nn_trainer *t = nn_trainer_new(net, options, &e);
    if (!t)
        ref_fail("%s\n%s", e.text, nn_net_cfg_text(net));
    return t;
}

struct nn_predictor *predictor_of(const struct nn_net *net, int first, int last, int batch)
{
    struct err e = {0};
    struct nn_predictor *p = nn_predictor_new(net, first, last, batch, &e);
    if (!p)
        ref_fail("%s\n%s", e.text, nn_net_cfg_text(net));
    return p;
}

void netpair_follow(struct netpair *p)
{
    double *values = reference_parameters(p->ref);
    for (size_t i = 0; i < reference_count(p->ref); i++)
        values[i] = (double)nn_net_values(p->net)[i];
}

void netpair_init(struct netpair *p, const char *cfg, uint64_t seed)
{
    struct rng r;
    rng_init(&r, seed, 1, 0);
    p->net = net_of(cfg);
    p->ref = reference_new(cfg);
    p->inputs = reference_inputs(p->ref);
    p->outputs = reference_outputs(p->ref);
    if (nn_net_parameters(p->net) != reference_count(p->ref))
        ref_fail("%zu parameters, not %zu, in\n%s", nn_net_parameters(p->net),
                 reference_count(p->ref), cfg);
    float *values = random_parameters(p->ref, &r);
    nn_net_set_values(p->net, values);
    free(values);
    netpair_follow(p);
}

void netpair_release(struct netpair *p)
{
    nn_net_free(p->net);
    reference_free(p->ref);
}

double worst_difference(const float *got, const double *want, size_t count)
{
    double largest = 1e-30, difference = 0;
    for (size_t i = 0; i < count; i++) {
        double d = fabs((double)got[i] - want[i]);
        if (!(d <= INFINITY))
            return INFINITY;
        largest = fmax(largest, fabs(want[i]));
        difference = fmax(difference, d);
    }
    return difference / largest;
}
