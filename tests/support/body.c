/* One network for tests of training; see body.h. */
#include "body.h"

#include <stdlib.h>
#include <string.h>

#include "netpair.h"
#include "network_cases.h"

struct nn_net *body_with(const char *rules)
{
    char *cfg = cfg_with(BODY, rules);
    struct nn_net *net = net_of(cfg);
    free(cfg);
    return net;
}

double train_step(struct nn_trainer *t, uint64_t step, size_t inputs)
{
    struct rng r;
    rng_init(&r, 31, 5, step);
    float *input = random_values(&r, BODY_BATCH * inputs, 1),
          *target = random_labels(&r, BODY_BATCH, BODY_CLASSES);
    double loss = nn_trainer_step(t, input, target, NULL);
    free(input);
    free(target);
    return loss;
}

float *copy_values(const struct nn_net *net)
{
    size_t bytes = nn_net_parameters(net) * sizeof(float);
    return memcpy(malloc(bytes), nn_net_values(net), bytes);
}

bool same_values(const struct nn_net *net, const float *values, size_t from, size_t to)
{
    return memcmp(nn_net_values(net) + from, values + from, (to - from) * sizeof(*values)) == 0;
}
