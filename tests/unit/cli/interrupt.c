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

static bool soon_interrupted(int number)
{
    for (int i = 0; i < 2000 && !interrupted; i++)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    return interrupted == number;
}

/* In a process of its own: 0 when the signal was noted. `older`: sent to a thread that was there
 * before the signals were caught, as one of a library. */
static int status_after(int number, bool older, int times)
{
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, sleep_long, NULL))
            _exit(1);
        interruption_catch();
        for (int i = 0; i < times; i++) {
            if (older)
                pthread_kill(thread, number);
            else
                kill(getpid(), number);
            if (!soon_interrupted(number))
                _exit(2);
        }
        for (int i = 0; i < 2000 && times > 1; i++) /* the second one takes its time */
            nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    return status;
}

static void test_signal_is_noted_whichever_thread_it_reaches(void **state)
{
    (void)state;
    assert_int_equal(status_after(SIGINT, false, 1), 0);
    assert_int_equal(status_after(SIGTERM, false, 1), 0);
    assert_int_equal(status_after(SIGINT, true, 1), 0);
    assert_int_equal(status_after(SIGTERM, true, 1), 0);
}

static void test_second_signal_ends_the_program(void **state)
{
    (void)state;
    for (int older = 0; older < 2; older++) {
        int status = status_after(SIGINT, older, 2);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGINT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signal_is_noted_whichever_thread_it_reaches),
        cmocka_unit_test(test_second_signal_ends_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
