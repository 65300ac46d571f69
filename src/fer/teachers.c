/* Targets from other models; see teachers.h. */
#include "fer/teachers.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static int check_names(const struct model *m, const struct names *names, struct err *e)
{
    if (names_equal(&m->names, names))
        return 0;
    char *theirs = names_join(&m->names), *ours = names_join(names);
    err_set(e, "teacher '%s' tells other classes apart: %s; here %s", m->prefix,
            theirs ? theirs : "?", ours ? ours : "?");
    free(theirs);
    free(ours);
    return -1;
}

static int check_input(const struct model *m, const struct nn_net *student, struct err *e)
{
    struct nn_shape theirs = nn_net_input(m->net), ours = nn_net_input(student);
    if (theirs.width == ours.width && theirs.height == ours.height)
        return 0;
    return err_set(e, "teacher '%s' takes pictures of %d x %d, the network to train %d x %d",
                   m->prefix, theirs.width, theirs.height, ours.width, ours.height);
}

static int check_output(const struct model *m, struct err *e)
{
    if (nn_net_temperature(m->net) > 0)
        return 0;
    return err_set(e, "teacher '%s' gives no probabilities: its cfg does not end with a [softmax]",
                   m->prefix);
}

int teachers_init(struct teachers *t, const struct model *models, int count, double weight,
                  size_t batch, const struct nn_net *student, const struct names *names,
                  struct err *e)
{
    *t = (struct teachers){.weight = weight, .batch = batch, .classes = (size_t)names->count};
    if (count == 0)
        return 0;
    t->predictor = calloc((size_t)count, sizeof(*t->predictor));
    t->probabilities = calloc(batch, t->classes * sizeof(*t->probabilities));
    t->sum = calloc(batch, t->classes * sizeof(*t->sum));
    if (!t->predictor || !t->probabilities || !t->sum) {
        err_memory(e);
        goto fail;
    }
    for (; t->count < count; t->count++) {
        const struct model *m = &models[t->count];
        if (check_names(m, names, e) || check_input(m, student, e) || check_output(m, e))
            goto fail;
        t->predictor[t->count] = nn_predictor_new(m->net, 0, nn_net_layers(m->net), (int)batch, e);
        if (!t->predictor[t->count])
            goto fail;
    }
    return 0;
fail:
    teachers_release(t);
    return -1;
}

void teachers_mix(struct teachers *t, const float *input, float *target)
{
    size_t values = t->batch * t->classes;
    if (t->count == 0)
        return;
    memset(t->sum, 0, values * sizeof(*t->sum));
    for (int i = 0; i < t->count; i++) {
        nn_predictor_run(t->predictor[i], input, t->batch, t->probabilities);
        for (size_t k = 0; k < values; k++)
            t->sum[k] += t->probabilities[k];
    }
    float weight = (float)t->weight, part = weight / (float)t->count;
    for (size_t k = 0; k < values; k++)
        target[k] = (1 - weight) * target[k] + part * t->sum[k];
}

void teachers_release(struct teachers *t)
{
    for (int i = 0; i < t->count; i++)
        nn_predictor_free(t->predictor[i]);
    free(t->predictor);
    free(t->probabilities);
    free(t->sum);
    memset(t, 0, sizeof(*t));
}

uint64_t teachers_key(const struct model *models, int count, double weight)
{
    uLong key = 0;
    for (int i = 0; i < count; i++) {
        const char *cfg = nn_net_cfg_text(models[i].net);
        key = crc32_z(key, (const Bytef *)cfg, strlen(cfg));
        key = crc32_z(key, (const Bytef *)&models[i].checksum, sizeof(models[i].checksum));
    }
    return count > 0 ? crc32_z(key, (const Bytef *)&weight, sizeof(weight)) : 0;
}
