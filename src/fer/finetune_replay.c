/* Makes a model's replay set; see finetune.h for features and replay.h for the set. */
#include "fer/finetune.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/rng.h"

/* Of codes, for Training rows and again for held-out ones: narrow features allow more rows. */
#define REPLAY_BYTES ((size_t)2 << 20)
#define REPLAY_ROWS ((size_t)8192)

static size_t row_limit(size_t width)
{
    const size_t rows = REPLAY_BYTES / replay_row_bytes(width);
    return rows < 1 ? 1 : rows < REPLAY_ROWS ? rows : REPLAY_ROWS;
}

/* Which rows the set holds: those of Training first. */
struct chosen {
    uint32_t *row; /* (training + held_out); owned */
    size_t training, held_out;
};

static void draw(uint32_t *row, size_t *count, size_t limit, uint64_t seed, uint64_t index)
{
    struct rng r;
    if (*count <= limit)
        return;
    rng_init(&r, seed, STREAM_REPLAY, index);
    rng_shuffle(&r, row, *count);
    *count = limit;
}

static int choose(struct chosen *c, const struct dataset *d, size_t limit, uint64_t seed,
                  struct err *e)
{
    size_t tests = 0;
    c->row = malloc((d->count + 1) * sizeof(*c->row));
    if (!c->row)
        return err_memory(e);
    for (size_t i = 0; i < d->count; i++)
        if (d->split[i] == SPLIT_TRAINING)
            c->row[c->training++] = (uint32_t)i;
    draw(c->row, &c->training, limit, seed, 0);
    for (size_t i = 0; i < d->count; i++)
        if (d->split[i] == SPLIT_PUBLIC_TEST && tests++ % 2 == 0)
            c->row[c->training + c->held_out++] = (uint32_t)i;
    draw(c->row + c->training, &c->held_out, limit, seed, 1);
    if (c->training == 0 || c->held_out == 0)
        return err_set(e,
                       "a replay set needs Training and PublicTest pictures: here are %zu and %zu",
                       c->training, tests);
    return 0;
}

static int fill(struct replay *set, const struct model *m, const struct extractor *x,
                const struct chosen *c, const struct pool *pool, struct err *e)
{
    *set = (struct replay){.checksum = m->checksum,
                           .layer = (size_t)nn_net_frozen_layers(m->net),
                           .width = x->width,
                           .classes = x->classes,
                           .training = c->training,
                           .held_out = c->held_out};
    if (replay_init(set, e) || replay_fit(set, pool->feature, c->training, e))
        return -1;
    memcpy(set->label, pool->label, pool->count);
    for (size_t i = 0; i < pool->count; i++)
        replay_encode(set, i, pool->feature + i * x->width);
    return 0;
}

static enum finetune_result write_set(const struct replay *set, const char *path,
                                      struct replay_summary *made, struct err *e)
{
    struct stat status;
    if (replay_write(set, path, e))
        return FINETUNE_NOT_WRITTEN;
    *made = (struct replay_summary){.training = set->training, .held_out = set->held_out};
    made->bytes = stat(path, &status) == 0 ? (size_t)status.st_size : 0;
    return FINETUNE_DONE;
}

enum finetune_result finetune_make_replay(struct model *m, const struct dataset *general,
                                          const char *path, const struct finetune_options *options,
                                          struct replay_summary *made, struct err *e)
{
    struct finetune_reporter report = {.options = options, .what = "features"};
    struct extractor x = {.seed = options->seed, .report = &report};
    struct chosen c = {0};
    struct pool pool = {0};
    struct replay set = {0};
    enum finetune_result result = FINETUNE_FAILED;
    if (finetune_check_head(m, e) || finetune_check_pictures(m, general, "the general", e) ||
        extractor_init(&x, m->net, nn_net_frozen_layers(m->net), e) ||
        choose(&c, general, row_limit(x.width), options->seed, e))
        goto out;
    report.total = c.training + c.held_out;
    result = extractor_run(&x, general, c.row, c.training + c.held_out, 1, &pool, e);
    if (result != FINETUNE_DONE)
        goto out;
    result = fill(&set, m, &x, &c, &pool, e) ? FINETUNE_FAILED : write_set(&set, path, made, e);
out:
    replay_release(&set);
    pool_release(&pool);
    free(c.row);
    extractor_release(&x);
    return result;
}
