/* The engine's network and the reference network of one cfg, with the same random parameters, and
 * random data for both. Whatever fails here ends the program with a message: it is the test's own
 * mistake or a refusal that the test did not expect. */
#ifndef FERCLI_TEST_NETPAIR_H
#define FERCLI_TEST_NETPAIR_H

#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "nn.h"
#include "reference.h"

struct netpair {
    struct nn_net *net;
    struct reference *ref;
    size_t inputs, outputs; /* values a picture */
};

void netpair_init(struct netpair *p, const char *cfg, uint64_t seed);
void netpair_release(struct netpair *p);

/* Gives the reference the parameters that the engine has now. */
void netpair_follow(struct netpair *p);

/* From the heap, freed by the caller. */
float *random_values(struct rng *r, size_t count, float deviation);
float *random_targets(struct rng *r, size_t rows, size_t classes); /* rows that sum to 1 */
float *random_labels(struct rng *r, size_t rows, size_t classes);  /* one 1 a row */
float *random_parameters(const struct reference *ref, struct rng *r);

/* Parses a cfg or ends the program. */
struct nn_net *net_of(const char *cfg);
struct nn_trainer *trainer_of(struct nn_net *net, const struct nn_trainer_options *options);
struct nn_predictor *predictor_of(const struct nn_net *net, int first, int last, int batch);

/* The largest difference over the largest of `want`. */
double worst_difference(const float *got, const double *want, size_t count);

/* Writes a darknet weights file; `wide`: 64-bit seen. */
void write_weights(const char *path, const int32_t version[3], uint64_t seen, int wide,
                   const float *values, size_t count);

#endif
