/* Seeded random numbers; see rng.h. */
#include "rng.h"

#include <math.h>

uint64_t rng_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void rng_init(struct rng *r, uint64_t seed, uint64_t stream, uint64_t index)
{
    uint64_t x = rng_mix(rng_mix(rng_mix(seed) ^ stream) ^ index);
    for (int i = 0; i < 4; i++)
        r->state[i] = x = rng_mix(x);
}

static uint64_t rotate_left(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t rng_next(struct rng *r)
{
    uint64_t *s = r->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

float rng_uniform(struct rng *r)
{
    return (float)(rng_next(r) >> 40) * 0x1p-24f;
}

float rng_range(struct rng *r, float low, float high)
{
    return low + (high - low) * rng_uniform(r);
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n, x;
    do
        x = rng_next(r);
    while (x >= limit);
    return x % n;
}

float rng_normal(struct rng *r)
{
    double u = 1.0 - (double)rng_uniform(r), v = (double)rng_uniform(r);
    return (float)(sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v));
}

double rng_beta(struct rng *r, double a)
{
    double x, y;
    do {
        x = pow((double)rng_uniform(r), 1 / a);
        y = pow((double)rng_uniform(r), 1 / a);
    } while (x + y > 1 || x + y <= 0);
    return x / (x + y);
}

void rng_shuffle(struct rng *r, uint32_t *index, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)rng_below(r, i);
        uint32_t other = index[j];
        index[j] = index[i - 1];
        index[i - 1] = other;
    }
}
