/* Items through threads, in order; see pipeline.h. One lock guards a ring of PIPELINE_AHEAD items.
 */
#include "cli/pipeline.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

struct flow {
    const struct pipeline *p;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t next;     /* to be prepared */
    size_t finished; /* items; the next one to finish */
    bool
        ready[PIPELINE_AHEAD]; /* prepared and not finished; of item i: ready[i % PIPELINE_AHEAD] */
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

static bool is_done(const struct flow *f)
{
    return f->ended || interrupted || f->next == f->p->count;
}

static bool has_room(const struct flow *f)
{
    return f->next < f->finished + PIPELINE_AHEAD;
}

/* Prepares the next item. Comes and goes with the lock held. */
static void prepare_next(struct flow *f, int worker)
{
    const size_t number = f->next++;
    void *item = item_at(f, number);
    pthread_mutex_unlock(&f->lock);
    memset(item, 0, f->p->item_size);
    f->p->prepare(f->p->context, worker, number, item);
    pthread_mutex_lock(&f->lock);
    f->ready[number % PIPELINE_AHEAD] = true;
    pthread_cond_broadcast(&f->changed);
}

static void *work(void *argument)
{
    const struct worker *w = argument;
    struct flow *f = w->flow;
    pthread_mutex_lock(&f->lock);
    while (!is_done(f)) {
        if (has_room(f))
            prepare_next(f, w->number);
        else
            pthread_cond_wait(&f->changed, &f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* Finishes the next item. Comes and goes with the lock held. */
static void finish_next(struct flow *f)
{
    const size_t number = f->finished;
    pthread_mutex_unlock(&f->lock);
    const int result = f->p->finish(f->p->context, number, item_at(f, number));
    pthread_mutex_lock(&f->lock);
    f->ready[number % PIPELINE_AHEAD] = false;
    f->finished++;
    f->ended |= result != 0;
    pthread_cond_broadcast(&f->changed);
}

/* The caller's part. */
static void drive(struct flow *f)
{
    pthread_mutex_lock(&f->lock);
    while (!f->ended) {
        if (f->ready[f->finished % PIPELINE_AHEAD])
            finish_next(f);
        else if (!is_done(f) && has_room(f))
            prepare_next(f, 0);
        else if (f->finished < f->next)
            pthread_cond_wait(&f->changed, &f->lock);
        else
            f->ended = true;
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

static void run(struct flow *f, struct worker *workers, int others)
{
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    const int started = start_workers(f, workers, others);
    drive(f);
    for (int i = 0; i < started; i++)
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
    const size_t threads = (size_t)p->threads < p->count ? (size_t)p->threads : p->count;
    const size_t others = threads > 1 ? threads - 1 : 0;
    struct worker *workers = calloc(others + 1, sizeof(*workers));
    f.items = calloc(PIPELINE_AHEAD, p->item_size);
    const int result = workers && f.items ? 0 : err_memory(e);
    if (result == 0)
        run(&f, workers, (int)others);
    free(f.items);
    free(workers);
    return result;
}
