/* Learning rates and the keys of the update; see solver.h. */
#include "nn/solver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define STREAM_RATE 0x72617465

static const char *const POLICIES[POLICY_COUNT] = {
    [POLICY_CONSTANT] = "constant", [POLICY_STEP] = "step", [POLICY_STEPS] = "steps",
    [POLICY_EXP] = "exp",           [POLICY_POLY] = "poly", [POLICY_SIGMOID] = "sigmoid",
    [POLICY_RANDOM] = "random",     [POLICY_SGDR] = "sgdr",
};

static int parse_policy(struct solver *s, const struct cfg *c, struct cfg_section *section,
                        struct err *e)
{
    const char *name = cfg_word(section, "policy", "constant");
    for (int i = 0; i < POLICY_COUNT; i++)
        if (strcmp(name, POLICIES[i]) == 0) {
            s->policy = (enum policy)i;
            return 0;
        }
    return err_set(e, "%s:%d: unknown policy '%s'", c->path, cfg_line(section, "policy"), name);
}

static int parse_steps(struct solver *s, const struct cfg *c, struct cfg_section *section,
                       struct err *e)
{
    int scales;
    if (cfg_list(c, section, "steps", &s->steps, &s->step_count, e) ||
        cfg_list(c, section, "scales", &s->scales, &scales, e))
        return -1;
    if (s->policy == POLICY_STEPS && s->step_count == 0)
        return err_set(e, "%s:%d: policy=steps needs steps and scales", c->path, section->line);
    if (s->step_count != scales)
        return err_set(e, "%s:%d: %d steps but %d scales", c->path, cfg_line(section, "steps"),
                       s->step_count, scales);
    return 0;
}

static int parse_class_weights(struct solver *s, const struct cfg *c, struct cfg_section *section,
                               struct err *e)
{
    if (cfg_list(c, section, "class_weights", &s->class_weights, &s->class_weight_count, e))
        return -1;
    for (int i = 0; i < s->class_weight_count; i++)
        if (!(s->class_weights[i] >= 0 && s->class_weights[i] <= 1e6))
            return err_set(e, "%s:%d: class_weights: %g is not between 0 and 1e6", c->path,
                           cfg_line(section, "class_weights"), s->class_weights[i]);
    return 0;
}

static int parse_keys(struct solver *s, const struct cfg *c, struct cfg_section *n, struct err *e)
{
    int adam, nesterov;
    if (parse_policy(s, c, n, e) || cfg_real(c, n, "learning_rate", .001, 0, 1e6, &s->rate, e) ||
        cfg_real(c, n, "power", 4, -100, 100, &s->power, e) ||
        cfg_real(c, n, "gamma", 1, -1e6, 1e6, &s->gamma, e) ||
        cfg_real(c, n, "scale", 1, 0, 1e6, &s->scale, e) ||
        cfg_int(c, n, "step", 1, 1, 1 << 30, &s->step, e) ||
        cfg_int(c, n, "burn_in", 0, 0, 1 << 30, &s->burn_in, e) || parse_steps(s, c, n, e) ||
        cfg_real(c, n, "learning_rate_min", 1e-5, 0, 1e6, &s->rate_min, e) ||
        cfg_int(c, n, "sgdr_cycle", 0, 0, 1 << 30, &s->cycle, e) ||
        cfg_real(c, n, "sgdr_mult", 2, 1, 1000, &s->cycle_factor, e))
        return -1;
    if (cfg_int(c, n, "adam", 0, 0, 1, &adam, e) ||
        cfg_int(c, n, "nesterov", 0, 0, 1, &nesterov, e) ||
        cfg_real(c, n, "momentum", .9, 0, 1, &s->momentum, e) ||
        cfg_real(c, n, "decay", .0001, 0, 1e6, &s->decay, e) ||
        cfg_real(c, n, "B1", .9, 0, .999999, &s->beta1, e) ||
        cfg_real(c, n, "B2", .999, 0, .999999, &s->beta2, e) ||
        cfg_real(c, n, "eps", 1e-7, 1e-30, 1, &s->epsilon, e) ||
        cfg_real(c, n, "max_grad_norm", 0, 0, 1e9, &s->max_gradient_norm, e) ||
        cfg_real(c, n, "label_smooth_eps", 0, 0, .999, &s->label_smoothing, e) ||
        cfg_real(c, n, "ema_alpha", 0, 0, .999999, &s->average, e) ||
        parse_class_weights(s, c, n, e))
        return -1;
    s->adam = adam;
    s->nesterov = nesterov;
    return 0;
}

int solver_parse(struct solver *s, const struct cfg *c, struct cfg_section *section, struct err *e)
{
    memset(s, 0, sizeof(*s));
    if (parse_keys(s, c, section, e) == 0)
        return 0;
    solver_release(s);
    return -1;
}

void solver_release(struct solver *s)
{
    free(s->steps);
    free(s->scales);
    free(s->class_weights);
    memset(s, 0, sizeof(*s));
}

static double cosine_rate(const struct solver *s, double batch, long max_batches)
{
    double start = 0, length = s->cycle > 0 ? s->cycle : (double)max_batches;
    while (length > 0 && start + length < batch) {
        start += length;
        length *= s->cycle_factor;
    }
    double phase = length > 0 ? (batch - start) / length : 0;
    return s->rate_min + .5 * (s->rate - s->rate_min) * (1 + cos(3.14159265358979323846 * phase));
}

static double stepped_rate(const struct solver *s, double batch)
{
    double rate = s->rate;
    for (int i = 0; i < s->step_count && s->steps[i] <= batch; i++)
        rate *= s->scales[i];
    return rate;
}

static double random_rate(const struct solver *s, long batch, uint64_t seed)
{
    struct rng r;
    rng_init(&r, seed, STREAM_RATE, (uint64_t)batch);
    return s->rate * pow((double)rng_uniform(&r), s->power);
}

double solver_rate(const struct solver *s, long batch, long max_batches, uint64_t seed)
{
    double b = (double)batch;
    if (batch < s->burn_in)
        return s->rate * pow(b / s->burn_in, s->power);
    switch (s->policy) {
    case POLICY_STEP:
        return s->rate * pow(s->scale, (double)(batch / s->step));
    case POLICY_STEPS:
        return stepped_rate(s, b);
    case POLICY_EXP:
        return s->rate * pow(s->gamma, b);
    case POLICY_POLY:
        return batch < max_batches ? s->rate * pow(1 - b / (double)max_batches, s->power) : 0;
    case POLICY_SIGMOID:
        return s->rate / (1 + exp(s->gamma * (b - s->step)));
    case POLICY_RANDOM:
        return random_rate(s, batch, seed);
    case POLICY_SGDR:
        return cosine_rate(s, b, max_batches);
    default:
        return s->rate;
    }
}
