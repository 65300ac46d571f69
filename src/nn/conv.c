/* Which kernels compute a convolution; see engine.h. */
#include "nn/engine.h"

#include <stddef.h>

static const struct conv_kernels *const PREFERRED[] = {
#ifdef HAVE_LIBXSMM
    &CONV_WINOGRAD,
#endif
    &CONV_DNNL,
};

const struct conv_kernels *conv_choose(const struct conv_shape *s)
{
    size_t i = 0;
    while (!PREFERRED[i]->fits(s))
        i++;
    return PREFERRED[i];
}
