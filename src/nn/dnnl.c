/* oneDNN 2 behind engine.h; the only file that knows it. (oneDNN 3 creates primitive descriptors in
 * one step: a move stays in here.) Convolutions: Intel's JIT kernels for whatever the CPU has, on
 * blocked layouts. */
#include "nn/engine.h"

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ARGS 5

/* One CPU engine and stream for the process, made at the first use. */
static dnnl_engine_t cpu_engine;
static dnnl_stream_t cpu_stream;
static pthread_once_t cpu_once = PTHREAD_ONCE_INIT;

static void make_cpu(void)
{
    if (dnnl_engine_create(&cpu_engine, dnnl_cpu, 0) == dnnl_success &&
        dnnl_stream_create(&cpu_stream, cpu_engine, dnnl_stream_default_flags) != dnnl_success)
        cpu_stream = NULL;
}

enum isa engine_isa(void)
{
#ifdef __x86_64__
    unsigned isa = (unsigned)dnnl_get_effective_cpu_isa();
    if ((isa & (unsigned)dnnl_cpu_isa_avx512_core) == (unsigned)dnnl_cpu_isa_avx512_core)
        return ISA_AVX512;
    if ((isa & (unsigned)dnnl_cpu_isa_avx2) == (unsigned)dnnl_cpu_isa_avx2)
        return ISA_AVX2;
#endif
    return ISA_PLAIN;
}

const char *engine_library(void)
{
    static char name[64];
    static const char *const sets[] = {
        [ISA_PLAIN] = "plain", [ISA_AVX2] = "AVX2", [ISA_AVX512] = "AVX-512"};
    const dnnl_version_t *v = dnnl_version();
    snprintf(name, sizeof(name), "oneDNN %d.%d.%d, %s", v->major, v->minor, v->patch,
             sets[engine_isa()]);
    return name;
}

void gemm_run(const struct gemm *g)
{
    dnnl_dim_t lda = g->transpose_a ? g->m : g->k;
    dnnl_sgemm(g->transpose_a ? 'T' : 'N', 'N', g->m, g->n, g->k, 1, g->a, lda, g->b, g->n, g->beta,
               g->c, g->n);
}

/* A primitive with memory objects whose data is set at each run. Its scratchpad is its own:
 * oneDNN's belongs to the thread that makes the primitive and is not there in another. */
struct pass {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t arg[MAX_ARGS]; /* the first is the scratchpad */
    int args;
    float *scratchpad; /* owned */
};

static void pass_release(struct pass *p)
{
    if (p->primitive)
        dnnl_primitive_destroy(p->primitive);
    for (int i = 0; i < p->args; i++)
        dnnl_memory_destroy(p->arg[i].memory);
    free(p->scratchpad);
}

static int pass_add(struct pass *p, int role, const dnnl_memory_desc_t *md)
{
    dnnl_memory_t memory;
    if (dnnl_memory_create(&memory, md, cpu_engine, DNNL_MEMORY_NONE) != dnnl_success)
        return -1;
    p->arg[p->args++] = (dnnl_exec_arg_t){role, memory};
    return 0;
}

static float *memory_of(const dnnl_memory_desc_t *md)
{
    return floats_raw((dnnl_memory_desc_get_size(md) + sizeof(float) - 1) / sizeof(float));
}

/* From a descriptor that was made with pass_attr(). */
static int pass_make(struct pass *p, const_dnnl_primitive_desc_t pd)
{
    const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    p->scratchpad = memory_of(md);
    if (!p->scratchpad || dnnl_primitive_create(&p->primitive, pd) != dnnl_success ||
        pass_add(p, DNNL_ARG_SCRATCHPAD, md))
        return -1;
    return dnnl_memory_set_data_handle(p->arg[0].memory, p->scratchpad) == dnnl_success ? 0 : -1;
}

/* NULL without memory. */
static dnnl_primitive_attr_t pass_attr(void)
{
    dnnl_primitive_attr_t attr;
    if (dnnl_primitive_attr_create(&attr) != dnnl_success)
        return NULL;
    if (dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user) == dnnl_success)
        return attr;
    dnnl_primitive_attr_destroy(attr);
    return NULL;
}

/* The data pointers come in the order of pass_add; oneDNN's interface takes them without const. */
static void pass_run(struct pass *p, const void *const *data)
{
    for (int i = 1; i < p->args; i++)
        dnnl_memory_set_data_handle(p->arg[i].memory, (void *)(uintptr_t)data[i - 1]);
    dnnl_primitive_execute(p->primitive, cpu_stream, p->args, p->arg);
    dnnl_stream_wait(cpu_stream);
}

static int reorder_make(struct pass *p, const dnnl_memory_desc_t *from,
                        const dnnl_memory_desc_t *to)
{
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_attr_t attr = pass_attr();
    int failed = !attr ||
                 dnnl_reorder_primitive_desc_create(&pd, from, cpu_engine, to, cpu_engine, attr) !=
                     dnnl_success ||
                 pass_make(p, pd) || pass_add(p, DNNL_ARG_FROM, from) ||
                 pass_add(p, DNNL_ARG_TO, to);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    return failed ? -1 : 0;
}

/* One side of a convolution: what the passes see, and the layout that they want it in. */
struct side {
    struct tensor tensor; /* its value is set at each use */
    float *plain; /* a copy in the plain layout, NULL where the passes take the tensor; owned */
};

struct conv {
    struct conv_shape shape;
    struct side x, y;
    bool alone;                /* the forward pass takes one picture at a time */
    struct pass *forward;      /* (forwards); owned */
    int forwards;              /* 1; alone: one a thread */
    struct pass data, weights; /* the backward passes; unused ones are empty */
    struct pass to_forward, to_data,
        from_weights; /* between the file's layout of weights and the passes' */
    float *forward_weights, *data_weights, *weights_gradient; /* in the passes' layouts; owned */
};

/* What all three passes share. */
struct conv_descs {
    bool last_resort; /* whatever oneDNN has will do */
    dnnl_memory_desc_t x, y, plain_weights, any_weights, bias, none;
    dnnl_dims_t strides, before, after;
};

static int tensor_desc(dnnl_memory_desc_t *md, int batch, struct nn_shape s, int block)
{
    dnnl_dims_t dims = {batch, s.channels, s.height, s.width};
    dnnl_format_tag_t tag = block == 16 ? dnnl_nChw16c : block == 8 ? dnnl_nChw8c : dnnl_nchw;
    return dnnl_memory_desc_init_by_tag(md, 4, dims, dnnl_f32, tag) == dnnl_success ? 0 : -1;
}

static int describe(struct conv_descs *d, const struct conv_shape *s)
{
    int g = s->groups;
    dnnl_dims_t grouped = {g, s->out.channels / g, s->in.channels / g, s->size, s->size};
    dnnl_dims_t bias = {s->out.channels};
    const dnnl_dim_t *dims = g > 1 ? grouped : grouped + 1;
    int ndims = g > 1 ? 5 : 4;
    if (tensor_desc(&d->x, s->batch, s->in, s->in_block) ||
        tensor_desc(&d->y, s->batch, s->out, s->out_block))
        return -1;
    dnnl_memory_desc_init_by_tag(&d->plain_weights, ndims, dims, dnnl_f32,
                                 g > 1 ? dnnl_goihw : dnnl_oihw);
    dnnl_memory_desc_init_by_tag(&d->any_weights, ndims, dims, dnnl_f32, dnnl_format_tag_any);
    dnnl_memory_desc_init_by_tag(&d->bias, 1, bias, dnnl_f32, dnnl_a);
    int in[2] = {s->in.height, s->in.width}, out[2] = {s->out.height, s->out.width};
    for (int i = 0; i < 2; i++) {
        d->strides[i] = s->stride;
        d->before[i] = s->pad;
        /* darknet rounds the output down; what the last window leaves over is negative padding to
         * oneDNN */
        d->after[i] = (out[i] - 1) * s->stride + s->size - in[i] - s->pad;
    }
    return 0;
}

/* oneDNN's kernels for blocks want them on both sides and whole in every group; for the rest it has
 * a reference implementation, hundreds of times slower than its matrix products on plain layouts.
 * Those, in turn, divide a batch's pixels among the threads, and at the ends of a part they round
 * differently: not for inference, where a picture's result must not depend on that. */
static bool suits(const_dnnl_primitive_desc_t pd, bool training)
{
    const char *name = "";
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name);
    return strncmp(name, "ref", 3) != 0 && (training || !strstr(name, "gemm"));
}

/* Takes attr over. NULL when there is no primitive, or none that suits. */
static dnnl_primitive_desc_t pass_desc(const struct conv *c, const struct conv_descs *d,
                                       const void *desc, dnnl_primitive_attr_t attr,
                                       const_dnnl_primitive_desc_t hint)
{
    dnnl_primitive_desc_t pd = NULL;
    if (!attr)
        return NULL;
    if (dnnl_primitive_desc_create(&pd, desc, attr, cpu_engine, hint) != dnnl_success)
        pd = NULL;
    dnnl_primitive_attr_destroy(attr);
    if (!pd || d->last_resort || suits(pd, c->shape.training))
        return pd;
    dnnl_primitive_desc_destroy(pd);
    return NULL;
}

/* Attributes with what is done to every value of the result. NULL without memory. */
static dnnl_primitive_attr_t forward_attr(const struct conv_shape *s)
{
    dnnl_primitive_attr_t attr = pass_attr();
    dnnl_post_ops_t post = NULL;
    if (!attr || !s->clip)
        return attr;
    int failed =
        dnnl_post_ops_create(&post) != dnnl_success ||
        dnnl_post_ops_append_eltwise(post, 1, dnnl_eltwise_relu, s->slope, 0) != dnnl_success ||
        dnnl_primitive_attr_set_post_ops(attr, post) != dnnl_success;
    if (post)
        dnnl_post_ops_destroy(post);
    if (!failed)
        return attr;
    dnnl_primitive_attr_destroy(attr);
    return NULL;
}

/* `*pd` is the caller's to destroy, on failure too. */
static int make_forward(struct conv *c, const struct conv_descs *d, dnnl_primitive_desc_t *pd)
{
    const struct conv_shape *s = &c->shape;
    dnnl_convolution_desc_t desc;
    dnnl_prop_kind_t kind = s->training ? dnnl_forward_training : dnnl_forward_inference;
    if (dnnl_convolution_forward_desc_init(&desc, kind, dnnl_convolution_direct, &d->x,
                                           &d->any_weights, s->bias ? &d->bias : NULL, &d->y,
                                           d->strides, d->before, d->after) != dnnl_success ||
        !(*pd = pass_desc(c, d, &desc, forward_attr(s), NULL)))
        return -1;
    const dnnl_memory_desc_t *weights = dnnl_primitive_desc_query_md(*pd, dnnl_query_weights_md, 0);
    c->forward_weights = memory_of(weights);
    c->forward = calloc((size_t)c->forwards, sizeof(*c->forward));
    if (!c->forward_weights || !c->forward)
        return -1;
    for (struct pass *p = c->forward; p < c->forward + c->forwards; p++)
        if (pass_make(p, *pd) || pass_add(p, DNNL_ARG_SRC, &d->x) ||
            pass_add(p, DNNL_ARG_WEIGHTS, weights) || pass_add(p, DNNL_ARG_DST, &d->y) ||
            (s->bias && pass_add(p, DNNL_ARG_BIAS, &d->bias)))
            return -1;
    return reorder_make(&c->to_forward, &d->plain_weights, weights);
}

static int make_backward_data(struct conv *c, const struct conv_descs *d,
                              const_dnnl_primitive_desc_t hint)
{
    dnnl_convolution_desc_t desc;
    dnnl_primitive_desc_t pd;
    if (dnnl_convolution_backward_data_desc_init(&desc, dnnl_convolution_direct, &d->x,
                                                 &d->any_weights, &d->y, d->strides, d->before,
                                                 d->after) != dnnl_success ||
        !(pd = pass_desc(c, d, &desc, pass_attr(), hint)))
        return -1;
    const dnnl_memory_desc_t *weights = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
    c->data_weights = memory_of(weights);
    int failed = !c->data_weights || pass_make(&c->data, pd) ||
                 pass_add(&c->data, DNNL_ARG_DIFF_DST, &d->y) ||
                 pass_add(&c->data, DNNL_ARG_WEIGHTS, weights) ||
                 pass_add(&c->data, DNNL_ARG_DIFF_SRC, &d->x) ||
                 reorder_make(&c->to_data, &d->plain_weights, weights);
    dnnl_primitive_desc_destroy(pd);
    return failed ? -1 : 0;
}

static int make_backward_weights(struct conv *c, const struct conv_descs *d,
                                 const_dnnl_primitive_desc_t hint)
{
    dnnl_convolution_desc_t desc;
    dnnl_primitive_desc_t pd;
    if (dnnl_convolution_backward_weights_desc_init(&desc, dnnl_convolution_direct, &d->x,
                                                    &d->any_weights, NULL, &d->y, d->strides,
                                                    d->before, d->after) != dnnl_success ||
        !(pd = pass_desc(c, d, &desc, pass_attr(), hint)))
        return -1;
    const dnnl_memory_desc_t *weights =
        dnnl_primitive_desc_query_md(pd, dnnl_query_diff_weights_md, 0);
    c->weights_gradient = memory_of(weights);
    int failed = !c->weights_gradient || pass_make(&c->weights, pd) ||
                 pass_add(&c->weights, DNNL_ARG_SRC, &d->x) ||
                 pass_add(&c->weights, DNNL_ARG_DIFF_DST, &d->y) ||
                 pass_add(&c->weights, DNNL_ARG_DIFF_WEIGHTS, weights) ||
                 reorder_make(&c->from_weights, weights, &d->plain_weights);
    dnnl_primitive_desc_destroy(pd);
    return failed ? -1 : 0;
}

static void destroy(void *kernel)
{
    struct conv *c = kernel;
    struct pass *all[] = {&c->data, &c->weights, &c->to_forward, &c->to_data, &c->from_weights};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        pass_release(all[i]);
    for (int i = 0; c->forward && i < c->forwards; i++)
        pass_release(&c->forward[i]);
    free(c->forward);
    free(c->forward_weights);
    free(c->data_weights);
    free(c->weights_gradient);
    free(c->x.plain);
    free(c->y.plain);
    free(c);
}

static int make_side(struct side *side, int batch, struct nn_shape shape, int block, bool plain)
{
    side->tensor = (struct tensor){.batch = batch, .shape = shape, .block = block, .slot = -1};
    if (!plain || block == 1)
        return 0;
    side->plain = floats_new(tensor_values(&side->tensor));
    return side->plain ? 0 : -1;
}

static int make_passes(struct conv *c, const struct conv_shape *s, bool last_resort)
{
    struct conv_descs d = {.last_resort = last_resort};
    dnnl_primitive_desc_t hint = NULL;
    int failed = describe(&d, s) || make_forward(c, &d, &hint) ||
                 (s->input_gradient && make_backward_data(c, &d, hint)) ||
                 (s->training && make_backward_weights(c, &d, hint));
    if (hint)
        dnnl_primitive_desc_destroy(hint);
    return failed ? -1 : 0;
}

/* In the layouts of the tensors; as a last resort in plain ones, and then inference takes picture
 * by picture, each in one thread. */
static struct conv *make(const struct conv_shape *s, bool last_resort)
{
    struct conv *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    struct conv_shape inner = *s;
    int threads = omp_get_max_threads();
    c->shape = *s;
    c->alone = last_resort && !s->training;
    c->forwards = c->alone ? threads : 1;
    if (last_resort)
        inner.in_block = inner.out_block = 1;
    if (c->alone) {
        inner.batch = 1;
        omp_set_num_threads(1); /* a primitive is made for so many */
    }
    int failed = make_side(&c->x, s->batch, s->in, s->in_block, last_resort) ||
                 make_side(&c->y, s->batch, s->out, s->out_block, last_resort) ||
                 make_passes(c, &inner, last_resort);
    omp_set_num_threads(threads);
    if (!failed)
        return c;
    destroy(c);
    return NULL;
}

static void *create(const struct conv_shape *s, struct err *e)
{
    pthread_once(&cpu_once, make_cpu);
    if (!cpu_stream)
        return err_null(e, "oneDNN cannot use this CPU");
    struct conv *c = make(s, false);
    if (!c)
        c = make(s, true);
    if (c)
        return c;
    return err_null(
        e, "oneDNN has no convolution of %dx%d, stride %d, %d to %d channels in %d groups on %dx%d",
        s->size, s->size, s->stride, s->in.channels, s->out.channels, s->groups, s->in.width,
        s->in.height);
}

static void set_weights(void *kernel, const float *weights)
{
    struct conv *c = kernel;
    pass_run(&c->to_forward, (const void *[]){weights, c->forward_weights});
    if (c->data_weights)
        pass_run(&c->to_data, (const void *[]){weights, c->data_weights});
}

/* What a pass reads for the tensor at `value`. */
static const float *side_read(struct side *s, const float *value)
{
    if (!s->plain)
        return value;
    s->tensor.value = (float *)(uintptr_t)value; /* is only read */
    tensor_to_plain(&s->tensor, s->plain);
    return s->plain;
}

/* Where a pass writes it, and what is done behind the pass. */
static float *side_written(struct side *s, float *value)
{
    return s->plain ? s->plain : value;
}

static void side_finish(struct side *s, float *value)
{
    s->tensor.value = value;
    if (s->plain)
        tensor_from_plain(&s->tensor, s->plain);
}

static void forward_alone(struct conv *c, const float *x, const float *bias, float *y)
{
    const size_t in = nn_shape_values(c->shape.in), out = nn_shape_values(c->shape.out);
#pragma omp parallel for num_threads(c->forwards)
    for (int n = 0; n < c->shape.batch; n++)
        pass_run(
            &c->forward[omp_get_thread_num()],
            (const void *[]){x + (size_t)n * in, c->forward_weights, y + (size_t)n * out, bias});
}

static void forward(void *kernel, const float *x, const float *bias, float *y)
{
    struct conv *c = kernel;
    const float *in = side_read(&c->x, x);
    float *out = side_written(&c->y, y);
    if (c->alone)
        forward_alone(c, in, bias, out);
    else
        pass_run(c->forward, (const void *[]){in, c->forward_weights, out, bias});
    side_finish(&c->y, y);
}

static void backward_data(void *kernel, const float *dy, float *dx)
{
    struct conv *c = kernel;
    const float *out = side_read(&c->y, dy);
    pass_run(&c->data, (const void *[]){out, c->data_weights, side_written(&c->x, dx)});
    side_finish(&c->x, dx);
}

static void backward_weights(void *kernel, const float *x, const float *dy, float *dw)
{
    struct conv *c = kernel;
    const float *in = side_read(&c->x, x), *out = side_read(&c->y, dy);
    pass_run(&c->weights, (const void *[]){in, out, c->weights_gradient});
    pass_run(&c->from_weights, (const void *[]){c->weights_gradient, dw});
}

static bool fits(const struct conv_shape *s)
{
    (void)s;
    return true;
}

const struct conv_kernels CONV_DNNL = {
    .name = "oneDNN",
    .fits = fits,
    .create = create,
    .set_weights = set_weights,
    .forward = forward,
    .backward_data = backward_data,
    .backward_weights = backward_weights,
    .destroy = destroy,
};
