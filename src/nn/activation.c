/* darknet's activation functions; see activation.h. */
#include "nn/activation.h"

#include <math.h>
#include <string.h>

#include "nn/simd.h"

static const char *const NAMES[ACT_COUNT] = {
    [ACT_LINEAR] = "linear",     [ACT_RELU] = "relu",       [ACT_LEAKY] = "leaky",
    [ACT_LOGISTIC] = "logistic", [ACT_TANH] = "tanh",       [ACT_ELU] = "elu",
    [ACT_SELU] = "selu",         [ACT_LOGGY] = "loggy",     [ACT_RELIE] = "relie",
    [ACT_RAMP] = "ramp",         [ACT_HARDTAN] = "hardtan", [ACT_LHTAN] = "lhtan",
    [ACT_PLSE] = "plse",         [ACT_STAIR] = "stair",
};

int activation_parse(struct layer_parser *p, const char *fallback, enum activation *act)
{
    const char *name = cfg_word(p->section, "activation", fallback);
    for (int i = 0; i < ACT_COUNT; i++)
        if (strcmp(name, NAMES[i]) == 0) {
            *act = (enum activation)i;
            return 0;
        }
    return err_set(p->e, "%s:%d: unknown activation '%s' in [%s]", p->cfg->path,
                   cfg_line(p->section, "activation"), name, p->section->name);
}

static float forward_one(enum activation act, float x)
{
    switch (act) {
    case ACT_LOGISTIC:
        return 1 / (1 + expf(-x));
    case ACT_TANH:
        return tanhf(x);
    case ACT_ELU:
        return x >= 0 ? x : expm1f(x);
    case ACT_SELU:
        return x >= 0 ? 1.0507f * x : 1.0507f * 1.6732f * expm1f(x);
    case ACT_LOGGY:
        return 2 / (1 + expf(-x)) - 1;
    case ACT_RELIE:
        return x > 0 ? x : .01f * x;
    case ACT_RAMP:
        return (x > 0 ? x : 0) + .1f * x;
    case ACT_HARDTAN:
        return x < -1 ? -1 : x > 1 ? 1 : x;
    case ACT_LHTAN:
        return x < 0 ? .001f * x : x > 1 ? .001f * (x - 1) + 1 : x;
    case ACT_PLSE:
        return x < -4 ? .01f * (x + 4) : x > 4 ? .01f * (x - 4) + 1 : .125f * x + .5f;
    case ACT_STAIR: {
        float floor = floorf(x), half = floorf(x / 2);
        return fmodf(floor, 2) == 0 ? half : x - floor + half;
    }
    default:
        return x;
    }
}

/* darknet has only the output at hand, so its slope is a function of that, exact or not. */
static float slope_one(enum activation act, float y)
{
    switch (act) {
    case ACT_LOGISTIC:
        return y * (1 - y);
    case ACT_TANH:
        return 1 - y * y;
    case ACT_ELU:
        return y >= 0 ? 1 : y + 1;
    case ACT_SELU:
        return y >= 0 ? 1.0507f : y + 1.0507f * 1.6732f;
    case ACT_LOGGY: {
        float s = (y + 1) / 2;
        return 2 * (1 - s) * s;
    }
    case ACT_RELIE:
        return y > 0 ? 1 : .01f;
    case ACT_RAMP:
        return (y > 0 ? 1 : 0) + .1f;
    case ACT_HARDTAN:
        return y > -1 && y < 1 ? 1 : 0;
    case ACT_LHTAN:
        return y > 0 && y < 1 ? 1 : .001f;
    case ACT_PLSE:
        return y < 0 || y > 1 ? .01f : .125f;
    case ACT_STAIR:
        return floorf(y) == y ? 0 : 1;
    default:
        return 1;
    }
}

void activation_forward(enum activation act, float *y, size_t count)
{
    if (act == ACT_LINEAR)
        return;
    if (act == ACT_RELU || act == ACT_LEAKY) {
        simd()->leaky(y, count, act == ACT_RELU ? 0 : .1f);
        return;
    }
    for (size_t i = 0; i < count; i++)
        y[i] = forward_one(act, y[i]);
}

void activation_backward(enum activation act, const float *y, float *dy, size_t count)
{
    if (act == ACT_LINEAR)
        return;
    if (act == ACT_RELU || act == ACT_LEAKY) {
        simd()->leaky_backward(y, dy, count, act == ACT_RELU ? 0 : .1f);
        return;
    }
    for (size_t i = 0; i < count; i++)
        dy[i] *= slope_one(act, y[i]);
}

void activation_forward_tensor(enum activation act, struct tensor *y)
{
    size_t picture = nn_shape_values(y->shape);
    if (act == ACT_LINEAR)
        return;
#pragma omp parallel for
    for (int n = 0; n < y->batch; n++)
        activation_forward(act, y->value + (size_t)n * picture, picture);
}

void activation_backward_tensor(enum activation act, const struct tensor *y, struct tensor *dy)
{
    size_t picture = nn_shape_values(y->shape);
    if (act == ACT_LINEAR)
        return;
#pragma omp parallel for
    for (int n = 0; n < y->batch; n++)
        activation_backward(act, y->value + (size_t)n * picture, dy->value + (size_t)n * picture,
                            picture);
}
