/* nn: reads a darknet .cfg, owns the network, runs it, trains it, reads and writes .weights.
 *
 * The engine sees tensors and class counts, never images or expressions. A network (`nn_net`) is
 * its cfg and its parameters; a predictor runs it; a trainer changes its parameters. Activations
 * that cross this interface are plain float arrays in the order (picture, channel, row, column).
 *
 * Formats: darknet's cfg and weights files (https://pjreddie.com/darknet/), see docs/darknet.md for
 * what is accepted. Arguments are borrowed for the call unless said otherwise; returned pointers
 * belong to the caller. Calls on different objects may run in different threads; calls on one
 * object may not. */
#ifndef FERCLI_NN_H
#define FERCLI_NN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "err.h"

/* ---- the network ---- */

struct nn_net;

struct nn_shape {
    int channels, height, width;
};
size_t nn_shape_values(struct nn_shape s); /* their product */

/* Instead of a seed: weights are left 0, for a network that gets all of them from elsewhere. */
#define NN_UNDRAWN UINT64_MAX

/* Reads a cfg file and builds the network with parameters drawn from `seed` (He initialisation).
 * NULL on a syntax error, an unknown section, a malformed number or a layer that does not fit, with
 * file and line. */
struct nn_net *nn_net_new(const char *cfg_path, uint64_t seed, struct err *e);

/* Same from `length` bytes in memory; `name` stands for the path in messages. */
struct nn_net *nn_net_parse(const char *name, const char *text, size_t length, uint64_t seed,
                            struct err *e);

void nn_net_free(struct nn_net *net);

struct nn_shape nn_net_input(const struct nn_net *net);
int nn_net_outputs(const struct nn_net *net); /* values a picture in the last layer: the classes */
int nn_net_layers(const struct nn_net *net);

/* Floats of the network; those of layers with `dontsave` are in no weights file. */
size_t nn_net_parameters(const struct nn_net *net);

/* Floating-point operations of one picture's forward pass, two for a multiply-add. */
double nn_net_flops(const struct nn_net *net);

/* Values that layer `layer` (0 based) hands on a picture. */
struct nn_shape nn_net_shape(const struct nn_net *net, int layer);

/* The name of layer `layer`'s section (owned by net) and the line of the cfg it stands on. */
const char *nn_net_layer_name(const struct nn_net *net, int layer);
int nn_net_layer_line(const struct nn_net *net, int layer);

/* The layers 0..n-1 that tuning a dense head freezes: up to the last convolutional or pooling
 * layer. */
int nn_net_frozen_layers(const struct nn_net *net);

/* The first `nn_net_parameters_upto(net, n)` parameters belong to layers 0..n-1. */
size_t nn_net_parameters_upto(const struct nn_net *net, int layers);

/* The parameters, in the order of the weights file; owned by net. */
const float *nn_net_values(const struct nn_net *net);
/* Replaces all of them by copies of `values`. */
void nn_net_set_values(struct nn_net *net, const float *values);

/* The cfg as it was read, byte for byte, NUL-terminated; owned by net. */
const char *nn_net_cfg_text(const struct nn_net *net);

/* An optional number of the [net] section that the engine itself does not use, such as augmentation
 * keys. Returns 0 with the value or with `fallback` when the key is absent; -1 for a malformed
 * number or one outside [low, high], with file and line. Marks the key as known (see
 * nn_net_warning). */
int nn_net_option(struct nn_net *net, const char *key, double fallback, double low, double high,
                  double *value, struct err *e);

/* Keys nobody asked for, as `FILE:LINE: unknown key 'x' in [section]`: text number `i`, or NULL
 * past the last. Owned by net, valid until the next nn_net_option. */
const char *nn_net_warning(struct nn_net *net, int i);

/* The temperature of the softmax that makes the outputs: the last layer, or the one below a last
 * [cost]. 0 when there is none, or when it has several groups. */
double nn_net_temperature(const struct nn_net *net);

/* Sets it, for predictors and trainers that exist already too; without such a softmax nothing
 * happens. The cfg's text stays as it was read. */
void nn_net_set_temperature(struct nn_net *net, double temperature);

/* The text of a cfg with this `temperature` (1e-3 to 1e3, written with four decimals) in the
 * section of that softmax, and without the key for 0; every other byte as it was. `name` stands for
 * the path in messages. In new memory; NULL when the text is no cfg or has no section to write it
 * in. */
char *nn_cfg_with_temperature(const char *name, const char *text, double temperature,
                              struct err *e);

/* What the cfg's [net] says of training length and batches (0 when it is silent). */
int nn_net_batch(const struct nn_net *net); /* pictures in an update, all subdivisions together */
long nn_net_max_batches(const struct nn_net *net);
void nn_net_set_max_batches(struct nn_net *net, long max_batches);

/* ---- weights files ---- */

/* Replaces the parameters with those of a darknet weights file. On failure (too short, too long,
 * not a number, unreadable; both sizes are named) the network keeps what it had. */
int nn_net_load_weights(struct nn_net *net, const char *path, struct err *e);

/* Writes a weights file atomically; what was read is written back byte for byte. */
int nn_net_save_weights(const struct nn_net *net, const char *path, struct err *e);

/* The bytes of that file; errors are left to the stream. */
void nn_net_write_weights(const struct nn_net *net, FILE *stream);

#define NN_MAX_WEIGHTS_BYTES (UINT64_C(1) << 33) /* longer files are not read */

/* Bytes before the parameters in the weights file that begins with these `count`; 0 when there are
 * too few of them. */
size_t nn_weights_header_size(const void *bytes, size_t count);

/* Pictures the network has been trained on: the header's `seen`. */
uint64_t nn_net_seen(const struct nn_net *net);

/* ---- inference ---- */

struct nn_predictor;

/* A plan to run layers first..last-1 on batches of `batch` pictures (the last one padded). Batch
 * norms are folded into convolutions; parameters are taken as they are now (nn_predictor_refresh
 * takes them again). `net` must outlive it. */
struct nn_predictor *nn_predictor_new(const struct nn_net *net, int first, int last, int batch,
                                      struct err *e);
void nn_predictor_refresh(struct nn_predictor *p);
void nn_predictor_free(struct nn_predictor *p);

/* Runs `count` pictures of layer first's input values each; writes layer last-1's values a picture.
 * A picture's result does not depend on the others. */
void nn_predictor_run(struct nn_predictor *p, const float *input, size_t count, float *output);

/* ---- inference by darknet itself ---- */

struct nn_darknet;

/* The network, with its parameters as they are now, in darknet's own library: the file `library`
 * (Debian's package darknet: /usr/lib/darknet/libdarknet.so; the interface is that of
 * https://github.com/pjreddie/darknet), which is opened by this call. NULL when it cannot be, and
 * for the few networks that would crash it. Standard output and standard error of the process lead
 * nowhere while it loads, because it prints there. */
struct nn_darknet *nn_darknet_new(const struct nn_net *net, const char *library, struct err *e);
void nn_darknet_free(struct nn_darknet *d);

/* Runs `count` pictures, one by one on one thread; writes the last layer's values a picture. */
void nn_darknet_run(struct nn_darknet *d, const float *input, size_t count, float *output);

/* ---- training ---- */

struct nn_trainer;

struct nn_trainer_options {
    int first;  /* layers below take no part: the input is that of layer `first` */
    int frozen; /* layers below are run as in inference and never change; what is below `first` is
                   frozen anyway */
    int batch;  /* pictures an update; 0: the cfg's */
    uint64_t seed;         /* of the dropout masks */
    const char *overrides; /* lines `key=value` over the cfg's [net] keys of the update, for this
                              trainer only; NULL */
    bool uniform_rate;     /* layers learn at the rate of [net], whatever their `learning_rate` */
};

/* Prepares training of `net` by its cfg's rules (optimiser, rate policy, decay ...). `net` must
 * outlive it and is changed by every step. NULL when a layer cannot be trained or the last layer
 * gives no loss. */
struct nn_trainer *nn_trainer_new(struct nn_net *net, const struct nn_trainer_options *options,
                                  struct err *e);
void nn_trainer_free(struct nn_trainer *t);

int nn_trainer_batch(const struct nn_trainer *t);

/* Updates made so far, those before a resume included. */
long nn_trainer_steps(const struct nn_trainer *t);

/* The learning rate of the next update. */
double nn_trainer_rate(const struct nn_trainer *t);

/* One update from exactly nn_trainer_batch pictures: `input` (batch, values of layer first) and
 * `target` (batch, classes), each row a distribution over the classes. `output`, when not NULL,
 * gets the network's probabilities (batch, classes) from before the update. Returns the mean loss
 * (nats, for cross-entropy). */
double nn_trainer_step(struct nn_trainer *t, const float *input, const float *target,
                       float *output);

/* The model as it stands: copies to `to`, a network of the same cfg, the parameters, or with the
 * cfg's `ema_alpha` their moving average (Polyak & Juditsky 1992), and what a weights file says
 * beside them. */
void nn_trainer_export(const struct nn_trainer *t, struct nn_net *to);

/* Everything a resumed run needs to go on as if it had not stopped: parameters, optimiser,
 * average, step count. Host byte order and layout of this build's network; -1 and a reason when it
 * does not fit.
 */
int nn_trainer_save(const struct nn_trainer *t, FILE *stream, struct err *e);
int nn_trainer_load(struct nn_trainer *t, FILE *stream, struct err *e);

/* ---- the machine ---- */

/* Threads of the engine (OpenMP's one pool) for calls from the calling thread; 0: the cores this
 * process may run on. */
void nn_set_threads(int threads);
int nn_threads(void);

/* The kernels in use, such as `oneDNN 2.6.3, AVX-512, Winograd by LIBXSMM` (without the last where
 * all convolutions are direct); static text. */
const char *nn_engine_name(void);

#endif
