/* Inference: any number of pictures through a plan of one batch size; see nn.h. */
#include <stdlib.h>
#include <string.h>

#include "nn/plan.h"

struct nn_predictor {
    struct plan *plan;
    float *partial; /* one batch of inputs, for the last that is not full; owned */
    float *results; /* one batch of outputs; owned */
    size_t in, out; /* values a picture */
};

struct nn_predictor *nn_predictor_new(const struct nn_net *net, int first, int last, int batch,
                                      struct err *e)
{
    struct nn_predictor *p = calloc(1, sizeof(*p));
    if (!p)
        return err_memory_null(e);
    p->plan = plan_new(
        net, net->params,
        &(struct plan_options){.first = first, .last = last, .learn = last, .batch = batch}, e);
    if (!p->plan) {
        nn_predictor_free(p);
        return NULL;
    }
    p->in = nn_shape_values(p->plan->input.shape);
    p->out = nn_shape_values(net->layer[last - 1]->out);
    p->partial = floats_new((size_t)batch * p->in);
    p->results = floats_new((size_t)batch * p->out);
    if (!p->partial || !p->results) {
        nn_predictor_free(p);
        return err_memory_null(e);
    }
    return p;
}

void nn_predictor_refresh(struct nn_predictor *p)
{
    plan_refresh(p->plan);
}

void nn_predictor_free(struct nn_predictor *p)
{
    if (!p)
        return;
    plan_free(p->plan);
    free(p->partial);
    free(p->results);
    free(p);
}

void nn_predictor_run(struct nn_predictor *p, const float *input, size_t count, float *output)
{
    size_t batch = (size_t)p->plan->batch;
    while (count > 0) {
        size_t n = count < batch ? count : batch;
        if (n == batch) {
            tensor_from_plain(&p->plan->input, input);
        } else {
            memcpy(p->partial, input, n * p->in * sizeof(float));
            memset(p->partial + n * p->in, 0, (batch - n) * p->in * sizeof(float));
            tensor_from_plain(&p->plan->input, p->partial);
        }
        plan_forward(p->plan);
        tensor_to_plain(plan_output(p->plan, p->plan->last - 1), p->results);
        memcpy(output, p->results, n * p->out * sizeof(float));
        input += n * p->in;
        output += n * p->out;
        count -= n;
    }
}
