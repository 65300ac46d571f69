/* Grey crops through a model, to probabilities.
 *
 * Pictures run in batches of one fixed size, the last one padded by the predictor: a library's
 * inner product may round a row differently in a larger matrix, and a face's numbers must not
 * depend on its company. */
#include "fer.h"

#include <stdlib.h>
#include <string.h>

#define CLASSIFIER_BATCH 8

struct classifier {
    struct nn_predictor *predictor; /* owned; or */
    struct nn_darknet *darknet;     /* owned */
    int size;                       /* of the network's input, which is square */
    int classes;
    bool tta;
    float *input;  /* (CLASSIFIER_BATCH, size, size); owned */
    float *mirror; /* (CLASSIFIER_BATCH, classes) probabilities of the mirrored faces; owned */
};

static size_t picture_values(const struct classifier *c)
{
    return (size_t)c->size * (size_t)c->size;
}

static int open_engine(struct classifier *c, const struct model *m, struct err *e)
{
    if (m->darknet)
        c->darknet = nn_darknet_new(m->net, m->darknet, e);
    else
        c->predictor = nn_predictor_new(m->net, 0, nn_net_layers(m->net), CLASSIFIER_BATCH, e);
    return c->darknet || c->predictor ? 0 : -1;
}

struct classifier *classifier_new(const struct model *m, bool tta, struct err *e)
{
    struct classifier *c = calloc(1, sizeof(*c));
    if (!c)
        return err_memory_null(e);
    c->size = nn_net_input(m->net).width;
    c->classes = nn_net_outputs(m->net);
    c->tta = tta;
    c->input = reallocarray(NULL, picture_values(c), CLASSIFIER_BATCH * sizeof(*c->input));
    c->mirror = reallocarray(NULL, (size_t)c->classes, CLASSIFIER_BATCH * sizeof(*c->mirror));
    if (!c->input || !c->mirror)
        err_memory(e);
    else if (open_engine(c, m, e) == 0)
        return c;
    classifier_free(c);
    return NULL;
}

void classifier_free(struct classifier *c)
{
    if (!c)
        return;
    nn_predictor_free(c->predictor);
    nn_darknet_free(c->darknet);
    free(c->input);
    free(c->mirror);
    free(c);
}

static void mirror_rows(float *row, size_t rows, int width)
{
    for (size_t y = 0; y < rows; y++, row += width)
        for (int left = 0, right = width - 1; left < right; left++, right--) {
            const float other = row[left];
            row[left] = row[right];
            row[right] = other;
        }
}

static void run_network(struct classifier *c, size_t count, float *probabilities)
{
    if (c->darknet)
        nn_darknet_run(c->darknet, c->input, count, probabilities);
    else
        nn_predictor_run(c->predictor, c->input, count, probabilities);
}

/* At most CLASSIFIER_BATCH pictures. */
static void run_batch(struct classifier *c, const unsigned char *pixels, size_t count,
                      float *probabilities)
{
    const size_t values = picture_values(c);
    for (size_t i = 0; i < count; i++)
        augmentation_apply(NULL, 0, pixels + i * values, c->size, c->size, c->input + i * values);
    run_network(c, count, probabilities);
    if (!c->tta)
        return;
    mirror_rows(c->input, count * (size_t)c->size, c->size);
    run_network(c, count, c->mirror);
    for (size_t i = 0; i < count * (size_t)c->classes; i++)
        probabilities[i] = (probabilities[i] + c->mirror[i]) / 2;
}

void classifier_run(struct classifier *c, const unsigned char *pixels, size_t count,
                    float *probabilities)
{
    for (size_t done = 0; done < count; done += CLASSIFIER_BATCH) {
        const size_t left = count - done;
        run_batch(c, pixels + done * picture_values(c),
                  left < CLASSIFIER_BATCH ? left : CLASSIFIER_BATCH,
                  probabilities + done * (size_t)c->classes);
    }
}
