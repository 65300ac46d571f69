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
    size_t count;        /* items that the source has */
    size_t taken;        /* so far */
    size_t burst;        /* items after which it is dry; 0: it never is */
    size_t stop_idle_at; /* idle asks for the end behind so many items */
    size_t fail_at;      /* memory runs out here */
    atomic_bool inside;  /* a thread takes */
    atomic_size_t let;   /* items that the source may give: more come when all are answered */
    atomic_size_t idled; /* calls of idle */
    atomic_bool stopped;
    size_t stop_at;      /* finish asks for the end here */
    size_t interrupt_at; /* an interruption comes while this one is prepared */
    atomic_int prepared[COUNT];
    atomic_size_t finished; /* so far */
    atomic_size_t farthest; /* that was prepared before the one to be finished next */
    atomic_bool wrong;      /* what another thread saw */
};

static atomic_int alive; /* items prepared and not released */

/* A source that gives `burst` items and then waits until all of them are answered, as a program
 * does that asks and waits. */
static enum pipeline_taken take(void *context, void *memory, bool wait)
{
    struct job *j = context;
    struct item *item = memory;
    if (atomic_exchange(&j->inside, true) || item->memory)
        j->wrong = true;
    enum pipeline_taken taken = PIPELINE_TAKEN;
    for (int i = 0; wait && i < 5000 && j->taken == j->let && !j->stopped; i++)
        usleep(1000);
    if (j->taken == j->count || j->stopped)
        taken = PIPELINE_END;
    else if (j->taken == j->let)
        taken = PIPELINE_NOT_YET;
    else if (j->taken == j->fail_at)
        taken = PIPELINE_FAILED;
    j->wrong |= wait && taken == PIPELINE_NOT_YET;
    if (taken == PIPELINE_TAKEN)
        item->number = j->taken++;
    j->inside = false;
    return taken;
}

static void stop(void *context)
{
    struct job *j = context;
    j->stopped = true;
}

static void prepare(void *context, int worker, void *memory)
{
    struct job *j = context;
    struct item *item = memory;
    const size_t number = item->number;
    if (worker < 0 || worker >= j->threads)
        j->wrong = true;
    if (number - j->finished > j->farthest)
        j->farthest = number - j->finished;
    j->prepared[number]++;
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

/* Answers what was held back: the source goes on. */
static int idle(void *context)
{
    struct job *j = context;
    if (j->finished != j->taken)
        j->wrong = true;
    j->idled++;
    j->let = j->burst ? j->finished + j->burst : j->count;
    return j->finished == j->stop_idle_at ? -1 : 0;
}

static int run_pipeline(struct job *j, int threads)
{
    struct err e = {""};
    j->threads = threads;
    j->let = j->burst ? j->burst : j->count;
    const struct pipeline p = {.item_size = sizeof(struct item),
                               .threads = threads,
                               .take = take,
                               .stop = stop,
                               .prepare = prepare,
                               .finish = finish,
                               .idle = idle,
                               .discard = release,
                               .context = j};
    alive = 0;
    const int result = pipeline_run(&p, &e);
    interrupted = 0;
    assert_int_equal(alive, 0);
    assert_false(j->wrong);
    assert_true(j->farthest < PIPELINE_AHEAD);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(j->prepared[i] <= 1);
    return result;
}

static void run(struct job *j, int threads, size_t count)
{
    j->count = count;
    assert_int_equal(run_pipeline(j, threads), 0);
}

static const struct job PLAIN = {
    .stop_at = SIZE_MAX, .interrupt_at = SIZE_MAX, .fail_at = SIZE_MAX, .stop_idle_at = SIZE_MAX};

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

/* With nothing held back: each burst is answered before the source is waited for. */
static void test_a_source_that_waits_for_its_answers_gets_them(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        for (size_t burst = 1; burst <= 150; burst += burst < 4 ? 1 : 73) {
            struct job j = PLAIN;
            j.burst = burst;
            run(&j, threads, COUNT / 2);
            assert_int_equal(j.finished, COUNT / 2);
            assert_true(j.idled >= (COUNT / 2 - 1) / burst);
        }
    }
}

static void test_the_end_of_the_work_ends_a_wait(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        struct job j = PLAIN;
        j.burst = 11;
        j.stop_at = 10;
        run(&j, threads, COUNT);
        assert_int_equal(j.finished, 11);
        assert_true(j.stopped);
        struct job k = PLAIN;
        k.burst = 11;
        k.stop_idle_at = 22;
        run(&k, threads, COUNT);
        assert_int_equal(k.finished, 22);
    }
}

static void test_without_memory_what_was_taken_is_finished(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        struct job j = PLAIN;
        j.count = COUNT;
        j.fail_at = 33;
        assert_int_equal(run_pipeline(&j, threads), -1);
        assert_int_equal(j.finished, 33);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_items_are_finished_once_and_in_order),
        cmocka_unit_test(test_few_items_and_none_are_fine),
        cmocka_unit_test(test_finish_can_end_the_work),
        cmocka_unit_test(test_an_interruption_completes_what_was_begun),
        cmocka_unit_test(test_a_source_that_waits_for_its_answers_gets_them),
        cmocka_unit_test(test_the_end_of_the_work_ends_a_wait),
        cmocka_unit_test(test_without_memory_what_was_taken_is_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
