/* Which kernels compute a convolution; see engine.h. */
#include "nn/engine.h"

#include <stddef.h>
#include <stdio.h>

#include "nn.h"

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

const char *nn_engine_name(void)
{
    static char name[128];
#ifdef HAVE_LIBXSMM
    const char *others = winograd_compiles() ? ", Winograd by LIBXSMM" : "";
#else
    const char *others = "";
#endif
    snprintf(name, sizeof(name), "%s%s", engine_library(), others);
    return name;
}
