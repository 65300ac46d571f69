/* Small networks, one for every layer and option: channels that are multiples of 8, 16 and 32 and
 * odd ones, pictures that are not square, strides and paddings. */
#ifndef FERCLI_TEST_NETWORK_CASES_H
#define FERCLI_TEST_NETWORK_CASES_H

#include <stddef.h>

/* How far libdarknet's CPU code computes the same: see docs/darknet.md. */
enum darknet_agreement { DARKNET_AGREES, DARKNET_AGREES_FORWARD, DARKNET_DIFFERS };

struct network_case {
    const char *name;
    const char *cfg; /* without training rules: see cfg_with */
    enum darknet_agreement darknet;
};

extern const struct network_case NETWORK_CASES[];
extern const size_t NETWORK_CASE_COUNT;

/* The cfg with more lines in its first section, from the heap. */
char *cfg_with(const char *cfg, const char *rules);

#endif
