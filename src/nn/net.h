/* The network: layers and one block of parameters in the order of the weights file. Internal side
 * of nn.h. */
#ifndef FERCLI_NN_NET_H
#define FERCLI_NN_NET_H

#include "nn/layer.h"
#include "nn/solver.h"

struct nn_net {
    struct cfg cfg;
    struct nn_shape input;
    struct layer **layer; /* (layers); owned */
    int layers;
    float *params; /* (param_count); owned */
    size_t param_count;
    int version[3];  /* of the weights file read: written back as it was */
    bool transposed; /* connected weights lie (inputs, outputs) in the file */
    uint64_t seen;   /* pictures trained on */
    int batch, subdivisions;
    struct solver solver; /* the cfg's own; trainers may override it */
    long max_batches;
    char *warning; /* text of the last nn_net_warning; owned */
};

/* The [net] section. */
struct cfg_section *net_section(struct nn_net *net);

#endif
