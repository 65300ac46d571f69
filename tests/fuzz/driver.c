/* Feeds a fuzz target with mutated seeds, without any fuzzing library: gcc's sanitizers are enough.
 *
 *   fuzz_x [ITERATIONS [SECONDS]]    20,000 inputs, but no longer than 60 seconds
 *   fuzz_x --seconds SECONDS         as many inputs as fit
 *   fuzz_x --only NUMBER             the one input of that number again, as after a crash
 *   fuzz_x FILE...                   these files, as they are
 *
 * Input NUMBER depends on nothing but NUMBER and the seeds: the first ones are the seeds
 * themselves, each later one is a seed changed by bit flips, new bytes, cuts, inserts and pieces of
 * other seeds. What a crash, a hang or an abort was about is named on standard error. Speaks TAP.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/rng.h"

/* What is tried: the target. Returns 0; anything wrong ends the program. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes valid input `i` to the buffer and returns its size; 0 behind the last one. Optional:
 * without it the inputs grow out of random bytes. */
__attribute__((weak)) size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity);

/* The sanitizers' hook before they end the program. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

enum {
    MAX_SIZE = 1 << 16,
    MAX_SEEDS = 256,
    MAX_CHANGES = 16,
    SECONDS_PER_INPUT = 30,
    RANDOM_SEED = 1,
    RANDOM_STREAM = 1,
};

struct input {
    uint8_t bytes[MAX_SIZE];
    size_t size;
};

struct seeds {
    struct input *input; /* owned */
    int count;
};

struct plan {
    long first, count;
    double seconds;
};

/* ---- reports --------------------------------------------------------------------------------- */

static volatile long current_number;
static volatile bool is_over; /* a leak is found behind the last input */

static void name_input(void)
{
    if (is_over)
        return;
    char text[80];
    const int length = snprintf(text, sizeof(text), "# that was input %ld (--only %ld)\n",
                                current_number, current_number);
    if (write(STDERR_FILENO, text, (size_t)length) < 0)
        return;
}

static void on_signal(int number)
{
    static const char TOO_LONG[] = "# an input took too long\n";
    if (number == SIGALRM && write(STDERR_FILENO, TOO_LONG, sizeof(TOO_LONG) - 1) < 0)
        _exit(99);
    name_input();
    signal(number, SIG_DFL);
    raise(number);
}

static void watch_for_deaths(void)
{
    signal(SIGALRM, on_signal);
    signal(SIGABRT, on_signal);
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(name_input);
        return;
    }
    signal(SIGSEGV, on_signal);
    signal(SIGBUS, on_signal);
    signal(SIGFPE, on_signal);
}

/* ---- mutation -------------------------------------------------------------------------------- */

static size_t below(struct rng *r, size_t n)
{
    return (size_t)rng_below(r, n);
}

/* A position to change and a length from there on that fits; mostly short. */
static size_t pick_range(struct rng *r, const struct input *in, size_t *length)
{
    const size_t at = below(r, in->size), most = in->size - at;
    const size_t short_most = most < 16 ? most : 16;
    *length = 1 + below(r, rng_below(r, 4) ? short_most : most);
    return at;
}

static void insert(struct input *in, size_t at, const uint8_t *bytes, size_t length)
{
    if (length > MAX_SIZE - in->size)
        length = MAX_SIZE - in->size;
    memmove(in->bytes + at + length, in->bytes + at, in->size - at);
    memcpy(in->bytes + at, bytes, length);
    in->size += length;
}

static void change_bytes(struct rng *r, struct input *in)
{
    static const uint8_t EDGES[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff, '\n', '0', ' ', '-'};
    size_t length;
    const size_t at = pick_range(r, in, &length);
    const int kind = (int)rng_below(r, 4);
    const uint8_t same = EDGES[below(r, sizeof(EDGES))];
    if (kind == 0)
        in->bytes[at] ^= (uint8_t)(1u << rng_below(r, 8));
    else if (kind == 1)
        in->bytes[at] = (uint8_t)(in->bytes[at] + rng_below(r, 17) - 8);
    else
        for (size_t i = at; i < at + (length < 4 ? length : 4); i++)
            in->bytes[i] = kind == 2 ? same : (uint8_t)rng_next(r);
}

static void cut(struct rng *r, struct input *in)
{
    size_t length;
    const size_t at = pick_range(r, in, &length);
    if (rng_below(r, 4) == 0) {
        in->size = at;
        return;
    }
    memmove(in->bytes + at, in->bytes + at + length, in->size - at - length);
    in->size -= length;
}

static void insert_noise(struct rng *r, struct input *in)
{
    uint8_t noise[64];
    const size_t length = 1 + below(r, sizeof(noise));
    const bool same = rng_below(r, 2);
    const uint8_t byte = (uint8_t)rng_next(r);
    for (size_t i = 0; i < length; i++)
        noise[i] = same ? byte : (uint8_t)rng_next(r);
    insert(in, below(r, in->size + 1), noise, length);
}

/* A piece of a seed put in, or put over what is there. */
static void splice(struct rng *r, struct input *in, const struct input *from)
{
    size_t length;
    if (from->size == 0)
        return;
    const size_t piece = pick_range(r, from, &length), at = below(r, in->size + 1);
    if (rng_below(r, 2)) {
        insert(in, at, from->bytes + piece, length);
        return;
    }
    const size_t room = in->size - at;
    memcpy(in->bytes + at, from->bytes + piece, length < room ? length : room);
}

static void mutate(struct rng *r, struct input *in, const struct seeds *seeds)
{
    for (size_t changes = 1 + below(r, 1 + below(r, MAX_CHANGES)); changes > 0; changes--) {
        const uint64_t kind = rng_below(r, 8);
        if (kind == 0 || in->size == 0)
            insert_noise(r, in);
        else if (kind == 1)
            cut(r, in);
        else if (kind == 2)
            splice(r, in, &seeds->input[below(r, (size_t)seeds->count)]);
        else
            change_bytes(r, in);
    }
}

/* ---- runs ------------------------------------------------------------------------------------ */

/* A copy of just this size: a sanitizer sees the first byte read beyond it. */
static void try_bytes(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, bytes, size);
    alarm(SECONDS_PER_INPUT);
    LLVMFuzzerTestOneInput(copy, size);
    alarm(0);
    free(copy);
}

static void collect_seeds(struct seeds *seeds)
{
    seeds->input = malloc(MAX_SEEDS * sizeof(*seeds->input));
    if (!seeds->input)
        abort();
    for (int i = 0; fuzz_seed && i < MAX_SEEDS; i++) {
        struct input *in = &seeds->input[i];
        in->size = fuzz_seed(i, in->bytes, sizeof(in->bytes));
        if (in->size == 0)
            break;
        seeds->count++;
    }
    if (seeds->count == 0) {
        seeds->input[0].size = 0;
        seeds->count = 1;
    }
}

static void try_number(long number, const struct seeds *seeds, struct input *in)
{
    struct rng r;
    rng_init(&r, RANDOM_SEED, RANDOM_STREAM, (uint64_t)number);
    const bool plain = number < seeds->count;
    const struct input *seed =
        &seeds->input[plain ? (size_t)number : below(&r, (size_t)seeds->count)];
    in->size = seed->size;
    memcpy(in->bytes, seed->bytes, seed->size);
    if (!plain)
        mutate(&r, in, seeds);
    current_number = number;
    try_bytes(in->bytes, in->size);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int run_plan(const char *target, const struct plan *plan)
{
    static struct input in;
    struct seeds seeds = {NULL, 0};
    collect_seeds(&seeds);
    watch_for_deaths();
    const double begin = now();
    long done = 0;
    while (done < plan->count && now() - begin < plan->seconds)
        try_number(plan->first + done++, &seeds, &in);
    is_over = true;
    printf("1..1\nok 1 - %s\n# %ld inputs from %d seeds in %.1f s\n", target, done, seeds.count,
           now() - begin);
    free(seeds.input);
    return 0;
}

static int run_files(const char *target, char **paths, int count)
{
    printf("1..1\n");
    for (int i = 0; i < count; i++) {
        struct err e;
        char *bytes;
        size_t size;
        if (file_read(paths[i], (size_t)1 << 30, &bytes, &size, &e)) {
            printf("not ok 1 - %s: %s\n", target, e.text);
            return 1;
        }
        try_bytes((const uint8_t *)bytes, size);
        free(bytes);
    }
    printf("ok 1 - %s: %d files\n", target, count);
    return 0;
}

static bool is_number(const char *text, long *value)
{
    return parse_long(text, 0, INT32_MAX, value) == 0;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/'), *target = slash ? slash + 1 : argv[0];
    struct plan plan = {0, 20000, 60};
    long number;
    if (argc == 3 && strcmp(argv[1], "--seconds") == 0 && is_number(argv[2], &number)) {
        plan.count = INT32_MAX;
        plan.seconds = (double)number;
    } else if (argc == 3 && strcmp(argv[1], "--only") == 0 && is_number(argv[2], &number)) {
        plan.first = number;
        plan.count = 1;
    } else if (argc > 1 && argc <= 3 && is_number(argv[1], &plan.count)) {
        if (argc == 3 && !is_number(argv[2], &number)) {
            fprintf(stderr, "usage: %s [ITERATIONS [SECONDS]]\n", target);
            return 2;
        }
        if (argc == 3)
            plan.seconds = (double)number;
    } else if (argc > 1) {
        return run_files(target, argv + 1, argc - 1);
    }
    return run_plan(target, &plan);
}
