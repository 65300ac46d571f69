/* Measures of a classifier: accuracy with its interval, recall, precision and F1 by class, log
 * loss, calibration. */
#include "fer.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NORMAL_95 1.959963984540054 /* two-sided 95 % quantile of the normal distribution */

/* A float that should be at most 1 may be a rounding above it. */
#define PROBABILITY_LIMIT 1.001f

void metrics_release(struct metrics *m)
{
    free(m->confusion);
    free(m->truths);
    free(m->precision);
    free(m->recall);
    free(m->f1);
    memset(m, 0, sizeof(*m));
}

/* Wilson's score interval (Wilson 1927). It never leaves [0, 1] and is honest at 0 and n hits. */
void wilson_interval(size_t hits, size_t n, double *low, double *high)
{
    *low = 0;
    *high = 1;
    if (n == 0)
        return;
    const double count = (double)n, p = (double)hits / count, z2 = NORMAL_95 * NORMAL_95;
    const double centre = p + z2 / (2 * count);
    const double spread = NORMAL_95 * sqrt(p * (1 - p) / count + z2 / (4 * count * count));
    /* At no hits and at all hits a bound is exact, not a rounding beside it. */
    if (hits > 0)
        *low = (centre - spread) / (1 + z2 / count);
    if (hits < n)
        *high = (centre + spread) / (1 + z2 / count);
}

static int check(const unsigned char *label, const float *probabilities, size_t n, int classes,
                 struct err *e)
{
    if (n == 0 || classes < 1)
        return err_set(e, "nothing to measure: %zu pictures, %d classes", n, classes);
    for (size_t i = 0; i < n; i++) {
        if (label[i] >= classes)
            return err_set(e, "picture %zu has the label %d, the classes are %d", i, label[i],
                           classes);
        for (int k = 0; k < classes; k++) {
            float p = probabilities[i * (size_t)classes + (size_t)k];
            if (!(p >= 0 && p <= PROBABILITY_LIMIT))
                return err_set(e, "picture %zu has the probability %g of class %d", i, (double)p,
                               k);
        }
    }
    return 0;
}

static int allocate(struct metrics *m, int classes, struct err *e)
{
    const size_t k = (size_t)classes;
    memset(m, 0, sizeof(*m));
    m->confusion = calloc(k * k, sizeof(*m->confusion));
    m->truths = calloc(k, sizeof(*m->truths));
    m->precision = calloc(k, sizeof(*m->precision));
    m->recall = calloc(k, sizeof(*m->recall));
    m->f1 = calloc(k, sizeof(*m->f1));
    if (m->confusion && m->truths && m->precision && m->recall && m->f1)
        return 0;
    metrics_release(m);
    return err_memory(e);
}

int top_class(const float *probabilities, int classes)
{
    int best = 0;
    for (int k = 1; k < classes; k++)
        if (probabilities[k] > probabilities[best])
            best = k;
    return best;
}

/* Bin m of M holds the probabilities in ((m-1)/M, m/M] (Guo et al. 2017, equation 2). */
static struct metrics_bin *find_bin(struct metrics_bin *bins, double probability)
{
    int i = (int)ceil(probability * METRICS_BINS) - 1;
    return &bins[i < 0 ? 0 : i < METRICS_BINS ? i : METRICS_BINS - 1];
}

/* Fills the confusion matrix, the log loss and the calibration error; returns the number of right
 * predictions. */
static size_t count_pictures(struct metrics *m, const unsigned char *label,
                             const float *probabilities)
{
    const size_t classes = (size_t)m->classes;
    size_t hits = 0;
    double loss = 0;
    for (size_t i = 0; i < m->n; i++) {
        const float *probability = probabilities + i * classes;
        const int predicted = top_class(probability, m->classes);
        const bool hit = predicted == label[i];
        struct metrics_bin *bin = find_bin(m->bin, (double)probability[predicted]);
        bin->n++;
        bin->hits += hit;
        bin->confidence += (double)probability[predicted];
        hits += hit;
        m->confusion[label[i] * classes + (size_t)predicted]++;
        /* A probability that was rounded to 0 must not make the mean infinite. */
        loss -= log(fmax((double)probability[label[i]], (double)FLT_MIN));
    }
    for (int b = 0; b < METRICS_BINS; b++)
        m->ece += fabs((double)m->bin[b].hits - m->bin[b].confidence) / (double)m->n;
    m->log_loss = loss / (double)m->n;
    return hits;
}

static double ratio(size_t part, size_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

/* Precision, recall and F1 from the confusion matrix, and their means over the classes that occur.
 */
static void measure_classes(struct metrics *m)
{
    const size_t classes = (size_t)m->classes;
    int occur = 0;
    for (size_t k = 0; k < classes; k++) {
        size_t predictions = 0, hits = m->confusion[k * classes + k];
        for (size_t other = 0; other < classes; other++) {
            m->truths[k] += m->confusion[k * classes + other];
            predictions += m->confusion[other * classes + k];
        }
        m->recall[k] = ratio(hits, m->truths[k]);
        m->precision[k] = ratio(hits, predictions);
        m->f1[k] = ratio(2 * hits, m->truths[k] + predictions);
        if (m->truths[k] > 0) {
            occur++;
            m->balanced_accuracy += m->recall[k];
            m->macro_f1 += m->f1[k];
        }
    }
    m->balanced_accuracy /= occur;
    m->macro_f1 /= occur;
}

int metrics_compute(struct metrics *m, const unsigned char *label, const float *probabilities,
                    size_t n, int classes, struct err *e)
{
    memset(m, 0, sizeof(*m));
    if (check(label, probabilities, n, classes, e) || allocate(m, classes, e))
        return -1;
    m->n = n;
    m->classes = classes;
    const size_t hits = count_pictures(m, label, probabilities);
    m->accuracy = ratio(hits, n);
    wilson_interval(hits, n, &m->low, &m->high);
    measure_classes(m);
    return 0;
}
