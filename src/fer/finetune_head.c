/* The head of personal tuning, the layers behind the frozen ones: running it on features, and
 * moving it between old and tuned; see finetune.h. Training it is in finetune_lesson.c. */
#include "fer/finetune.h"

#include <stdlib.h>
#include <string.h>

#define PREDICT_BATCH 32

int head_init(struct head *h, const struct nn_net *net, int frozen, const char *path, struct err *e)
{
    const char *cfg = nn_net_cfg_text(net);
    const size_t width = nn_shape_values(nn_net_shape(net, frozen - 1));
    *h = (struct head){.values = nn_net_parameters(net),
                       .frozen_values = nn_net_parameters_upto(net, frozen),
                       .frozen = frozen,
                       .classes = (size_t)nn_net_outputs(net)};
    h->net = nn_net_parse(path, cfg, strlen(cfg), NN_UNDRAWN, e);
    if (!h->net)
        return -1;
    h->old = malloc(h->values * sizeof(float));
    h->tuned = malloc(h->values * sizeof(float));
    h->blended = malloc(h->values * sizeof(float));
    h->input = malloc(PREDICT_BATCH * width * sizeof(float));
    if (!h->old || !h->tuned || !h->blended || !h->input)
        return err_memory(e);
    memcpy(h->old, nn_net_values(net), h->values * sizeof(float));
    memcpy(h->tuned, h->old, h->values * sizeof(float));
    nn_net_set_values(h->net, h->old);
    h->predictor = nn_predictor_new(h->net, frozen, nn_net_layers(net), PREDICT_BATCH, e);
    return h->predictor ? 0 : -1;
}

void head_release(struct head *h)
{
    nn_predictor_free(h->predictor);
    nn_net_free(h->net);
    free(h->old);
    free(h->tuned);
    free(h->blended);
    free(h->input);
    memset(h, 0, sizeof(*h));
}

void head_blend(struct head *h, double blend)
{
    memcpy(h->blended, h->old, h->values * sizeof(float));
    for (size_t i = h->frozen_values; i < h->values; i++)
        h->blended[i] =
            blend >= 1
                ? h->tuned[i]
                : (float)((double)h->old[i] + blend * ((double)h->tuned[i] - (double)h->old[i]));
    nn_net_set_values(h->net, h->blended);
    nn_predictor_refresh(h->predictor);
}

void head_predict(struct head *h, const struct pool *p, const uint32_t *row, size_t count,
                  float *probabilities)
{
    for (size_t start = 0; start < count; start += PREDICT_BATCH) {
        const size_t n = count - start < PREDICT_BATCH ? count - start : PREDICT_BATCH;
        for (size_t i = 0; i < n; i++) {
            const size_t at = (row ? row[start + i] : start + i) * p->variants;
            memcpy(h->input + i * p->width, p->feature + at * p->width, p->width * sizeof(float));
        }
        nn_predictor_run(h->predictor, h->input, n, probabilities + start * h->classes);
    }
}
