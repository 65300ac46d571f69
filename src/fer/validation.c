/* Measures a network that is being trained; see validation.h. */
#include "fer/validation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 64

static size_t picture_values(const struct dataset *d)
{
    return (size_t)d->width * (size_t)d->height;
}

int validation_init(struct validation *v, const struct nn_net *net, const struct dataset *data,
                    struct err *e)
{
    *v = (struct validation){.data = data, .classes = nn_net_outputs(net)};
    v->predictor = nn_predictor_new(net, 0, nn_net_layers(net), BATCH, e);
    if (!v->predictor)
        return -1;
    v->input = calloc(BATCH, picture_values(data) * sizeof(*v->input));
    v->probabilities = calloc(data->count, (size_t)v->classes * sizeof(*v->probabilities));
    if (!v->input || !v->probabilities) {
        validation_release(v);
        return err_memory(e);
    }
    return 0;
}

static void predict(struct validation *v)
{
    const struct dataset *d = v->data;
    size_t values = picture_values(d), classes = (size_t)v->classes;
    nn_predictor_refresh(v->predictor);
    for (size_t start = 0; start < d->count; start += BATCH) {
        size_t count = d->count - start < BATCH ? d->count - start : BATCH;
        for (size_t i = 0; i < count; i++)
            augmentation_apply(NULL, 0, d->pixels + (start + i) * values, d->width, d->height,
                               v->input + i * values);
        nn_predictor_run(v->predictor, v->input, count, v->probabilities + start * classes);
    }
}

int validation_run(struct validation *v, struct metrics *m, struct err *e)
{
    const struct dataset *d = v->data;
    predict(v);
    for (size_t i = 0; i < d->count * (size_t)v->classes; i++)
        if (!isfinite(v->probabilities[i]))
            return err_set(e, "the outputs on the validation pictures are not finite");
    return metrics_compute(m, d->label, v->probabilities, d->count, v->classes, e);
}

void validation_release(struct validation *v)
{
    nn_predictor_free(v->predictor);
    free(v->input);
    free(v->probabilities);
    memset(v, 0, sizeof(*v));
}
