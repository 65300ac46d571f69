/* The files that a training run writes; see train_files.h, and fer.h for training_check_outputs. */
#include "fer/train_files.h"

#include <stdlib.h>
#include <string.h>

#include "fer/history.h"

int training_files_init(struct training_files *f, const char *prefix, struct err *e)
{
    memset(f, 0, sizeof(*f));
    if (triple_init(&f->model, prefix, e))
        return -1;
    f->history = path_with_suffix(prefix, ".history.csv");
    f->plot = path_with_suffix(prefix, ".history.png");
    f->state = path_with_suffix(prefix, ".state");
    if (f->history && f->plot && f->state)
        return 0;
    training_files_release(f);
    return err_memory(e);
}

void training_files_release(struct training_files *f)
{
    triple_release(&f->model);
    free(f->history);
    free(f->plot);
    free(f->state);
    memset(f, 0, sizeof(*f));
}

int training_check_outputs(const char *prefix, struct err *e)
{
    struct training_files f;
    if (model_check_outputs(prefix, e) || training_files_init(&f, prefix, e))
        return -1;
    const bool failed =
        atomic_check(f.history, e) || atomic_check(f.plot, e) || atomic_check(f.state, e);
    training_files_release(&f);
    return failed ? -1 : 0;
}

int training_files_save_history(const struct training_files *f, const struct epoch *epochs,
                                size_t count, struct err *e)
{
    if (history_write(epochs, count, f->history, e))
        return -1;
    return plot_history(epochs, count, f->plot, e);
}
