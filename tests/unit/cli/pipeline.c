/* The pipeline: order, completeness, bounds, and every way to end early. */
#include "cli/pipeline.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"

enum { COUNT = 500 };

struct item {
    size_t number;
    void *memory; /* to be released once */
};

struct job {
    int threads;
    size_t stop_at;      /* finish asks for the end here */
    size_t interrupt_at; /* an interruption comes while this one is prepared */
    atomic_int prepared[COUNT];
    atomic_size_t finished; /* so far */
    atomic_size_t farthest; /* that was prepared before the one to be finished next */
    atomic_bool wrong;      /* what another thread saw */
};

static atomic_int alive; /* items prepared and not released */

static void prepare(void *context, int worker, size_t number, void *memory)
{
    struct job *j = context;
    struct item *item = memory;
    if (item->memory || worker < 0 || worker >= j->threads)
        j->wrong = true;
    if (number - j->finished > j->farthest)
        j->farthest = number - j->finished;
    j->prepared[number]++;
    item->number = number;
    item->memory = malloc(1);
    alive++;
    if (number % 7 == 0)
        usleep(200);
    if (number == j->interrupt_at)
        interrupted = 2;
}

static void release(void *memory)
{
    struct item *item = memory;
    free(item->memory);
    alive--;
}

static int finish(void *context, size_t number, void *memory)
{
    struct job *j = context;
    struct item *item = memory;
    assert_int_equal(number, j->finished);
    assert_int_equal(item->number, number);
    release(item);
    j->finished++;
    return number == j->stop_at ? -1 : 0;
}

static void run(struct job *j, int threads, size_t count)
{
    struct err e = {""};
    j->threads = threads;
    const struct pipeline p = {.count = count,
                               .item_size = sizeof(struct item),
                               .threads = threads,
                               .prepare = prepare,
                               .finish = finish,
                               .discard = release,
                               .context = j};
    alive = 0;
    assert_int_equal(pipeline_run(&p, &e), 0);
    interrupted = 0;
    assert_int_equal(alive, 0);
    assert_false(j->wrong);
    assert_true(j->farthest < PIPELINE_AHEAD);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(j->prepared[i] <= 1);
}

static const struct job PLAIN = {.stop_at = SIZE_MAX, .interrupt_at = SIZE_MAX};

static void test_all_items_are_finished_once_and_in_order(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 5; threads++) {
        struct job j = PLAIN;
        run(&j, threads, COUNT);
        assert_int_equal(j.finished, COUNT);
        for (size_t i = 0; i < COUNT; i++)
            assert_int_equal(j.prepared[i], 1);
    }
}

static void test_few_items_and_none_are_fine(void **state)
{
    (void)state;
    for (size_t count = 0; count < 4; count++) {
        struct job j = PLAIN;
        run(&j, 3, count);
        assert_int_equal(j.finished, count);
    }
}

static void test_finish_can_end_the_work(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        struct job j = PLAIN;
        j.stop_at = 100;
        run(&j, threads, COUNT);
        assert_int_equal(j.finished, 101);
        assert_int_equal(j.prepared[COUNT - 1], 0);
    }
}

static void test_an_interruption_completes_what_was_begun(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        struct job j = PLAIN;
        j.interrupt_at = 50;
        run(&j, threads, COUNT);
        assert_true(j.finished >= 51);
        assert_true(j.finished <= 51 + PIPELINE_AHEAD);
        assert_int_equal(j.prepared[COUNT - 1], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_items_are_finished_once_and_in_order),
        cmocka_unit_test(test_few_items_and_none_are_fine),
        cmocka_unit_test(test_finish_can_end_the_work),
        cmocka_unit_test(test_an_interruption_completes_what_was_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
