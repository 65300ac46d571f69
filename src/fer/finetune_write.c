/* The tuned model's files. The weights are written under a name of their own and compared with the
 * model that was tuned; only then do they take PREFIX.weights' name. Weights file: darknet's, i32
 * major, minor, revision, then `seen` as u64 from version 0.2 on (u32 before), then floats. */
#include "fer/finetune.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define WEIGHTS_LIMIT ((size_t)1 << 32) /* bytes */
#define HEADER_START 12

/* ---- names of the files ---- */

enum tuned_file { TUNED_CFG, TUNED_NAMES, TUNED_WEIGHTS, TUNED_FILES };
static const char *const SUFFIX[TUNED_FILES] = {".cfg", ".names", ".weights"};

struct paths {
    char *path[TUNED_FILES]; /* owned */
};

static void paths_release(struct paths *p)
{
    for (int i = 0; i < TUNED_FILES; i++)
        free(p->path[i]);
    memset(p, 0, sizeof(*p));
}

static int paths_init(struct paths *p, const char *prefix, struct err *e)
{
    memset(p, 0, sizeof(*p));
    for (int i = 0; i < TUNED_FILES; i++) {
        p->path[i] = path_with_suffix(prefix, SUFFIX[i]);
        if (!p->path[i]) {
            paths_release(p);
            return err_memory(e);
        }
    }
    return 0;
}

int finetune_check_outputs(const char *prefix, struct err *e)
{
    struct paths p;
    const size_t length = strlen(prefix);
    if (length == 0 || prefix[length - 1] == '/')
        return err_set(e, "cannot write '%s.weights': the prefix needs a name behind its folder",
                       prefix);
    if (paths_init(&p, prefix, e))
        return -1;
    int result = 0;
    for (int i = 0; i < TUNED_FILES && result == 0; i++) {
        struct atomic_file trial;
        result = atomic_open(&trial, p.path[i], e);
        if (result == 0)
            atomic_abandon(&trial);
    }
    paths_release(&p);
    return result;
}

/* ---- comparison ---- */

static int read_i32(const char *bytes)
{
    int32_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

/* Bytes of the header, or 0 for a file too short to have one. */
static size_t header_size(const char *bytes, size_t count)
{
    if (count < HEADER_START)
        return 0;
    const size_t seen = (long)read_i32(bytes) * 10 + read_i32(bytes + 4) >= 2 ? 8 : 4;
    return count < HEADER_START + seen ? 0 : HEADER_START + seen;
}

int tuned_compare(const char *old_path, const char *new_path, size_t frozen_values, struct err *e)
{
    char *old_bytes = NULL, *new_bytes = NULL;
    size_t old_count, new_count;
    int result = -1;
    if (file_read(old_path, WEIGHTS_LIMIT, &old_bytes, &old_count, e) ||
        file_read(new_path, WEIGHTS_LIMIT, &new_bytes, &new_count, e))
        goto out;
    const size_t header = header_size(old_bytes, old_count);
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

static bool cfg_is(const char *path, const char *text)
{
    char *bytes;
    size_t count;
    const size_t length = strlen(text);
    if (file_read(path, length, &bytes, &count, NULL))
        return false;
    const bool same = count == length && memcmp(bytes, text, length) == 0;
    free(bytes);
    return same;
}

static bool names_are(const char *path, const struct names *names)
{
    struct names there = {0};
    if (names_read(&there, path, NULL))
        return false;
    const bool same = names_equal(&there, names);
    names_release(&there);
    return same;
}

/* Weights of another cfg or other names must never stand beside this model's, not even between two
 * renames. */
static int write_cfg_and_names(const struct model *m, const struct paths *p, struct err *e)
{
    const char *cfg = nn_net_cfg_text(m->net);
    const bool same_cfg = cfg_is(p->path[TUNED_CFG], cfg);
    const bool same_names = names_are(p->path[TUNED_NAMES], &m->names);
    if (!(same_cfg && same_names) && unlink(p->path[TUNED_WEIGHTS]) && errno != ENOENT)
        return err_set(e, "cannot replace '%s': %s", p->path[TUNED_WEIGHTS], strerror(errno));
    if (!same_cfg && file_write(p->path[TUNED_CFG], cfg, strlen(cfg), e))
        return -1;
    return same_names ? 0 : names_write(&m->names, p->path[TUNED_NAMES], e);
}

/* A new file beside `path`; its name in new memory. */
static char *make_companion(const char *path, struct err *e)
{
    char *name = path_with_suffix(path, ".XXXXXX");
    if (!name)
        return err_memory_null(e);
    const int fd = mkstemp(name);
    if (fd < 0) {
        free(name);
        return err_null(e, "cannot write '%s': %s", path, strerror(errno));
    }
    close(fd);
    return name;
}

enum finetune_result tuned_write(const struct model *m, size_t frozen_values, const char *prefix,
                                 struct err *e)
{
    struct paths p = {{NULL}}, from = {{NULL}};
    char *companion = NULL;
    enum finetune_result result = FINETUNE_FAILED;
    if (paths_init(&p, prefix, e) || paths_init(&from, m->prefix, e))
        goto out;
    result = FINETUNE_NOT_WRITTEN;
    companion = make_companion(p.path[TUNED_WEIGHTS], e);
    if (!companion || nn_net_save_weights(m->net, companion, e))
        goto out;
    result = FINETUNE_FAILED;
    if (tuned_compare(from.path[TUNED_WEIGHTS], companion, frozen_values, e))
        goto out;
    result = FINETUNE_NOT_WRITTEN;
    if (write_cfg_and_names(m, &p, e))
        goto out;
    if (rename(companion, p.path[TUNED_WEIGHTS])) {
        err_set(e, "cannot write '%s': %s", p.path[TUNED_WEIGHTS], strerror(errno));
        goto out;
    }
    free(companion);
    companion = NULL;
    result = FINETUNE_DONE;
out:
    if (companion)
        unlink(companion);
    free(companion);
    paths_release(&from);
    paths_release(&p);
    return result;
}
