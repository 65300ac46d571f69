/* The files that a training run writes; see train_files.h, and fer.h for training_check_outputs. */
#include "fer/train_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "fer/history.h"

static const char *const SUFFIX[TRAINING_FILES] = {
    [FILE_CFG] = ".cfg",          [FILE_NAMES] = ".names",
    [FILE_WEIGHTS] = ".weights",  [FILE_HISTORY] = ".history.csv",
    [FILE_PLOT] = ".history.png", [FILE_STATE] = ".state",
};

int training_files_init(struct training_files *f, const char *prefix, struct err *e)
{
    memset(f, 0, sizeof(*f));
    for (int i = 0; i < TRAINING_FILES; i++) {
        f->path[i] = path_with_suffix(prefix, SUFFIX[i]);
        if (!f->path[i]) {
            training_files_release(f);
            return err_memory(e);
        }
    }
    return 0;
}

void training_files_release(struct training_files *f)
{
    for (int i = 0; i < TRAINING_FILES; i++)
        free(f->path[i]);
    memset(f, 0, sizeof(*f));
}

int training_check_outputs(const char *prefix, struct err *e)
{
    struct training_files files;
    size_t length = strlen(prefix);
    if (length == 0 || prefix[length - 1] == '/')
        return err_set(e, "cannot write '%s.weights': the prefix needs a name behind its folder",
                       prefix);
    if (training_files_init(&files, prefix, e))
        return -1;
    int result = 0;
    for (int i = 0; i < TRAINING_FILES && result == 0; i++) {
        struct atomic_file trial;
        result = atomic_open(&trial, files.path[i], e);
        if (result == 0)
            atomic_abandon(&trial);
    }
    training_files_release(&files);
    return result;
}

#define CFG_LIMIT ((size_t)1 << 22) /* bytes */

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

int training_files_save_model(const struct training_files *f, const struct nn_net *net,
                              const char *cfg, const struct names *names, struct err *e)
{
    const struct likeness there = compare_cfg(f->path[FILE_CFG], cfg);
    bool same_names = names_hold(f->path[FILE_NAMES], names);
    if (!(there.network && same_names) && unlink(f->path[FILE_WEIGHTS]) && errno != ENOENT)
        return err_set(e, "cannot replace '%s': %s", f->path[FILE_WEIGHTS], strerror(errno));
    if (!there.same && file_write(f->path[FILE_CFG], cfg, strlen(cfg), e))
        return -1;
    if (!same_names && names_write(names, f->path[FILE_NAMES], e))
        return -1;
    return nn_net_save_weights(net, f->path[FILE_WEIGHTS], e);
}

int training_files_save_history(const struct training_files *f, const struct epoch *epochs,
                                size_t count, struct err *e)
{
    if (history_write(epochs, count, f->path[FILE_HISTORY], e))
        return -1;
    return plot_history(epochs, count, f->path[FILE_PLOT], e);
}
