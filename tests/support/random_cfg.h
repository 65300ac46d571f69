/* Random small networks as cfg texts, for tests of the engine. */
#ifndef FERCLI_TEST_RANDOM_CFG_H
#define FERCLI_TEST_RANDOM_CFG_H

#include <stdint.h>

enum random_cfg_flags {
    RANDOM_NORM = 1,    /* batch norms too */
    RANDOM_DARKNET = 2, /* only what libdarknet computes right: see docs/darknet.md */
    RANDOM_SMOOTH = 4,  /* only layers without kinks: finite differences converge */
    RANDOM_WIDE = 8     /* filters by 32s, which the fast kernels for 3x3 ask for */
};

/* The text of network number `seed`, from the heap; `net` is added to its [net] section. The batch
 * is 4. */
char *random_cfg(uint64_t seed, unsigned flags, const char *net);

#endif
