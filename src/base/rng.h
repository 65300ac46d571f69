/* Seeded random numbers, the same on every machine: xoshiro256** (Blackman & Vigna, "Scrambled
 * linear pseudorandom number generators", 2021), seeded through splitmix64.
 *
 * Every use names its own stream, so that a run can start again at any epoch or step without a
 * saved generator: rng_init(&r, seed, STREAM, epoch). */
#ifndef FERCLI_BASE_RNG_H
#define FERCLI_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t state[4];
};

/* Independent sequences for different (seed, stream, index). */
void rng_init(struct rng *r, uint64_t seed, uint64_t stream, uint64_t index);

/* The next 64 random bits. */
uint64_t rng_next(struct rng *r);

/* Uniform in [0, 1), 24 bits. */
float rng_uniform(struct rng *r);

/* Uniform in [low, high). */
float rng_range(struct rng *r, float low, float high);

/* Uniform in 0..n-1, without bias; n > 0. */
uint64_t rng_below(struct rng *r, uint64_t n);

/* Normal with mean 0 and deviation 1 (Box-Muller). */
float rng_normal(struct rng *r);

/* Beta(a, a), 0 < a <= 1 (Jöhnk 1964). */
double rng_beta(struct rng *r, double a);

/* Fisher-Yates shuffle of `n` indices. */
void rng_shuffle(struct rng *r, uint32_t *index, size_t n);

/* One splitmix64 step of `x`: a hash of 64 bits to 64 bits. */
uint64_t rng_mix(uint64_t x);

#endif
