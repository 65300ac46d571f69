/* What the kinds of layers share; see layer.h. */
#include "nn/layer.h"

#include <stdlib.h>
#include <string.h>

void layer_add_param(struct layer *l, enum param_role role, size_t count)
{
    l->param[l->params++] = (struct param){.role = role, .count = count};
}

int layer_check_size(const struct layer *l, const struct layer_parser *p, double more)
{
    const double values = (double)l->out.channels * l->out.height * l->out.width;
    double params = more;
    for (int i = 0; i < l->params; i++)
        params += (double)l->param[i].count;
    if (values > MAX_LAYER_VALUES || params > MAX_LAYER_VALUES)
        return err_set(
            p->e,
            "%s:%d: [%s] is too large: %.0f values a picture, %.0f parameters; the limit is %u",
            p->cfg->path, l->line, p->section->name, values, params, MAX_LAYER_VALUES);
    return 0;
}

const struct param *layer_param(const struct layer *l, enum param_role role)
{
    for (int i = 0; i < l->params; i++)
        if (l->param[i].role == role)
            return &l->param[i];
    return NULL;
}

int layer_set_sources(struct layer *l, const int *source, int count, struct err *e)
{
    int *copy = malloc((size_t)count * sizeof(*copy));
    if (!copy)
        return err_memory(e);
    memcpy(copy, source, (size_t)count * sizeof(*copy));
    free(l->source);
    l->source = copy;
    l->sources = count;
    return 0;
}

int layer_parse_sources(struct layer_parser *p, const char *key, int **source, int *count)
{
    double *values;
    if (cfg_list(p->cfg, p->section, key, &values, count, p->e))
        return -1;
    int line = cfg_line(p->section, key), result = -1;
    *source = malloc((size_t)(*count + 1) * sizeof(**source));
    if (!*source) {
        err_memory(p->e);
        goto out;
    }
    if (*count == 0) {
        err_set(p->e, "%s:%d: [%s] needs '%s', the layers it reads", p->cfg->path, line,
                p->section->name, key);
        goto out;
    }
    for (int i = 0; i < *count; i++) {
        double absolute = values[i] < 0 ? p->index + values[i] : values[i];
        if (absolute < 0 || absolute >= p->index || absolute != (double)(int)absolute) {
            err_set(p->e, "%s:%d: %s=%g in [%s] is not one of the %d layers before it",
                    p->cfg->path, line, key, values[i], p->section->name, p->index);
            goto out;
        }
        (*source)[i] = (int)absolute;
    }
    result = 0;
out:
    free(values);
    if (result) {
        free(*source);
        *source = NULL;
    }
    return result;
}

int layer_refuse_key(struct layer_parser *p, const char *key)
{
    return layer_refuse_unless(p, key, "0");
}

int layer_refuse_unless(struct layer_parser *p, const char *key, const char *neutral)
{
    const char *value = cfg_word(p->section, key, NULL);
    if (!value || (neutral && strcmp(value, neutral) == 0))
        return 0;
    return err_set(p->e, "%s:%d: %s=%s in [%s] is not supported", p->cfg->path,
                   cfg_line(p->section, key), key, value, p->section->name);
}
