/* The whole of FER-2013, where it is at hand: its known counts, and the time to read it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fer.h"

#define CSV "../shared/data/fer2013.csv.gz"
#define SPLITS 3
#define SECONDS 20 /* a bound for a slow, busy machine; a core needs about two */

static const unsigned SPLIT[SPLITS] = {SPLIT_TRAINING, SPLIT_PUBLIC_TEST, SPLIT_PRIVATE_TEST};

/* Pictures by split and class (Goodfellow et al. 2013; counted in the official file). */
static const size_t COUNT[SPLITS][FER_CLASSES] = {{3995, 436, 4097, 7215, 4830, 3171, 4965},
                                                  {467, 56, 496, 895, 653, 415, 607},
                                                  {491, 55, 528, 879, 594, 416, 626}};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void read_splits(struct dataset *d, unsigned splits)
{
    struct names names;
    struct err e = {""};
    assert_int_equal(names_init_fer(&names, &e), 0);
    if (dataset_read_fer_csv(d, CSV, splits, &names, &e))
        fail_msg("%s", e.text);
    names_release(&names);
}

static void test_every_split_and_class_has_its_count(void **state)
{
    (void)state;
    struct dataset d;
    size_t count[SPLITS][FER_CLASSES] = {{0}};
    const double start = now();
    read_splits(&d, SPLIT_TRAINING | SPLIT_PUBLIC_TEST | SPLIT_PRIVATE_TEST);
    const double seconds = now() - start;
    print_message("# %zu pictures in %.2f s\n", d.count, seconds);
    assert_true(seconds < SECONDS);
    assert_int_equal(d.count, 35887);
    for (size_t i = 0; i < d.count; i++)
        for (int s = 0; s < SPLITS; s++)
            count[s][d.label[i]] += d.split[i] == SPLIT[s];
    for (int s = 0; s < SPLITS; s++)
        for (int k = 0; k < FER_CLASSES; k++)
            assert_int_equal(count[s][k], COUNT[s][k]);
    dataset_release(&d);
}

static void test_one_split_is_read_alone(void **state)
{
    (void)state;
    struct dataset d;
    read_splits(&d, SPLIT_PUBLIC_TEST);
    assert_int_equal(d.count, 3589);
    dataset_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_split_and_class_has_its_count),
        cmocka_unit_test(test_one_split_is_read_alone),
    };
    if (access(CSV, R_OK)) {
        puts("1..0 # SKIP no ../shared/data");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
