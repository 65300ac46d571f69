/* Plans: memory and order of execution; see plan.h. */
#include "nn/plan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

bool plan_trains(const struct plan *p, const struct layer *l)
{
    return l->index >= p->learn;
}

const struct tensor *plan_output(const struct plan *p, int source)
{
    return source < p->first ? &p->input : &p->op[source]->out;
}

struct tensor *plan_gradient(struct plan *p, int index)
{
    return &p->gradient[index];
}

struct tensor plan_source_gradient(struct plan *p, int source)
{
    if (source < p->learn)
        return (struct tensor){.value = NULL, .shape = plan_output(p, source)->shape};
    struct tensor t = p->gradient[source];
    if (p->gradient_written[source])
        t.value = p->scratch;
    return t;
}

void plan_gradient_done(struct plan *p, int source, const struct tensor *written)
{
    struct tensor *sum = &p->gradient[source];
    if (written->value != sum->value) {
        size_t picture = nn_shape_values(sum->shape);
#pragma omp parallel for
        for (int n = 0; n < sum->batch; n++)
            for (size_t i = (size_t)n * picture; i < (size_t)(n + 1) * picture; i++)
                sum->value[i] += written->value[i];
    }
    p->gradient_written[source] = true;
}

float *plan_param(struct plan *p, const struct layer *l, enum param_role role)
{
    const struct param *run = layer_param(l, role);
    return run ? p->params + run->offset : NULL;
}

float *plan_param_gradient(struct plan *p, const struct layer *l, enum param_role role)
{
    const struct param *run = layer_param(l, role);
    return run ? p->param_gradients + run->offset : NULL;
}

static bool shares_memory(const struct plan *p, const struct layer *l)
{
    return l->kind->passes_through && !plan_trains(p, l);
}

/* The last layer that reads each layer's output, through those that hand it on in the same memory;
 * the layer itself when there is none. Outputs that a backward pass reads, and the plan's own
 * result, live to the end. */
static void find_last_use(const struct plan *p, int *last_use)
{
    for (int i = p->last - 1; i >= p->first; i--)
        last_use[i] = i == p->last - 1 || plan_trains(p, p->net->layer[i]) ? INT_MAX : i;
    for (int j = p->last - 1; j >= p->first; j--) {
        const struct layer *l = p->net->layer[j];
        int until = shares_memory(p, l) ? last_use[j] : plan_trains(p, l) ? INT_MAX : j;
        for (int k = 0; k < l->sources; k++)
            if (l->source[k] >= p->first && last_use[l->source[k]] < until)
                last_use[l->source[k]] = until;
    }
}

static int check_sources(const struct plan *p, struct err *e)
{
    for (int i = p->first; i < p->last; i++) {
        const struct layer *l = p->net->layer[i];
        for (int k = 0; k < l->sources; k++)
            if (l->source[k] < p->first - 1)
                return err_set(e,
                               "%s:%d: [%s] reads a layer before layer %d, where the plan begins",
                               p->net->cfg.path, l->line, l->kind->names[0], p->first);
    }
    return 0;
}

/* Kernels count a batch's channels in an int. */
static int check_sizes(const struct plan *p, struct err *e)
{
    for (int i = p->first; i < p->last; i++) {
        const struct layer *l = p->net->layer[i];
        int most = l->in.channels > l->out.channels ? l->in.channels : l->out.channels;
        if (p->batch > INT_MAX / most)
            return err_set(e, "%s:%d: a batch of %d is too large for the %d channels of [%s]",
                           p->net->cfg.path, l->line, p->batch, most, l->kind->names[0]);
    }
    return 0;
}

/* A tensor's slot index is kept in place of its memory until the slots are made. */
static int take_slot(struct slots *s, struct tensor *t, int birth, int death, struct err *e)
{
    int index = slots_take(s, tensor_values(t), birth, death);
    if (index < 0)
        return err_memory(e);
    t->slot = index;
    return 0;
}

static int make_ops(struct plan *p, struct err *e)
{
    int *last_use = calloc((size_t)p->net->layers + 1, sizeof(*last_use));
    int result = last_use ? 0 : err_memory(e);
    if (last_use)
        find_last_use(p, last_use);
    for (int i = p->first; i < p->last && !result; i++) {
        const struct layer *l = p->net->layer[i];
        struct op *op = p->op[i] = calloc(1, l->kind->op_size);
        if (!op) {
            result = err_memory(e);
            break;
        }
        op->layer = l;
        op->plan = p;
        op->out = (struct tensor){
            .batch = p->batch, .shape = l->out, .block = tensor_block(l->out), .slot = -1};
        if (!shares_memory(p, l))
            result = take_slot(&p->outputs, &op->out, i, last_use[i], e);
    }
    free(last_use);
    if (result || slots_make(&p->outputs, e))
        return -1;
    for (int i = p->first; i < p->last; i++) {
        struct op *op = p->op[i];
        op->in = *plan_output(p, op->layer->source[0]);
        op->out.value = op->out.slot < 0 ? op->in.value : p->outputs.slot[op->out.slot].value;
        if (op->layer->kind->plan && op->layer->kind->plan(op, e))
            return -1;
    }
    return 0;
}

/* Gradients are born with the highest layer that writes them and die in the backward pass of their
 * own; moments count from the end of the network. */
static int make_gradients(struct plan *p, struct err *e)
{
    int layers = p->net->layers;
    size_t largest = 0;
    p->gradient = calloc((size_t)layers, sizeof(*p->gradient));
    p->gradient_written = calloc((size_t)layers, sizeof(*p->gradient_written));
    p->param_gradients = floats_new(p->net->param_count);
    int *born = calloc((size_t)layers, sizeof(*born));
    int result =
        p->gradient && p->gradient_written && p->param_gradients && born ? 0 : err_memory(e);
    for (int i = 0; i < p->last && !result; i++)
        born[i] = i;
    for (int j = p->learn; j < p->last && !result; j++)
        for (int k = 0; k < p->net->layer[j]->sources; k++)
            if (p->net->layer[j]->source[k] >= 0)
                born[p->net->layer[j]->source[k]] = j;
    for (int moment = p->last - 1; moment >= p->learn && !result; moment--)
        for (int i = moment; i >= p->learn && !result; i--)
            if (born[i] == moment) {
                p->gradient[i] = p->op[i]->out;
                size_t values = tensor_values(&p->gradient[i]);
                largest = values > largest ? values : largest;
                result =
                    take_slot(&p->gradients, &p->gradient[i], p->last - moment, p->last - i, e);
            }
    free(born);
    if (result || slots_make(&p->gradients, e))
        return -1;
    for (int i = p->learn; i < p->last; i++)
        p->gradient[i].value = p->gradients.slot[p->gradient[i].slot].value;
    p->scratch = floats_new(largest);
    p->weight = floats_new((size_t)p->batch);
    if (!p->scratch || !p->weight)
        return err_memory(e);
    for (int i = 0; i < p->batch; i++)
        p->weight[i] = 1;
    return 0;
}

/* The input comes in plain and is made blocked for the layers that take it so. */
static bool input_stays_plain(const struct plan *p)
{
    for (int i = p->first; i < p->last; i++)
        for (int k = 0; k < p->net->layer[i]->sources; k++)
            if (p->net->layer[i]->source[k] < p->first && !p->net->layer[i]->kind->reads_rows)
                return false;
    return true;
}

struct plan *plan_new(const struct nn_net *net, float *params, const struct plan_options *options,
                      struct err *e)
{
    struct plan *p = calloc(1, sizeof(*p));
    if (!p)
        return err_memory_null(e);
    *p = (struct plan){.net = net,
                       .first = options->first,
                       .last = options->last,
                       .learn = options->learn,
                       .batch = options->batch,
                       .params = params,
                       .seed = options->seed,
                       .loss_scale = 1};
    struct nn_shape in = p->first == 0 ? net->input : net->layer[p->first - 1]->out;
    p->input = (struct tensor){.batch = p->batch,
                               .shape = in,
                               .block = input_stays_plain(p) ? 1 : tensor_block(in),
                               .slot = -1};
    p->input.value = floats_new(tensor_values(&p->input));
    p->op = calloc((size_t)net->layers, sizeof(struct op *));
    if (!p->input.value || !p->op) {
        err_memory(e);
    } else if (check_sources(p, e) == 0 && check_sizes(p, e) == 0 && make_ops(p, e) == 0 &&
               (p->learn >= p->last || make_gradients(p, e) == 0)) {
        plan_refresh(p);
        return p;
    }
    plan_free(p);
    return NULL;
}

void plan_free(struct plan *p)
{
    if (!p)
        return;
    for (int i = p->first; p->op && i < p->last; i++) {
        if (p->op[i] && p->op[i]->layer && p->op[i]->layer->kind->release)
            p->op[i]->layer->kind->release(p->op[i]);
        free(p->op[i]);
    }
    free(p->op);
    free(p->input.value);
    free(p->param_gradients);
    free(p->gradient);
    free(p->gradient_written);
    free(p->scratch);
    free(p->weight);
    slots_release(&p->outputs);
    slots_release(&p->gradients);
    free(p);
}

void plan_refresh(struct plan *p)
{
    for (int i = p->first; i < p->last; i++)
        if (p->op[i]->layer->kind->refresh && !plan_trains(p, p->op[i]->layer))
            p->op[i]->layer->kind->refresh(p->op[i]);
}

void plan_forward(struct plan *p)
{
    for (int i = p->first; i < p->last; i++)
        if (!shares_memory(p, p->op[i]->layer))
            p->op[i]->layer->kind->forward(p->op[i]);
}

void plan_backward(struct plan *p)
{
    memset(p->gradient_written, 0, (size_t)p->net->layers * sizeof(*p->gradient_written));
    for (int i = p->last - 1; i >= p->learn; i--)
        if (p->gradient_written[i] || layer_gives_loss(p->op[i]->layer))
            p->op[i]->layer->kind->backward(p->op[i]);
}
