/* Training: gradients of a batch and the update; see nn.h and solver.h. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "nn/plan.h"
#include "nn/simd.h"
#include "nn/solver.h"

/* What is done to all parameters is done by several threads, so many parameters at a time. */
#define CHUNK 16384

/* Updates that a state may count: the number of the next one is a long of 32 bits at least. */
#define MAX_STEPS (INT32_MAX - 1)

struct nn_trainer {
    struct nn_net *net;
    struct solver solver;
    struct plan *plan;
    int batch, pieces; /* pictures an update; mini-batches it is made of (darknet's subdivisions) */
    int classes;
    long steps;
    uint64_t seed;
    bool uniform_rate;
    float *moment[2];     /* (net parameters) SGD's velocity; Adam's two; owned */
    float *average;       /* (net parameters) their moving average; NULL without ema_alpha; owned */
    float *target;        /* (mini-batch, classes) smoothed; owned */
    double *chunk_square; /* (chunks of the net's parameters) for the gradient's length; owned */
};

static long chunks_of(size_t count)
{
    return (long)((count + CHUNK - 1) / CHUNK);
}

static size_t chunk_length(size_t count, long chunk)
{
    const size_t left = count - (size_t)chunk * CHUNK;
    return left < CHUNK ? left : CHUNK;
}

/* The layer below which nothing learns: what the caller froze, or darknet's stopbackward. */
static int first_learning_layer(const struct nn_net *net, int frozen)
{
    int first = frozen;
    for (int i = frozen; i < net->layers; i++)
        if (net->layer[i]->stop_backward)
            first = i + 1;
    return first;
}

static int check_loss(const struct nn_net *net, int learn, struct err *e)
{
    const struct layer *last = net->layer[net->layers - 1];
    if (!layer_gives_loss(last))
        return err_set(
            e, "%s:%d: [%s] cannot be trained as the last layer: end the network with [softmax]",
            net->cfg.path, last->line, last->kind->names[0]);
    for (int i = learn; i < net->layers - 1; i++) {
        const struct layer *l = net->layer[i], *next = net->layer[i + 1];
        bool before_last = i == net->layers - 2 && next->kind == &LAYER_COST;
        if (layer_gives_loss(l) && !(l->kind == &LAYER_SOFTMAX && before_last))
            return err_set(e, "%s:%d: [%s] cannot be trained inside the network", net->cfg.path,
                           l->line, l->kind->names[0]);
    }
    if (learn >= net->layers)
        return err_set(e, "'%s': no layer is left to learn", net->cfg.path);
    return 0;
}

/* The cfg's [net] with the overriding keys in front, where they are found first. */
static int merge_sections(struct cfg_section *merged, const struct cfg_section *over,
                          const struct cfg_section *base, struct err *e)
{
    int count = over->options + base->options;
    *merged = *base;
    merged->option = malloc((size_t)(count + 1) * sizeof(*merged->option));
    if (!merged->option)
        return err_memory(e);
    for (int i = 0; i < count; i++)
        merged->option[i] = i < over->options ? over->option[i] : base->option[i - over->options];
    merged->options = count;
    return 0;
}

static int parse_overrides(struct nn_trainer *t, const char *overrides, struct err *e)
{
    struct cfg over = {0};
    struct cfg_section merged = {0};
    char *text;
    int length = asprintf(&text, "[net]\n%s", overrides), result = -1;
    if (length < 0)
        return err_memory(e);
    if (cfg_parse(&over, "overrides", text, (size_t)length, e) ||
        (over.sections > 1 &&
         err_set(e, "overrides:%d: a section has no place here", over.section[1].line - 1)) ||
        merge_sections(&merged, &over.section[0], net_section(t->net), e) ||
        solver_parse(&t->solver, &over, &merged, e))
        goto out;
    result = 0;
    for (int i = 0; i < over.section[0].options && result == 0; i++)
        if (!merged.option[i].used)
            result = err_set(e, "overrides:%d: '%s' is no key of the update",
                             merged.option[i].line - 1, merged.option[i].key);
out:
    free(merged.option);
    cfg_release(&over);
    free(text);
    return result;
}

static int make_buffers(struct nn_trainer *t, struct err *e)
{
    int mini = t->batch / t->pieces;
    t->moment[0] = floats_new(t->net->param_count);
    t->moment[1] = t->solver.adam ? floats_new(t->net->param_count) : NULL;
    t->average = t->solver.average > 0 ? floats_new(t->net->param_count) : NULL;
    t->target = floats_new((size_t)mini * (size_t)t->classes);
    t->chunk_square = calloc((size_t)chunks_of(t->net->param_count) + 1, sizeof(double));
    if (!t->moment[0] || (!t->moment[1] && t->solver.adam) ||
        (!t->average && t->solver.average > 0) || !t->target || !t->chunk_square)
        return err_memory(e);
    if (t->average)
        memcpy(t->average, t->net->params, t->net->param_count * sizeof(float));
    return 0;
}

static int check_class_weights(const struct nn_trainer *t, struct err *e)
{
    if (t->solver.class_weight_count == 0 || t->solver.class_weight_count == t->classes)
        return 0;
    return err_set(e, "'%s': class_weights has %d numbers for %d classes", t->net->cfg.path,
                   t->solver.class_weight_count, t->classes);
}

struct nn_trainer *nn_trainer_new(struct nn_net *net, const struct nn_trainer_options *options,
                                  struct err *e)
{
    int learn = first_learning_layer(net, options->frozen > options->first ? options->frozen
                                                                           : options->first);
    if (check_loss(net, learn, e))
        return NULL;
    struct nn_trainer *t = calloc(1, sizeof(*t));
    if (!t)
        return err_memory_null(e);
    t->net = net;
    t->batch = options->batch > 0 ? options->batch : net->batch;
    t->pieces = t->batch % net->subdivisions == 0 ? net->subdivisions : 1;
    t->classes = nn_net_outputs(net);
    t->seed = options->seed;
    t->uniform_rate = options->uniform_rate;
    struct plan_options plan = {.first = options->first,
                                .last = net->layers,
                                .learn = learn,
                                .batch = t->batch / t->pieces,
                                .seed = options->seed};
    if (parse_overrides(t, options->overrides ? options->overrides : "", e) ||
        check_class_weights(t, e) || make_buffers(t, e) ||
        !(t->plan = plan_new(net, net->params, &plan, e))) {
        nn_trainer_free(t);
        return NULL;
    }
    t->plan->loss_scale = 1 / (float)t->batch;
    t->plan->target = t->target;
    return t;
}

void nn_trainer_free(struct nn_trainer *t)
{
    if (!t)
        return;
    plan_free(t->plan);
    solver_release(&t->solver);
    free(t->moment[0]);
    free(t->moment[1]);
    free(t->average);
    free(t->target);
    free(t->chunk_square);
    free(t);
}

int nn_trainer_batch(const struct nn_trainer *t)
{
    return t->batch;
}

long nn_trainer_steps(const struct nn_trainer *t)
{
    return t->steps;
}

/* darknet counts a batch before it asks for the rate, so the first update is number 1. */
double nn_trainer_rate(const struct nn_trainer *t)
{
    return solver_rate(&t->solver, t->steps + 1, t->net->max_batches, t->seed);
}

/* The parameters that this trainer changes lie behind those of the layers below. */
static size_t first_param(const struct nn_trainer *t)
{
    return nn_net_parameters_upto(t->net, t->plan->learn);
}

/* As AlexeyAB's fork has it: 1 - eps stays with the class, the others share eps. */
static void smooth_targets(struct nn_trainer *t, const float *target)
{
    size_t values = (size_t)(t->batch / t->pieces) * (size_t)t->classes;
    float eps = (float)t->solver.label_smoothing;
    float other = t->classes > 1 ? eps / (float)(t->classes - 1) : 0;
    for (size_t i = 0; i < values; i++)
        t->target[i] = target[i] * (1 - eps) + (1 - target[i]) * other;
}

/* A picture counts as much as its classes do: by their weights' mean under its targets. */
static void weigh_pictures(struct nn_trainer *t, const float *target)
{
    const double *weights = t->solver.class_weights;
    for (int i = 0; weights && i < t->batch / t->pieces; i++, target += t->classes) {
        double weight = 0;
        for (int k = 0; k < t->classes; k++)
            weight += weights[k] * (double)target[k];
        t->plan->weight[i] = (float)weight;
    }
}

static void clear_gradients(struct nn_trainer *t)
{
    const size_t first = first_param(t), count = t->net->param_count - first;
#pragma omp parallel for
    for (long i = 0; i < chunks_of(count); i++)
        memset(t->plan->param_gradients + first + (size_t)i * CHUNK, 0,
               chunk_length(count, i) * sizeof(float));
}

/* Gradients of the whole batch, one mini-batch after the other. Returns the summed loss. */
static double accumulate_gradients(struct nn_trainer *t, const float *input, const float *target,
                                   float *output)
{
    struct plan *p = t->plan;
    size_t outputs = (size_t)p->batch * (size_t)t->classes;
    double loss = 0;
    clear_gradients(t);
    for (int piece = 0; piece < t->pieces; piece++) {
        tensor_from_plain(&p->input, input + (size_t)piece * tensor_values(&p->input));
        smooth_targets(t, target + (size_t)piece * outputs);
        weigh_pictures(t, target + (size_t)piece * outputs);
        p->pass = (uint64_t)t->steps * (uint64_t)t->pieces + (uint64_t)piece;
        plan_forward(p);
        if (output)
            memcpy(output + (size_t)piece * outputs, plan_output(p, p->last - 1)->value,
                   outputs * sizeof(float));
        plan_backward(p);
        loss += p->loss;
    }
    return loss;
}

/* The sum of the gradients' squares, added up in one order however many threads there are. */
static double gradient_square(struct nn_trainer *t)
{
    const size_t first = first_param(t), count = t->net->param_count - first;
    const long chunks = chunks_of(count);
    double sum = 0;
#pragma omp parallel for
    for (long i = 0; i < chunks; i++)
        t->chunk_square[i] = simd()->square_sum(
            t->plan->param_gradients + first + (size_t)i * CHUNK, chunk_length(count, i));
    for (long i = 0; i < chunks; i++)
        sum += t->chunk_square[i];
    return sum;
}

/* Pascanu et al. 2013: gradients that are longer than the limit are shortened to it. */
static float clip_factor(struct nn_trainer *t)
{
    if (t->solver.max_gradient_norm <= 0)
        return 1;
    const double norm = sqrt(gradient_square(t));
    return norm > t->solver.max_gradient_norm ? (float)(t->solver.max_gradient_norm / norm) : 1;
}

static void update_run(struct nn_trainer *t, const struct layer *l, const struct param *run,
                       float clip)
{
    const struct solver *s = &t->solver;
    double rate = nn_trainer_rate(t) * (t->uniform_rate ? 1 : (double)l->rate_scale);
    double step = (double)t->steps + 1;
    float decay = run->role == PARAM_WEIGHT ? (float)s->decay : 0;
    struct sgd_rule sgd = {(float)rate, (float)s->momentum, decay, s->nesterov};
    /* Adam (Kingma & Ba 2015) as darknet writes it: both corrections, epsilon beside the corrected
     * root. */
    double root = sqrt(1 - pow(s->beta2, step));
    struct adam_rule adam = {.rate = (float)(rate * root / (1 - pow(s->beta1, step))),
                             .beta1 = (float)s->beta1,
                             .beta2 = (float)s->beta2,
                             .epsilon = (float)(s->epsilon * root),
                             .decay = decay};
#pragma omp parallel for
    for (long i = 0; i < chunks_of(run->count); i++) {
        size_t at = run->offset + (size_t)i * CHUNK, count = chunk_length(run->count, i);
        float *w = t->net->params + at, *g = t->plan->param_gradients + at;
        for (size_t k = 0; clip < 1 && k < count; k++)
            g[k] *= clip;
        if (s->adam)
            simd()->adam(&adam, w, g, t->moment[0] + at, t->moment[1] + at, count);
        else
            simd()->sgd(&sgd, w, g, t->moment[0] + at, count);
    }
}

static void update(struct nn_trainer *t)
{
    const float clip = clip_factor(t);
    for (int i = t->plan->learn; i < t->net->layers; i++) {
        const struct layer *l = t->net->layer[i];
        for (int r = 0; r < l->params; r++)
            if (l->param[r].role != PARAM_MEAN && l->param[r].role != PARAM_VARIANCE)
                update_run(t, l, &l->param[r], clip);
    }
}

/* The average of all parameters, rolling statistics included. It begins short, so that the random
 * weights of the beginning do not stay in it: after n updates it keeps (n + 1)/(n + 10) at most. */
static void update_average(struct nn_trainer *t)
{
    double n = (double)t->steps, keep = fmin(t->solver.average, (n + 1) / (n + 10));
    const size_t first = first_param(t), count = t->net->param_count - first;
#pragma omp parallel for
    for (long i = 0; i < chunks_of(count); i++) {
        const size_t at = first + (size_t)i * CHUNK;
        simd()->blend(t->average + at, t->net->params + at, (float)(1 - keep),
                      chunk_length(count, i));
    }
}

double nn_trainer_step(struct nn_trainer *t, const float *input, const float *target, float *output)
{
    double loss = accumulate_gradients(t, input, target, output);
    update(t);
    if (t->average)
        update_average(t);
    t->steps++;
    t->net->seen += (uint64_t)t->batch;
    return loss / t->batch;
}

void nn_trainer_export(const struct nn_trainer *t, struct nn_net *to)
{
    nn_net_set_values(to, t->average ? t->average : t->net->params);
    memcpy(to->version, t->net->version, sizeof(to->version));
    to->transposed = t->net->transposed;
    to->seen = t->net->seen;
}

static const char MAGIC[8] = "nntrain3";

struct state_header {
    char magic[8];
    uint64_t params, steps, seen;
    uint64_t kinds; /* of arrays of `params` floats that follow: bits, see state_arrays */
};

#define STATE_ARRAYS 4

/* What a state holds, as far as this trainer has it: the parameters, the optimiser's moments, the
 * average. Returns their number, and a bit for each that is there. */
static size_t state_arrays(const struct nn_trainer *t, float *array[STATE_ARRAYS], uint64_t *kinds)
{
    float *const all[STATE_ARRAYS] = {t->net->params, t->moment[0], t->moment[1], t->average};
    size_t count = 0;
    *kinds = 0;
    for (int i = 0; i < STATE_ARRAYS; i++)
        if (all[i]) {
            array[count++] = all[i];
            *kinds |= (uint64_t)1 << i;
        }
    return count;
}

int nn_trainer_save(const struct nn_trainer *t, FILE *stream, struct err *e)
{
    float *array[STATE_ARRAYS];
    struct state_header h = {
        .params = t->net->param_count, .steps = (uint64_t)t->steps, .seen = t->net->seen};
    size_t count = state_arrays(t, array, &h.kinds);
    memcpy(h.magic, MAGIC, sizeof(MAGIC));
    size_t n = t->net->param_count;
    if (fwrite(&h, sizeof(h), 1, stream) != 1)
        return err_set(e, "cannot write the trainer's state");
    for (size_t i = 0; i < count; i++)
        if (fwrite(array[i], sizeof(float), n, stream) != n)
            return err_set(e, "cannot write the trainer's state");
    return 0;
}

int nn_trainer_load(struct nn_trainer *t, FILE *stream, struct err *e)
{
    struct state_header h;
    size_t n = t->net->param_count;
    float *array[STATE_ARRAYS];
    uint64_t kinds;
    size_t copies = state_arrays(t, array, &kinds);
    if (fread(&h, sizeof(h), 1, stream) != 1 || memcmp(h.magic, MAGIC, sizeof(MAGIC)))
        return err_set(e, "this is not a trainer's state");
    if (h.params != n)
        return err_set(e, "the state is of another network: %" PRIu64 " parameters, here %zu",
                       h.params, n);
    if (h.kinds != kinds)
        return err_set(e, "the state is of another optimiser");
    if (h.steps > MAX_STEPS)
        return err_set(e, "the state counts %" PRIu64 " updates, more than %d", h.steps, MAX_STEPS);
    /* All of it first: a state cut short must not leave a mixture behind. */
    float *all = floats_new(n * copies);
    if (!all)
        return err_memory(e);
    if (fread(all, sizeof(float), n * copies, stream) != n * copies) {
        free(all);
        return err_set(e, "the trainer's state is cut short");
    }
    for (size_t i = 0; i < copies; i++)
        memcpy(array[i], all + i * n, n * sizeof(float));
    free(all);
    t->steps = (long)h.steps;
    t->net->seen = h.seen;
    plan_refresh(t->plan); /* frozen layers keep copies */
    return 0;
}
