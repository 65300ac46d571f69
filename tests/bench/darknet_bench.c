/* Times libdarknet on random pictures, for scripts/bench-peers.
 *
 * usage: darknet_bench CFG train|infer
 *
 * Prints `ready` once the network stands and one batch has gone through it. Then each line on
 * standard input is a number of seconds, answered by a line with the pictures a second of whole
 * batches over at least that time. The batch is the cfg's. A step of training is what darknet's own
 * `train_network` does with a batch once it is loaded: forward, backward, update.
 *
 * libdarknet ends the program on a bad cfg, which is right for this one. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "darknet.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Numerical Recipes' generator: only the spread of the values matters. */
static uint32_t random_bits(void)
{
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

/* Fresh pictures and labels for every step, so that training never gets to the end of what there is
 * to learn and into the slow arithmetic of vanishing gradients. */
static void fill_batch(network *net)
{
    const int values = net->inputs * net->batch;
    for (int i = 0; i < values; i++)
        net->input[i] = (float)random_bits() / (float)(1 << 24);
    if (!net->truth)
        return;
    memset(net->truth, 0, sizeof(float) * (size_t)net->truths * (size_t)net->batch);
    for (int i = 0; i < net->batch; i++)
        net->truth[i * net->truths + (int)(random_bits() % (uint32_t)net->truths)] = 1;
}

static void step(network *net, bool train)
{
    if (train)
        train_network_datum(net);
    else
        network_predict(net, net->input);
}

/* Pictures a second; making the pictures is not part of the time. */
static double measure(network *net, bool train, double seconds)
{
    double spent = 0;
    long pictures = 0;
    do {
        fill_batch(net);
        const double start = now();
        step(net, train);
        spent += now() - start;
        pictures += net->batch;
    } while (spent < seconds);
    return (double)pictures / spent;
}

int main(int argc, char **argv)
{
    if (argc != 3 || (strcmp(argv[2], "train") != 0 && strcmp(argv[2], "infer") != 0)) {
        fprintf(stderr, "usage: darknet_bench CFG train|infer\n");
        return 2;
    }
    const bool train = strcmp(argv[2], "train") == 0;

    /* libdarknet prints to standard output when it likes to; the answers keep theirs. */
    FILE *answers = fdopen(dup(STDOUT_FILENO), "w");
    if (!answers || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        perror("darknet_bench");
        return 1;
    }
    network *net = parse_network_cfg(argv[1]);
    fill_batch(net);
    step(net, train);
    fprintf(answers, "ready\n");
    fflush(answers);

    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        fprintf(answers, "%.2f\n", measure(net, train, strtod(line, NULL)));
        fflush(answers);
    }
    return 0;
}
