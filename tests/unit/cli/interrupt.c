/* Interruption: whichever thread a signal reaches, it is noted and the program goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

static void *sleep_long(void *unused)
{
    (void)unused;
    for (;;)
        pause();
    return NULL;
}

static void sleep_milliseconds(long count)
{
    nanosleep(&(struct timespec){.tv_sec = count / 1000, .tv_nsec = count % 1000 * 1000000}, NULL);
}

static bool soon_interrupted(int number)
{
    for (int i = 0; i < 2000 && !interrupted; i++)
        sleep_milliseconds(5);
    return interrupted == number;
}

/* In a process of its own: 0 when the signal was noted. `older`: sent to a thread that was there
 * before the signals were caught, as one of a library. It is sent so many times, `apart`
 * milliseconds from each other. */
static int status_after(int number, bool older, int times, long apart)
{
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, sleep_long, NULL))
            _exit(1);
        interruption_catch();
        for (int i = 0; i < times; i++) {
            sleep_milliseconds(i > 0 ? apart : 0);
            if (older)
                pthread_kill(thread, number);
            else
                kill(getpid(), number);
            if (!soon_interrupted(number))
                _exit(2);
        }
        sleep_milliseconds(times > 1 ? 1000 : 0); /* the second one takes its time */
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    return status;
}

static void test_signal_is_noted_whichever_thread_it_reaches(void **state)
{
    (void)state;
    assert_int_equal(status_after(SIGINT, false, 1, 0), 0);
    assert_int_equal(status_after(SIGTERM, false, 1, 0), 0);
    assert_int_equal(status_after(SIGINT, true, 1, 0), 0);
    assert_int_equal(status_after(SIGTERM, true, 1, 0), 0);
}

static void test_second_signal_ends_the_program(void **state)
{
    (void)state;
    for (int older = 0; older < 2; older++) {
        int status = status_after(SIGINT, older, 2, 300);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGINT);
    }
}

/* As `timeout` sends it. */
static void test_a_signal_that_comes_twice_at_once_is_one(void **state)
{
    (void)state;
    for (int older = 0; older < 2; older++)
        assert_int_equal(status_after(SIGTERM, older, 2, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signal_is_noted_whichever_thread_it_reaches),
        cmocka_unit_test(test_second_signal_ends_the_program),
        cmocka_unit_test(test_a_signal_that_comes_twice_at_once_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
