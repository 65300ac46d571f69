/* The model that a training run keeps; see trained_model.h. */
#include "fer/trained_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

int trained_model_write(struct trained_model *m, struct err *e)
{
    const struct validation *v = m->validation;
    const char *text = nn_net_cfg_text(m->net);
    if (nn_net_temperature(m->net) <= 0)
        return triple_write(m->files, m->net, text, m->names, e);
    if (calibration_fit(&m->calibration, v->data->label, v->probabilities, v->data->count,
                        v->classes, e))
        return -1;
    char *cfg = nn_cfg_with_temperature("cfg", text, m->calibration.temperature, e);
    int result = cfg ? triple_write(m->files, m->net, cfg, m->names, e) : -1;
    free(cfg);
    return result;
}

void trained_model_note(const struct trained_model *m, const struct training_options *options)
{
    const struct calibration *c = &m->calibration;
    char text[160];
    if (!options->on_note)
        return;
    if (nn_net_temperature(m->net) <= 0)
        snprintf(text, sizeof(text),
                 "the cfg does not end with a [softmax]: no temperature is fitted");
    else if (c->temperature > 0)
        snprintf(text, sizeof(text),
                 "temperature %.4f: the log loss on the validation pictures goes from %.4f to %.4f",
                 c->temperature, c->loss_before, c->loss_after);
    else
        return;
    options->on_note(text, options->context);
}

int trained_cfg_checksum(const struct nn_net *net, uint64_t *checksum, struct err *e)
{
    char *cfg = nn_cfg_with_temperature("cfg", nn_net_cfg_text(net), 0, e);
    if (!cfg)
        return -1;
    *checksum = crc32_z(0, (const Bytef *)cfg, strlen(cfg));
    free(cfg);
    return 0;
}
