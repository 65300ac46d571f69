/* Ctrl-C and SIGTERM; see cli.h.
 *
 * No handler may run on the stack of a computing thread: oneDNN's generated matrix products keep
 * data below the stack pointer, further than the 128 bytes that the kernel leaves alone, and a
 * signal's frame there corrupts memory (seen with oneDNN 2.6 on AVX-512). So the signals are
 * blocked in all threads and one thread of their own waits for them. It nudges the main thread,
 * lest that stay in a blocked read; the nudge's handler does nothing, on a stack of its own. */
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

#include "cli/cli.h"

#define NUDGE SIGURG /* ignored by default and used by nobody else here */

atomic_int interrupted;

static pthread_t main_thread;

static void on_nudge(int number)
{
    (void)number;
}

static void *wait_for_signals(void *signals)
{
    int number;
    sigwait(signals, &number);
    interrupted = number;
    pthread_kill(main_thread, NUDGE);
    sigwait(signals, &number);
    /* The second one ends the program as if it had never been caught. */
    pthread_sigmask(SIG_UNBLOCK, signals, NULL);
    raise(number);
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
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof(stack)}, NULL);
    struct sigaction nudge = {.sa_handler = on_nudge, .sa_flags = SA_ONSTACK};
    sigemptyset(&nudge.sa_mask);
    sigaction(NUDGE, &nudge, NULL);
    /* Threads inherit the mask, so this comes before the engine makes its own. Without the waiter
     * the signals keep their default action. */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    if (pthread_create(&waiter, NULL, wait_for_signals, &signals))
        pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    else
        pthread_detach(waiter);
}
