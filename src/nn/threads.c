/* How many threads compute, and how they wait for each other. */
#include "nn.h"

#include <omp.h>
#include <pthread.h>
#include <unistd.h>

/* An OpenMP team of its own that never gets any work. */
static void *sleep_as_team(void *unused)
{
#pragma omp parallel num_threads(2)
    __asm__ volatile(""); /* or an empty region would be left out */
    for (;;)
        pause();
    return unused;
}

/* GCC's OpenMP threads spin for milliseconds before they sleep, 300000 turns, unless it knows of
 * more threads than there are processors; then 100 turns, which is enough between two loops of a
 * network (libgomp, wait.h). When another program has one of the processors, the long wait keeps it
 * from the very thread that is waited for, and everything takes ten times as long. Its switch for
 * this, GOMP_SPINCOUNT, is read before the program begins; so let it know of more threads. */
static void start_sleepers(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, sleep_as_team, NULL) == 0)
        pthread_detach(thread);
}

static void shorten_waits(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (omp_get_max_threads() > 1)
        pthread_once(&once, start_sleepers);
}

void nn_set_threads(int threads)
{
    /* oneDNN's barriers wait for ever if fewer threads come than were announced. */
    int most = omp_get_thread_limit(), wanted = threads > 0 ? threads : omp_get_num_procs();
    omp_set_dynamic(0);
    omp_set_num_threads(wanted < most ? wanted : most);
    shorten_waits();
}

int nn_threads(void)
{
    return omp_get_max_threads();
}
