/* The network: from cfg sections to layers and parameters; see nn.h and net.h. */
#include "nn/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"

#define MAX_CFG_BYTES (1u << 22)
#define STREAM_PARAMS 0x7061726d

static const struct layer_kind *const KINDS[] = {
    &LAYER_CONVOLUTIONAL, &LAYER_MAXPOOL,  &LAYER_AVGPOOL, &LAYER_DROPOUT,
    &LAYER_CONNECTED,     &LAYER_SHORTCUT, &LAYER_ROUTE,   &LAYER_BATCHNORM,
    &LAYER_ACTIVATION,    &LAYER_SOFTMAX,  &LAYER_COST,
};
#define KIND_COUNT (int)(sizeof(KINDS) / sizeof(KINDS[0]))

struct cfg_section *net_section(struct nn_net *net)
{
    return &net->cfg.section[0];
}

static const struct layer_kind *find_kind(const char *name)
{
    for (int i = 0; i < KIND_COUNT; i++)
        for (int k = 0; KINDS[i]->names[k]; k++)
            if (strcmp(KINDS[i]->names[k], name) == 0)
                return KINDS[i];
    return NULL;
}

static void layer_free(struct layer *l)
{
    if (l)
        free(l->source);
    free(l);
}

/* Keys that every kind of layer may carry. */
static int parse_common_keys(struct layer *l, struct layer_parser *p)
{
    double rate;
    int stop, load, save;
    if (cfg_real(p->cfg, p->section, "learning_rate", 1, 0, 1e6, &rate, p->e) ||
        cfg_int(p->cfg, p->section, "stopbackward", 0, 0, 1, &stop, p->e) ||
        cfg_int(p->cfg, p->section, "dontload", 0, 0, 1, &load, p->e) ||
        cfg_int(p->cfg, p->section, "dontsave", 0, 0, 1, &save, p->e) ||
        layer_refuse_key(p, "dontloadscales") || layer_refuse_key(p, "onlyforward") ||
        layer_refuse_key(p, "numload"))
        return -1;
    l->rate_scale = (float)rate;
    l->stop_backward = stop;
    l->skip_load = load;
    l->skip_save = save;
    return 0;
}

static int add_layer(struct nn_net *net, struct cfg_section *s, struct err *e)
{
    const struct layer_kind *kind = find_kind(s->name);
    if (!kind)
        return err_set(e, "%s:%d: layers of the kind [%s] are not supported", net->cfg.path,
                       s->line, s->name);
    struct layer *l = calloc(1, kind->layer_size);
    if (!l)
        return err_memory(e);
    int index = net->layers, before = index - 1;
    struct layer_parser p = {.cfg = &net->cfg,
                             .section = s,
                             .layers = net->layer,
                             .index = index,
                             .in = index ? net->layer[before]->out : net->input,
                             .e = e};
    l->kind = kind;
    l->index = index;
    l->line = s->line;
    l->in = p.in;
    net->layer[net->layers++] = l;
    if (layer_set_sources(l, &before, 1, e) || parse_common_keys(l, &p))
        return -1;
    return kind->parse(l, &p) || layer_check_size(l, &p, 0) ? -1 : 0;
}

static int parse_net_section(struct nn_net *net, struct err *e)
{
    struct cfg *c = &net->cfg;
    struct cfg_section *s = net_section(net);
    int max_batches;
    if (strcmp(s->name, "net") && strcmp(s->name, "network"))
        return err_set(e, "%s:%d: the first section is [%s], not [net]", c->path, s->line, s->name);
    if (cfg_int(c, s, "height", 0, 1, 8192, &net->input.height, e) ||
        cfg_int(c, s, "width", 0, 1, 8192, &net->input.width, e) ||
        cfg_int(c, s, "channels", 0, 1, 8192, &net->input.channels, e) ||
        cfg_int(c, s, "batch", 1, 1, 65536, &net->batch, e) ||
        cfg_int(c, s, "subdivisions", 1, 1, 65536, &net->subdivisions, e) ||
        cfg_int(c, s, "max_batches", 0, 0, 1 << 30, &max_batches, e))
        return -1;
    if (!net->input.height || !net->input.width || !net->input.channels)
        return err_set(e, "%s:%d: [%s] needs height, width and channels", c->path, s->line,
                       s->name);
    if ((double)net->input.channels * net->input.height * net->input.width > MAX_LAYER_VALUES)
        return err_set(e, "%s:%d: an input of %dx%dx%d is too large", c->path, s->line,
                       net->input.channels, net->input.height, net->input.width);
    if (net->batch % net->subdivisions)
        return err_set(e, "%s:%d: subdivisions=%d does not divide batch=%d", c->path,
                       cfg_line(s, "subdivisions"), net->subdivisions, net->batch);
    net->max_batches = max_batches;
    return solver_parse(&net->solver, c, s, e);
}

static int make_layers(struct nn_net *net, struct err *e)
{
    if (net->cfg.sections < 2)
        return err_set(e, "'%s' has no layers", net->cfg.path);
    net->layer = calloc((size_t)net->cfg.sections, sizeof(*net->layer));
    if (!net->layer)
        return err_memory(e);
    for (int i = 1; i < net->cfg.sections; i++)
        if (add_layer(net, &net->cfg.section[i], e))
            return -1;
    return 0;
}

/* darknet's initial values: normal with deviation sqrt(2/fan_in) for convolutions (He et al. 2015),
 * uniform in +-sqrt(2/inputs) for connected layers; rolling variances begin at 1 instead of
 * darknet's 0, so that an untrained network runs. */
static void init_params(struct nn_net *net, const struct layer *l, uint64_t seed)
{
    struct rng r;
    bool undrawn = seed == NN_UNDRAWN;
    rng_init(&r, seed, STREAM_PARAMS, (uint64_t)l->index);
    for (int i = 0; i < l->params; i++) {
        const struct param *run = &l->param[i];
        float *w = net->params + run->offset;
        size_t outputs = run->rows ? run->rows : (size_t)l->out.channels;
        float spread = sqrtf(2 / (float)(run->count / outputs));
        for (size_t k = 0; k < run->count && !(run->role == PARAM_WEIGHT && undrawn); k++)
            switch (run->role) {
            case PARAM_WEIGHT:
                w[k] = run->rows ? rng_range(&r, -spread, spread) : spread * rng_normal(&r);
                break;
            case PARAM_SCALE:
            case PARAM_VARIANCE:
                w[k] = 1;
                break;
            default:
                w[k] = 0;
            }
    }
}

static int make_params(struct nn_net *net, uint64_t seed, struct err *e)
{
    for (int i = 0; i < net->layers; i++)
        for (int k = 0; k < net->layer[i]->params; k++) {
            struct param *run = &net->layer[i]->param[k];
            run->offset = net->param_count;
            net->param_count += run->count;
            if (net->param_count > 4 * (size_t)MAX_LAYER_VALUES)
                return err_set(e, "'%s' has more than %u parameters", net->cfg.path,
                               4 * MAX_LAYER_VALUES);
        }
    net->params = floats_new(net->param_count);
    if (!net->params)
        return err_memory(e);
    for (int i = 0; i < net->layers; i++)
        init_params(net, net->layer[i], seed);
    return 0;
}

struct nn_net *nn_net_parse(const char *name, const char *text, size_t length, uint64_t seed,
                            struct err *e)
{
    struct nn_net *net = calloc(1, sizeof(*net));
    if (!net)
        return err_memory_null(e);
    net->version[1] = 2; /* what darknet writes: 0.2.0 */
    if (cfg_parse(&net->cfg, name, text, length, e) || parse_net_section(net, e) ||
        make_layers(net, e) || make_params(net, seed, e)) {
        nn_net_free(net);
        return NULL;
    }
    return net;
}

struct nn_net *nn_net_new(const char *cfg_path, uint64_t seed, struct err *e)
{
    char *text;
    size_t length;
    if (file_read(cfg_path, MAX_CFG_BYTES, &text, &length, e))
        return NULL;
    struct nn_net *net = nn_net_parse(cfg_path, text, length, seed, e);
    free(text);
    return net;
}

void nn_net_free(struct nn_net *net)
{
    if (!net)
        return;
    for (int i = 0; i < net->layers; i++)
        layer_free(net->layer[i]);
    free(net->layer);
    free(net->params);
    free(net->warning);
    solver_release(&net->solver);
    cfg_release(&net->cfg);
    free(net);
}

struct nn_shape nn_net_input(const struct nn_net *net)
{
    return net->input;
}

int nn_net_outputs(const struct nn_net *net)
{
    return (int)nn_shape_values(net->layer[net->layers - 1]->out);
}

int nn_net_layers(const struct nn_net *net)
{
    return net->layers;
}

size_t nn_net_parameters(const struct nn_net *net)
{
    return net->param_count;
}

double nn_net_flops(const struct nn_net *net)
{
    double flops = 0;
    for (int i = 0; i < net->layers; i++)
        flops += net->layer[i]->flops;
    return flops;
}

struct nn_shape nn_net_shape(const struct nn_net *net, int layer)
{
    return net->layer[layer]->out;
}

const char *nn_net_layer_name(const struct nn_net *net, int layer)
{
    return net->layer[layer]->kind->names[0];
}

int nn_net_layer_line(const struct nn_net *net, int layer)
{
    return net->layer[layer]->line;
}

int nn_net_frozen_layers(const struct nn_net *net)
{
    int frozen = net->layers;
    while (frozen > 0 && !net->layer[frozen - 1]->kind->frozen_by_tuning)
        frozen--;
    return frozen;
}

size_t nn_net_parameters_upto(const struct nn_net *net, int layers)
{
    size_t count = 0;
    for (int i = 0; i < layers; i++)
        for (int k = 0; k < net->layer[i]->params; k++)
            count += net->layer[i]->param[k].count;
    return count;
}

const float *nn_net_values(const struct nn_net *net)
{
    return net->params;
}

void nn_net_set_values(struct nn_net *net, const float *values)
{
    memcpy(net->params, values, net->param_count * sizeof(float));
}

const char *nn_net_cfg_text(const struct nn_net *net)
{
    return net->cfg.text;
}

int nn_net_option(struct nn_net *net, const char *key, double fallback, double low, double high,
                  double *value, struct err *e)
{
    return cfg_real(&net->cfg, net_section(net), key, fallback, low, high, value, e);
}

const char *nn_net_warning(struct nn_net *net, int i)
{
    const struct cfg *c = &net->cfg;
    for (int s = 0; s < c->sections; s++)
        for (int k = 0; k < c->section[s].options; k++) {
            const struct cfg_option *o = &c->section[s].option[k];
            if (o->used || i-- > 0)
                continue;
            free(net->warning);
            if (asprintf(&net->warning, "%s:%d: unknown key '%s' in [%s]", c->path, o->line, o->key,
                         c->section[s].name) < 0)
                net->warning = NULL;
            return net->warning;
        }
    return NULL;
}

int nn_net_batch(const struct nn_net *net)
{
    return net->batch;
}

long nn_net_max_batches(const struct nn_net *net)
{
    return net->max_batches;
}

void nn_net_set_max_batches(struct nn_net *net, long max_batches)
{
    net->max_batches = max_batches;
}

uint64_t nn_net_seen(const struct nn_net *net)
{
    return net->seen;
}
