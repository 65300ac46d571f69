/* Inference by darknet's own library, to compare with; see nn.h.
 *
 * libdarknet ends the program on bad input and reads out of bounds where a cfg asks for it, so it
 * is given nothing of the user's: the cfg and the weights are written anew from a network that the
 * engine has accepted, into files in memory, with only the keys that the engine knows and a batch
 * of one. What it prints while it loads is thrown away. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nn/net.h"

struct nn_darknet {
    /* From darknet.h; a `network` is only handed on here. */
    void *(*load_network)(char *cfg, char *weights, int clear);
    float *(*network_predict)(void *network, float *input);
    void (*free_network)(void *network);
    void *network;  /* owned, by free_network */
    float *picture; /* (in) a copy, because darknet takes no const; owned */
    size_t in, out; /* values a picture */
};

/* ---- the library ---- */

static void *find_function(void *library, const char *name, struct err *e)
{
    void *function = dlsym(library, name);
    if (!function)
        err_set(e, "cannot use darknet's library: %s", dlerror());
    return function;
}

/* It stays open until the program ends: it brings more than two hundred others along, and not all
 * of them can be unloaded. */
static int open_library(struct nn_darknet *d, const char *path, struct err *e)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return err_set(e,
                       "cannot open darknet's library, which Debian's package darknet brings: %s",
                       dlerror());
    *(void **)&d->load_network = find_function(library, "load_network", e);
    *(void **)&d->network_predict = find_function(library, "network_predict", e);
    *(void **)&d->free_network = find_function(library, "free_network", e);
    return d->load_network && d->network_predict && d->free_network ? 0 : -1;
}

/* ---- what it is given ---- */

/* A 1x1 convolution with padding reads as many pixels as it has outputs. */
static bool reads_too_far(const struct nn_net *net, const struct layer *l)
{
    int size = 0;
    if (l->kind == &LAYER_CONVOLUTIONAL)
        cfg_int(&net->cfg, &net->cfg.section[l->index + 1], "size", 1, 1, 1024, &size, NULL);
    return size == 1 && l->out.height * l->out.width > l->in.height * l->in.width;
}

static int check_layers(const struct nn_net *net, struct err *e)
{
    for (int i = 0; i < net->layers; i++) {
        const struct layer *l = net->layer[i];
        const char *reason = NULL;
        if (l->kind == &LAYER_BATCHNORM)
            reason = "darknet's library crashes in [batchnorm]";
        else if (reads_too_far(net, l))
            reason = "darknet's library reads out of bounds in a padded 1x1 convolution";
        else if (l->params > 0 && (l->skip_load || l->skip_save))
            reason = "the weights of a layer with dontload or dontsave are not in the file";
        if (reason)
            return err_set(e, "%s:%d: %s", net->cfg.path, l->line, reason);
    }
    return 0;
}

static void write_cfg(const struct nn_net *net, FILE *out)
{
    for (int s = 0; s < net->cfg.sections; s++) {
        const struct cfg_section *section = &net->cfg.section[s];
        fprintf(out, "[%s]\n", section->name);
        if (s == 0)
            fputs("batch=1\nsubdivisions=1\n", out);
        for (int k = 0; k < section->options; k++) {
            const struct cfg_option *o = &section->option[k];
            bool batch = strcmp(o->key, "batch") == 0 || strcmp(o->key, "subdivisions") == 0;
            if (o->used && !(s == 0 && batch))
                fprintf(out, "%s=%s\n", o->key, o->value);
        }
    }
}

/* A file in memory with what `write` writes; its path stands in `path`. NULL on failure. */
static FILE *memory_file(const struct nn_net *net, void (*write)(const struct nn_net *, FILE *),
                         char path[64], struct err *e)
{
    int fd = memfd_create("fercli", MFD_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file) {
        err_set(e, "cannot make a file in memory: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    write(net, file);
    if (fflush(file) == 0 && !ferror(file) && access(path, R_OK) == 0)
        return file;
    err_set(e, "cannot write '%s': %s", path, strerror(errno));
    fclose(file);
    return NULL;
}

/* ---- loading ---- */

/* Points descriptors 1 and 2 elsewhere; `kept` gets what they were, -1 where there was none. */
static void silence(int kept[2])
{
    fflush(NULL);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (int i = 0; i < 2; i++) {
        kept[i] = null < 0 ? -1 : fcntl(1 + i, F_DUPFD_CLOEXEC, 3);
        if (kept[i] >= 0)
            dup2(null, 1 + i);
    }
    if (null >= 0)
        close(null);
}

static void end_silence(const int kept[2])
{
    fflush(NULL);
    for (int i = 0; i < 2; i++)
        if (kept[i] >= 0) {
            dup2(kept[i], 1 + i);
            close(kept[i]);
        }
}

static int load(struct nn_darknet *d, const struct nn_net *net, struct err *e)
{
    char cfg_path[64], weights_path[64];
    int kept[2];
    FILE *cfg = memory_file(net, write_cfg, cfg_path, e);
    FILE *weights = cfg ? memory_file(net, nn_net_write_weights, weights_path, e) : NULL;
    if (weights) {
        silence(kept);
        d->network = d->load_network(cfg_path, weights_path, 0);
        end_silence(kept);
        fclose(weights);
        if (!d->network)
            err_set(e, "darknet's library cannot load the network of '%s'", net->cfg.path);
    }
    if (cfg)
        fclose(cfg);
    return d->network ? 0 : -1;
}

struct nn_darknet *nn_darknet_new(const struct nn_net *net, const char *library, struct err *e)
{
    struct nn_darknet *d = calloc(1, sizeof(*d));
    if (!d)
        return err_memory_null(e);
    d->in = nn_shape_values(net->input);
    d->out = nn_shape_values(net->layer[net->layers - 1]->out);
    d->picture = floats_new(d->in);
    if (!d->picture)
        err_memory(e);
    else if (check_layers(net, e) == 0 && open_library(d, library, e) == 0 && load(d, net, e) == 0)
        return d;
    nn_darknet_free(d);
    return NULL;
}

void nn_darknet_free(struct nn_darknet *d)
{
    if (!d)
        return;
    if (d->network)
        d->free_network(d->network);
    free(d->picture);
    free(d);
}

void nn_darknet_run(struct nn_darknet *d, const float *input, size_t count, float *output)
{
    for (size_t i = 0; i < count; i++) {
        memcpy(d->picture, input + i * d->in, d->in * sizeof(*input));
        memcpy(output + i * d->out, d->network_predict(d->network, d->picture),
               d->out * sizeof(*output));
    }
}
