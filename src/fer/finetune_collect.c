/* The pools of personal tuning: the features of the user's pictures and of the general ones, from
 * FER-2013's rows or a replay set. See finetune.h. */
#include "fer/finetune.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

/* General pictures learnt beside the user's. Their features take 4 bytes x the width of a feature
 * each, and some milliseconds. */
#define REPLAY_LIMIT 8192

/* Pictures and their changed copies: at most so many of one, and about so many in all. */
#define MOST_VARIANTS ((size_t)8)
#define COPIES_LIMIT ((size_t)4096)

/* The rows of a split, in order; in new memory. */
static uint32_t *rows_of(const struct dataset *d, unsigned split, size_t *count, struct err *e)
{
    uint32_t *row = malloc((d->count + 1) * sizeof(*row));
    if (!row)
        return err_memory_null(e);
    *count = 0;
    for (size_t i = 0; i < d->count; i++)
        if (d->split[i] & split)
            row[(*count)++] = (uint32_t)i;
    return row;
}

/* All rows of the general data that are needed, a sample of the Training ones. */
struct general_rows {
    uint32_t *replay, *test; /* owned */
    size_t replays, tests;
};

static int choose_general(const struct tuning *t, struct general_rows *g, struct err *e)
{
    struct rng r;
    if (!t->data->general)
        return 0;
    g->replay = rows_of(t->data->general, SPLIT_TRAINING, &g->replays, e);
    g->test = rows_of(t->data->general, SPLIT_PUBLIC_TEST, &g->tests, e);
    if (!g->replay || !g->test)
        return -1;
    if (g->replays == 0)
        return err_set(e, "the general data have no Training picture to learn beside the user's");
    if (g->replays > REPLAY_LIMIT) {
        rng_init(&r, t->options->seed, STREAM_REPLAY, 0);
        rng_shuffle(&r, g->replay, g->replays);
        g->replays = REPLAY_LIMIT;
    }
    return 0;
}

static enum finetune_result extract_general(struct tuning *t, struct extractor *x,
                                            const struct general_rows *g, struct err *e)
{
    enum finetune_result result = FINETUNE_DONE;
    if (g->replays)
        result = extractor_run(x, t->data->general, g->replay, g->replays, 1, &t->replay, e);
    if (result == FINETUNE_DONE && g->tests)
        result = extractor_run(x, t->data->general, g->test, g->tests, 1, &t->test, e);
    return result;
}

static enum finetune_result read_replay(struct tuning *t, struct extractor *x, struct err *e)
{
    struct replay set;
    const char *path = t->data->replay;
    enum finetune_result result = FINETUNE_FAILED;
    if (replay_read(&set, path, e))
        return result;
    if (replay_fits(&set, t->model, path, e) == 0)
        result = extractor_replay(x, &set, 0, set.training, &t->replay, e);
    if (result == FINETUNE_DONE && set.held_out)
        result = extractor_replay(x, &set, set.training, set.held_out, &t->test, e);
    replay_release(&set);
    return result;
}

/* A person's few pictures deserve more copies than many do. */
static size_t count_variants(size_t pictures)
{
    const size_t fit = COPIES_LIMIT / pictures;
    return fit < 2 ? 2 : fit > MOST_VARIANTS ? MOST_VARIANTS : fit;
}

enum finetune_result tuning_collect(struct tuning *t, struct err *e)
{
    struct extractor x = {.seed = t->options->seed, .report = &t->progress};
    struct general_rows g = {0};
    enum finetune_result result = FINETUNE_FAILED;
    const size_t users = t->data->user->count, variants = count_variants(users);
    uint32_t *all = malloc(users * sizeof(*all));
    if (!all) {
        err_memory(e);
        goto out;
    }
    for (size_t i = 0; i < users; i++)
        all[i] = (uint32_t)i;
    if (extractor_init(&x, t->model->net, t->frozen, e) || choose_general(t, &g, e))
        goto out;
    t->progress.what = "features";
    t->progress.total = variants * users + g.replays + g.tests;
    result = t->data->replay ? read_replay(t, &x, e) : FINETUNE_DONE;
    if (result == FINETUNE_DONE)
        result = extractor_run(&x, t->data->user, all, users, variants, &t->user, e);
    if (result == FINETUNE_DONE)
        result = extract_general(t, &x, &g, e);
out:
    extractor_release(&x);
    free(g.replay);
    free(g.test);
    free(all);
    return result;
}
