/* Temperature scaling; see calibrate.h.
 *
 * A softmax's log-probabilities are its logits but for a number that all classes of a picture
 * share, so they stand in for them: under the temperature T the probabilities are p^(1/T),
 * normalised. The loss is convex in b = 1/T, and its slope, the mean over the pictures of
 * E[log p] - log p(label) with E under b, rises with b: its zero is found by bisection. */
#include "fer/calibrate.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define HALVINGS 40
#define DECIMALS 1e4

/* Pictures as logits. */
struct sample {
    const unsigned char *label; /* (n); borrowed */
    double *logit;              /* (n, classes), at most 0; owned */
    size_t n, classes;
};

static int sample_init(struct sample *s, const float *probabilities, struct err *e)
{
    s->logit = calloc(s->n, s->classes * sizeof(*s->logit));
    if (!s->logit)
        return err_memory(e);
    for (size_t i = 0; i < s->n * s->classes; i++)
        s->logit[i] = log((double)fmaxf(probabilities[i], FLT_MIN));
    return 0;
}

/* The mean loss at `inverse` = 1/T, and its slope by `inverse`. */
static double mean_loss(const struct sample *s, double inverse, double *slope)
{
    double loss = 0, rise = 0;
    for (size_t i = 0; i < s->n; i++) {
        const double *z = s->logit + i * s->classes, truth = z[s->label[i]];
        double largest = z[0], sum = 0, weighted = 0;
        for (size_t k = 1; k < s->classes; k++)
            largest = fmax(largest, z[k]);
        for (size_t k = 0; k < s->classes; k++) {
            const double likelihood = exp(inverse * (z[k] - largest));
            sum += likelihood;
            weighted += likelihood * z[k];
        }
        loss += log(sum) + inverse * (largest - truth);
        rise += weighted / sum - truth;
    }
    *slope = rise / (double)s->n;
    return loss / (double)s->n;
}

/* Halves the range of log(1/T). */
static double find_temperature(const struct sample *s)
{
    double low = -log(TEMPERATURE_MAX), high = -log(TEMPERATURE_MIN), slope;
    for (int i = 0; i < HALVINGS; i++) {
        const double middle = (low + high) / 2;
        mean_loss(s, exp(middle), &slope);
        if (slope < 0)
            low = middle;
        else
            high = middle;
    }
    return round(DECIMALS * exp(-(low + high) / 2)) / DECIMALS;
}

int calibration_fit(struct calibration *c, const unsigned char *label, const float *probabilities,
                    size_t n, int classes, struct err *e)
{
    struct sample s = {.label = label, .n = n, .classes = (size_t)classes};
    double slope;
    if (n == 0)
        return err_set(e, "there is no picture to fit a temperature on");
    if (sample_init(&s, probabilities, e))
        return -1;
    c->temperature = find_temperature(&s);
    c->loss_before = mean_loss(&s, 1, &slope);
    c->loss_after = mean_loss(&s, 1 / c->temperature, &slope);
    free(s.logit);
    return 0;
}
