/* Ctrl-C and SIGTERM; see cli.h.
 *
 * No handler may run on the stack of a computing thread: oneDNN's generated matrix products keep
 * data below the stack pointer, further than the 128 bytes that the kernel leaves alone, and a
 * signal's frame there corrupts memory (seen with oneDNN 2.6 on AVX-512). So the signals are
 * blocked in all threads of ours and one thread waits for them. A library may have made threads of
 * its own while it was loaded (OpenBLAS does, below OpenCV); those do not block the signals and
 * compute nothing of ours, so a handler is there for them too. Either way the main thread is
 * nudged, lest it stay in a blocked read; the nudge's handler does nothing, on a stack of its own.
 * A blocked write goes on, for what was finished is to come out; a second signal ends that too.
 * A thread that waits for a stream has an eventfd to be woken by.
 */
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <time.h>

#include "cli/cli.h"

#define SAME_MILLISECONDS 200 /* that two signals of one request lie apart at most */
#define NUDGE SIGURG          /* ignored by default and used by nobody else here */

atomic_int interrupted;

static pthread_t main_thread;
static atomic_int woken = -1; /* an eventfd */
static atomic_llong first;    /* when it was interrupted, milliseconds */

void interruption_wakes(int fd)
{
    woken = fd;
}

static void on_nudge(int number)
{
    (void)number;
}

int interruption_flush(FILE *stream)
{
    sigset_t nudge;
    sigemptyset(&nudge);
    sigaddset(&nudge, NUDGE);
    pthread_sigmask(SIG_BLOCK, &nudge, NULL);
    const int result = fflush(stream);
    pthread_sigmask(SIG_UNBLOCK, &nudge, NULL);
    return result;
}

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* The first signal is noted; a second ends the program as if it had never been caught, unless it
 * comes at once: `timeout` sends its signal to the program and then to its group. */
static void take(int number)
{
    const long long at = now();
    long long none = 0;
    if (atomic_compare_exchange_strong(&first, &none, at)) {
        interrupted = number;
        if (woken >= 0)
            eventfd_write(woken, 1);
        pthread_kill(main_thread, NUDGE);
        return;
    }
    if (at - first < SAME_MILLISECONDS)
        return;
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, number);
    signal(number, SIG_DFL);
    raise(number);
    pthread_sigmask(SIG_UNBLOCK, &one, NULL);
}

static void *wait_for_signals(void *signals)
{
    int number;
    for (;;)
        if (sigwait(signals, &number) == 0)
            take(number);
    return NULL;
}

void interruption_catch(void)
{
    static sigset_t signals;
    static char stack[1 << 16]; /* AVX-512 registers make frames of several KB */
    pthread_t waiter;
    main_thread = pthread_self();
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    /* A shell's background job ignores SIGINT; what is ignored cannot be waited for. */
    struct sigaction taken = {.sa_handler = take};
    taken.sa_mask = signals;
    sigaction(SIGINT, &taken, NULL);
    sigaction(SIGTERM, &taken, NULL);
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof(stack)}, NULL);
    struct sigaction nudge = {.sa_handler = on_nudge, .sa_flags = SA_ONSTACK};
    sigemptyset(&nudge.sa_mask);
    sigaction(NUDGE, &nudge, NULL);
    /* Threads inherit the mask, so this comes before the engine makes its own. Without the waiter
     * they must do with the handler. */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    if (pthread_create(&waiter, NULL, wait_for_signals, &signals))
        pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    else
        pthread_detach(waiter);
}
