/* PREFIX.cfg, .names and .weights; see triple.h. */
#include "fer/triple.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CFG_LIMIT ((size_t)1 << 22) /* bytes */

int triple_init(struct triple *t, const char *prefix, struct err *e)
{
    t->cfg = path_with_suffix(prefix, ".cfg");
    t->names = path_with_suffix(prefix, ".names");
    t->weights = path_with_suffix(prefix, ".weights");
    if (t->cfg && t->names && t->weights)
        return 0;
    triple_release(t);
    return err_memory(e);
}

void triple_release(struct triple *t)
{
    free(t->cfg);
    free(t->names);
    free(t->weights);
    memset(t, 0, sizeof(*t));
}

/* ---- checks ---- */

int model_check_outputs(const char *prefix, struct err *e)
{
    struct triple t;
    const size_t length = strlen(prefix);
    if (length == 0 || prefix[length - 1] == '/')
        return err_set(e, "cannot write '%s.weights': the prefix needs a name behind its folder",
                       prefix);
    if (triple_init(&t, prefix, e))
        return -1;
    const bool failed =
        atomic_check(t.cfg, e) || atomic_check(t.names, e) || atomic_check(t.weights, e);
    triple_release(&t);
    return failed ? -1 : 0;
}

/* ---- what is there ---- */

/* How a cfg on the disk compares with a text. */
struct likeness {
    bool same;    /* byte for byte */
    bool network; /* but for the temperature */
};

static struct likeness compare_cfg(const char *path, const char *text)
{
    struct likeness like = {false, false};
    char *there;
    size_t count;
    if (file_read(path, CFG_LIMIT, &there, &count, NULL))
        return like;
    char *ours = nn_cfg_with_temperature(path, text, 0, NULL);
    char *theirs = nn_cfg_with_temperature(path, there, 0, NULL);
    like.same = count == strlen(text) && memcmp(there, text, count) == 0;
    like.network = like.same || (ours && theirs && strcmp(ours, theirs) == 0);
    free(ours);
    free(theirs);
    free(there);
    return like;
}

static bool names_hold(const char *path, const struct names *names)
{
    struct names there = {0};
    if (names_read(&there, path, NULL))
        return false;
    const bool same = names_equal(&there, names);
    names_release(&there);
    return same;
}

/* ---- writing ---- */

int triple_begin(const struct triple *t, const struct nn_net *net, struct atomic_file *weights,
                 struct err *e)
{
    if (atomic_open(weights, t->weights, e))
        return -1;
    nn_net_write_weights(net, weights->stream);
    return atomic_sync(weights, e);
}

static int write_cfg_and_names(const struct triple *t, const char *cfg, const struct names *names,
                               struct err *e)
{
    const struct likeness there = compare_cfg(t->cfg, cfg);
    const bool same_names = names_hold(t->names, names);
    if (!(there.network && same_names) && unlink(t->weights) && errno != ENOENT)
        return err_set(e, "cannot replace '%s': %s", t->weights, strerror(errno));
    if (!there.same && file_write(t->cfg, cfg, strlen(cfg), e))
        return -1;
    return same_names ? 0 : names_write(names, t->names, e);
}

int triple_commit(const struct triple *t, struct atomic_file *weights, const char *cfg,
                  const struct names *names, struct err *e)
{
    if (write_cfg_and_names(t, cfg, names, e)) {
        atomic_abandon(weights);
        return -1;
    }
    return atomic_commit(weights, e);
}

int triple_write(const struct triple *t, const struct nn_net *net, const char *cfg,
                 const struct names *names, struct err *e)
{
    struct atomic_file weights;
    if (triple_begin(t, net, &weights, e))
        return -1;
    return triple_commit(t, &weights, cfg, names, e);
}
