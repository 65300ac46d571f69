/* The tuned model's files. The weights are written under a name of their own and compared with the
 * model that was tuned; only then do they take PREFIX.weights' name. */
#include "fer/finetune.h"

#include <stdlib.h>
#include <string.h>

#include "fer/triple.h"

/* ---- comparison ---- */

int tuned_compare(const char *old_path, const char *new_path, size_t frozen_values, struct err *e)
{
    char *old_bytes = NULL, *new_bytes = NULL;
    size_t old_count, new_count;
    int result = -1;
    if (file_read(old_path, NN_MAX_WEIGHTS_BYTES, &old_bytes, &old_count, e) ||
        file_read(new_path, NN_MAX_WEIGHTS_BYTES, &new_bytes, &new_count, e))
        goto out;
    const size_t header = nn_weights_header_size(old_bytes, old_count);
    const size_t compared = header + frozen_values * sizeof(float);
    if (header == 0 || old_count != new_count || old_count < compared) {
        err_set(e, "'%s' has %zu bytes, the tuned weights %zu, of which %zu must be the same",
                old_path, old_count, new_count, compared);
        goto out;
    }
    for (size_t i = 0; i < compared; i++)
        if (old_bytes[i] != new_bytes[i]) {
            err_set(e, "the tuned weights differ from '%s' at byte %zu, which belongs to the %s",
                    old_path, i, i < header ? "header" : "frozen layers");
            goto out;
        }
    result = 0;
out:
    free(old_bytes);
    free(new_bytes);
    return result;
}

/* ---- writing ---- */

static enum finetune_result write_compared(const struct model *m, size_t frozen_values,
                                           const struct triple *from, const struct triple *to,
                                           struct err *e)
{
    struct atomic_file weights;
    if (triple_begin(to, m->net, &weights, e))
        return FINETUNE_NOT_WRITTEN;
    if (tuned_compare(from->weights, weights.temp, frozen_values, e)) {
        atomic_abandon(&weights);
        return FINETUNE_FAILED;
    }
    const int failed = triple_commit(to, &weights, nn_net_cfg_text(m->net), &m->names, e);
    return failed ? FINETUNE_NOT_WRITTEN : FINETUNE_DONE;
}

enum finetune_result tuned_write(const struct model *m, size_t frozen_values, const char *prefix,
                                 struct err *e)
{
    struct triple from = {0}, to = {0};
    enum finetune_result result = FINETUNE_FAILED;
    if (triple_init(&from, m->prefix, e) == 0 && triple_init(&to, prefix, e) == 0)
        result = write_compared(m, frozen_values, &from, &to, e);
    triple_release(&from);
    triple_release(&to);
    return result;
}
