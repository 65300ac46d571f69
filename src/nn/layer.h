/* Layers: what a cfg section becomes, and how a plan executes it.
 *
 * A `layer` is immutable but for a softmax's temperature: shapes, sources, where its parameters
 * lie. An `op` is a layer in one plan: buffers and kernels for one batch size, for inference or
 * training. Each kind of layer is one file layer_*.c with its own structs that begin with these,
 * behind one table `layer_kind`. */
#ifndef FERCLI_NN_LAYER_H
#define FERCLI_NN_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn.h"
#include "nn/cfg.h"
#include "nn/tensor.h"

struct op;
struct plan;

enum param_role { PARAM_BIAS, PARAM_SCALE, PARAM_MEAN, PARAM_VARIANCE, PARAM_WEIGHT };
#define LAYER_PARAMS 5

/* A run of parameters, in the order and layout of the weights file. */
struct param {
    enum param_role role;
    size_t offset; /* floats from the start of the network's parameters */
    size_t count;  /* floats */
    size_t rows;   /* of a connected layer's (outputs, inputs) matrix; 0 for others */
};

#define SOURCE_INPUT (-1) /* the network's input */

struct layer {
    const struct layer_kind *kind;
    int index, line;
    struct nn_shape in, out; /* of source[0], and what it hands on */
    int *source;             /* (sources) indices of the layers it reads, or SOURCE_INPUT; owned */
    int sources;
    struct param param[LAYER_PARAMS];
    int params;
    float rate_scale; /* `learning_rate`: times the network's */
    bool stop_backward, skip_load, skip_save;
    double flops; /* forward, one picture */
};

/* What parsing a section needs. */
struct layer_parser {
    const struct cfg *cfg;
    struct cfg_section *section;
    struct layer *const *layers; /* those before */
    int index;                   /* of the layer being made */
    struct nn_shape in;          /* what the layer before hands on */
    struct err *e;
};

struct layer_kind {
    const char *names[4];  /* of the section, NULL-terminated; the first is the usual one */
    size_t layer_size;     /* of the kind's struct */
    bool frozen_by_tuning; /* convolutional or pooling: layers up to the last such are no part of a
                              dense head */
    bool reads_rows;       /* any layout of the input will do, plain is read as it is */
    bool passes_through;   /* outside training the output is the input, in the same memory */
    /* Reads keys, sets out, params, flops and, unless it is the layer before alone, the sources.
     * 0/-1. */
    int (*parse)(struct layer *l, struct layer_parser *p);
    /* Makes the op (in, out and plan are set by the caller); NULL: a plain struct op is enough. */
    size_t op_size;
    int (*plan)(struct op *op, struct err *e);
    void (*refresh)(
        struct op *op); /* takes the parameters as they are now (inference only); may be NULL */
    void (*forward)(struct op *op);
    /* From plan_gradient(op->layer->index) to the parameters' gradients, added, and to each
     * source's gradient. */
    void (*backward)(struct op *op);
    void (*release)(struct op *op); /* what plan made; may be NULL */
};

struct op {
    const struct layer *layer;
    struct plan *plan;
    struct tensor in; /* of source[0]; value set by the plan */
    struct tensor out;
};

extern const struct layer_kind LAYER_CONVOLUTIONAL, LAYER_MAXPOOL, LAYER_AVGPOOL, LAYER_DROPOUT,
    LAYER_CONNECTED, LAYER_SHORTCUT, LAYER_ROUTE, LAYER_BATCHNORM, LAYER_ACTIVATION, LAYER_SOFTMAX,
    LAYER_COST;

/* Appends a run of parameters; offsets are given later by the network. */
void layer_add_param(struct layer *l, enum param_role role, size_t count);
/* Refuses a layer that hands on more than MAX_LAYER_VALUES or has more parameters, `more` counted
 * in: a product that a size_t may not hold is checked so before it is added. 0/-1. */
int layer_check_size(const struct layer *l, const struct layer_parser *p, double more);
/* The run with a role, NULL when the layer has none. */
const struct param *layer_param(const struct layer *l, enum param_role role);
/* Replaces the sources. 0/-1. */
int layer_set_sources(struct layer *l, const int *source, int count, struct err *e);
/* Reads a list of layers as route and shortcut have them: negative ones count from the layer
 * itself. */
int layer_parse_sources(struct layer_parser *p, const char *key, int **source, int *count);
/* A key that is refused unless it is 0, because it changes numbers in a way that is not
 * implemented. */
int layer_refuse_key(struct layer_parser *p, const char *key);
/* The same with another neutral value; NULL: refused whatever it is. */
int layer_refuse_unless(struct layer_parser *p, const char *key, const char *neutral);

/* A softmax's temperature, NULL for another layer and for a softmax of several groups. */
double *layer_temperature(struct layer *l);

#define MAX_LAYER_VALUES                                                                           \
    (1u << 28) /* floats a picture in one layer, and parameters of one layer                       \
                */

#endif
