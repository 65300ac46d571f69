/* Which instruction set's loops run; see simd.h. oneDNN decides what it compiles, so its answer is
 * asked too: both must agree on the layout. */
#include "nn/simd.h"

#include "nn/engine.h"
#include "nn/winograd_tiles.h"

extern const struct simd simd_plain;

#ifdef __x86_64__
extern const struct simd simd_avx2, simd_avx512;
extern const struct winograd_set winograd_avx2, winograd_avx512;

const struct simd *simd(void)
{
    switch (engine_isa()) {
    case ISA_AVX512:
        return &simd_avx512;
    case ISA_AVX2:
        return &simd_avx2;
    default:
        return &simd_plain;
    }
}

const struct winograd_set *winograd_set(void)
{
    switch (engine_isa()) {
    case ISA_AVX512:
        return &winograd_avx512;
    case ISA_AVX2:
        return &winograd_avx2;
    default:
        return NULL;
    }
}
#else
const struct simd *simd(void)
{
    return &simd_plain;
}

const struct winograd_set *winograd_set(void)
{
    return 0;
}
#endif
