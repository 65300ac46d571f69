/* Items through threads, in order; see pipeline.h. One lock guards a ring of PIPELINE_AHEAD items.
 */
#include "cli/pipeline.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

struct flow {
    const struct pipeline *p;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int others;      /* threads beside the caller's */
    size_t next;     /* to be taken */
    size_t finished; /* items; the next one to finish */
    bool
        ready[PIPELINE_AHEAD]; /* prepared and not finished; of item i: ready[i % PIPELINE_AHEAD] */
    bool taking;               /* a thread is in `take` */
    bool dry;                  /* and waits there */
    bool owes_idle;            /* `idle` was not called since it began to wait */
    bool exhausted;            /* the source is at its end */
    bool failed;               /* for want of memory */
    bool ended;                /* nothing more is to be prepared */
    char *items;               /* (PIPELINE_AHEAD, item_size); owned */
};

struct worker {
    struct flow *flow;
    int number; /* 0 is the caller's */
    pthread_t thread;
};

static void *item_at(const struct flow *f, size_t number)
{
    return f->items + number % PIPELINE_AHEAD * f->p->item_size;
}

/* Is nothing more to be taken? */
static bool is_done(const struct flow *f)
{
    return f->ended || f->exhausted || interrupted;
}

static bool may_take(const struct flow *f)
{
    return !is_done(f) && !f->taking && f->next < f->finished + PIPELINE_AHEAD;
}

static void end(struct flow *f)
{
    if (!f->ended && f->p->stop)
        f->p->stop(f->p->context);
    f->ended = true;
}

/* ---- what all threads do; they come and go with the lock held ---- */

/* Hands on what was held back. */
static void go_idle(struct flow *f)
{
    f->owes_idle = false;
    if (!f->p->idle)
        return;
    pthread_mutex_unlock(&f->lock);
    const int result = f->p->idle(f->p->context);
    pthread_mutex_lock(&f->lock);
    if (result)
        end(f);
}

static enum pipeline_taken take(struct flow *f, void *item, bool wait)
{
    pthread_mutex_unlock(&f->lock);
    const enum pipeline_taken taken = f->p->take(f->p->context, item, wait);
    pthread_mutex_lock(&f->lock);
    return taken;
}

/* Waits for an item that is not there yet. */
static enum pipeline_taken wait_and_take(struct flow *f, int worker, void *item)
{
    f->dry = f->owes_idle = true;
    pthread_cond_broadcast(&f->changed);
    if (worker == 0)
        go_idle(f);
    const enum pipeline_taken taken = f->ended ? PIPELINE_END : take(f, item, true);
    f->dry = false;
    return taken;
}

/* Takes the next item and prepares it; returns whether there was one. The caller's thread waits for
 * one only when it is alone: else it has to finish what the others prepare. */
static bool prepare_next(struct flow *f, int worker)
{
    void *item = item_at(f, f->next);
    memset(item, 0, f->p->item_size);
    f->taking = true;
    enum pipeline_taken taken = take(f, item, false);
    if (taken == PIPELINE_NOT_YET && (worker > 0 || f->others == 0))
        taken = wait_and_take(f, worker, item);
    f->taking = false;
    f->failed |= taken == PIPELINE_FAILED;
    f->exhausted |= f->failed || taken == PIPELINE_END;
    pthread_cond_broadcast(&f->changed);
    if (taken != PIPELINE_TAKEN)
        return false;
    const size_t number = f->next++;
    pthread_mutex_unlock(&f->lock);
    f->p->prepare(f->p->context, worker, item);
    pthread_mutex_lock(&f->lock);
    f->ready[number % PIPELINE_AHEAD] = true;
    pthread_cond_broadcast(&f->changed);
    return true;
}

static void *work(void *argument)
{
    const struct worker *w = argument;
    struct flow *f = w->flow;
    pthread_mutex_lock(&f->lock);
    while (!is_done(f)) {
        if (may_take(f))
            prepare_next(f, w->number);
        else
            pthread_cond_wait(&f->changed, &f->lock);
    }
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* ---- the caller's part ---- */

/* Finishes the next item. Comes and goes with the lock held. */
static void finish_next(struct flow *f)
{
    const size_t number = f->finished;
    pthread_mutex_unlock(&f->lock);
    const int result = f->p->finish(f->p->context, number, item_at(f, number));
    pthread_mutex_lock(&f->lock);
    f->ready[number % PIPELINE_AHEAD] = false;
    f->finished++;
    if (result)
        end(f);
    pthread_cond_broadcast(&f->changed);
}

static bool is_ready(const struct flow *f)
{
    return f->ready[f->finished % PIPELINE_AHEAD];
}

/* Nothing is to be finished, and nothing to be taken for the caller. */
static void wait_for_others(struct flow *f)
{
    const bool all_finished = f->finished == f->next;
    if (all_finished && is_done(f) && !f->taking)
        end(f);
    else if (all_finished && f->dry && f->owes_idle)
        go_idle(f);
    else
        pthread_cond_wait(&f->changed, &f->lock);
}

static void drive(struct flow *f)
{
    pthread_mutex_lock(&f->lock);
    while (!f->ended) {
        if (is_ready(f))
            finish_next(f);
        else if ((!may_take(f) || !prepare_next(f, 0)) && !is_ready(f) && !f->ended)
            wait_for_others(f);
    }
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

/* Starts the other threads as far as the system lets us; their number changes no result. */
static int start_workers(struct flow *f, struct worker *workers, int wanted)
{
    int started = 0;
    for (; started < wanted; started++) {
        workers[started] = (struct worker){.flow = f, .number = started + 1};
        if (pthread_create(&workers[started].thread, NULL, work, &workers[started]))
            break;
    }
    return started;
}

static void run(struct flow *f, struct worker *workers)
{
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    f->others = start_workers(f, workers, f->p->threads - 1);
    drive(f);
    for (int i = 0; i < f->others; i++)
        pthread_join(workers[i].thread, NULL);
    for (size_t i = 0; i < PIPELINE_AHEAD; i++)
        if (f->ready[i])
            f->p->discard(f->items + i * f->p->item_size);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
}

int pipeline_run(const struct pipeline *p, struct err *e)
{
    struct flow f = {.p = p};
    struct worker *workers = calloc((size_t)p->threads, sizeof(*workers));
    f.items = calloc(PIPELINE_AHEAD, p->item_size);
    f.failed = !workers || !f.items;
    if (!f.failed)
        run(&f, workers);
    free(f.items);
    free(workers);
    return f.failed ? err_memory(e) : 0;
}
