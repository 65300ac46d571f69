/* Grey crops through a model, to probabilities.
 *
 * Pictures run in batches of one fixed size, the last one padded by the predictor: a library's
 * inner product may round a row differently in a larger matrix, and a face's numbers must not
 * depend on its company. */
#include "fer.h"

#include <stdlib.h>
#include <string.h>

#define CLASSIFIER_BATCH 8

/* Where the views of a face lie, in pixels from it; each comes as it is and then mirrored. */
static const int SHIFTS[][2] = {{0, 0}, {-1, 0}, {1, 0}, {0, -1}, {0, 1}};
static const int VIEWS[] = {[TTA_NONE] = 1, [TTA_MIRROR] = 2, [TTA_TEN_CROP] = 10};

struct classifier {
    struct nn_predictor *predictor; /* owned; or */
    struct nn_darknet *darknet;     /* owned */
    int size;                       /* of the network's input, which is square */
    int classes;
    int views;
    unsigned char *picture; /* (size, size), one moved; owned */
    float *input;           /* (CLASSIFIER_BATCH, size, size); owned */
    float *output;          /* (CLASSIFIER_BATCH, classes) probabilities of one view; owned */
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

struct classifier *classifier_new(const struct model *m, enum tta tta, struct err *e)
{
    struct classifier *c = calloc(1, sizeof(*c));
    if (!c)
        return err_memory_null(e);
    c->size = nn_net_input(m->net).width;
    c->classes = nn_net_outputs(m->net);
    c->views = VIEWS[tta];
    c->picture = malloc(picture_values(c));
    c->input = reallocarray(NULL, picture_values(c), CLASSIFIER_BATCH * sizeof(*c->input));
    c->output = reallocarray(NULL, (size_t)c->classes, CLASSIFIER_BATCH * sizeof(*c->output));
    if (!c->picture || !c->input || !c->output)
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
    free(c->picture);
    free(c->input);
    free(c->output);
    free(c);
}

static int clamp(int at, int size)
{
    return at < 0 ? 0 : at >= size ? size - 1 : at;
}

/* Moves a picture; the pixels at its border are repeated. */
static void shift(const unsigned char *from, unsigned char *to, int size, const int by[2])
{
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            to[y * size + x] = from[clamp(y - by[1], size) * size + clamp(x - by[0], size)];
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

static void run_view(struct classifier *c, const unsigned char *pixels, size_t count, int view,
                     float *probabilities)
{
    const size_t values = picture_values(c);
    for (size_t i = 0; i < count; i++) {
        shift(pixels + i * values, c->picture, c->size, SHIFTS[view / 2]);
        augmentation_apply(NULL, 0, c->picture, c->size, c->size, c->input + i * values);
    }
    if (view % 2 == 1)
        mirror_rows(c->input, count * (size_t)c->size, c->size);
    run_network(c, count, probabilities);
}

/* At most CLASSIFIER_BATCH pictures. */
static void run_batch(struct classifier *c, const unsigned char *pixels, size_t count,
                      float *probabilities)
{
    const size_t values = count * (size_t)c->classes;
    run_view(c, pixels, count, 0, probabilities);
    for (int view = 1; view < c->views; view++) {
        run_view(c, pixels, count, view, c->output);
        for (size_t i = 0; i < values; i++)
            probabilities[i] += c->output[i];
    }
    for (size_t i = 0; i < values && c->views > 1; i++)
        probabilities[i] /= (float)c->views;
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
