/* libdarknet's network for the programs of this folder. It prints on both streams: they are
 * silenced around every call, so that the tests' own TAP stays clean. It ends the program on bad
 * input: give it only what the engine has accepted. */
#ifndef FERCLI_TEST_DARKNET_NET_H
#define FERCLI_TEST_DARKNET_NET_H

#include <darknet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scratch.h"

struct silence {
    int out, err;
};

static inline struct silence silence_begin(void)
{
    fflush(stdout);
    fflush(stderr);
    struct silence s = {.out = dup(1), .err = dup(2)};
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    dup2(null, 2);
    close(null);
    return s;
}

static inline void silence_end(struct silence s)
{
    fflush(stdout);
    fflush(stderr);
    dup2(s.out, 1);
    dup2(s.err, 2);
    close(s.out);
    close(s.err);
}

/* darknet's functions take paths that they do not change as `char *`. */
static inline network *darknet_open(const char *cfg_path)
{
    char *path = strdup(cfg_path);
    struct silence s = silence_begin();
    network *net = parse_network_cfg(path);
    silence_end(s);
    free(path);
    return net;
}

static inline network *darknet_of(const char *cfg)
{
    return darknet_open(scratch_write("darknet.cfg", cfg, strlen(cfg)));
}

static inline void darknet_load(network *net, const char *weights_path)
{
    char *path = strdup(weights_path);
    struct silence s = silence_begin();
    load_weights(net, path);
    silence_end(s);
    free(path);
}

static inline void darknet_save(network *net, const char *weights_path)
{
    char *path = strdup(weights_path);
    struct silence s = silence_begin();
    save_weights(net, path);
    silence_end(s);
    free(path);
}

#endif
