/* PREFIX.state; see checkpoint.h for the format. */
#include "fer/checkpoint.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "fer/history.h"

#define STATE_MAX_SIZE (UINT64_C(1) << 32)

static const struct {
    const char *what;
    bool is_checksum;
} KEYS[KEY_COUNT] = {
    [KEY_CFG] = {"the cfg", true},
    [KEY_NAMES] = {"the names", true},
    [KEY_EPOCHS] = {"the number of epochs", false},
    [KEY_BATCH] = {"the batch", false},
    [KEY_SEED] = {"the seed", false},
    [KEY_TRAIN_COUNT] = {"the number of training pictures", false},
    [KEY_TRAIN_DATA] = {"the training data", true},
    [KEY_VALID_COUNT] = {"the number of validation pictures", false},
    [KEY_VALID_DATA] = {"the validation data", true},
    [KEY_TEACHERS] = {"the teachers or their weight", true},
};

/* ---- writing ---- */

static void put(FILE *stream, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        putc((int)(value >> (8 * i) & 0xff), stream);
}

static void put_real(FILE *stream, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put(stream, bits, 8);
}

/* Everything in front of the engine's part. */
static int put_front(FILE *stream, const struct checkpoint *c, struct err *e)
{
    char *history = history_text(c->history, (size_t)c->epoch - 1);
    if (!history)
        return err_memory(e);
    fwrite(CHECKPOINT_MAGIC, 1, CHECKPOINT_MAGIC_SIZE, stream);
    put(stream, CHECKPOINT_VERSION, 4);
    for (int i = 0; i < KEY_COUNT; i++)
        put(stream, c->key[i], 8);
    put(stream, (uint64_t)c->threads, 4);
    put(stream, (uint64_t)c->epoch, 4);
    put(stream, (uint64_t)c->step, 8);
    put_real(stream, c->rate);
    put_real(stream, c->loss);
    put(stream, c->hits, 8);
    put(stream, (uint64_t)c->best_epoch, 4);
    put_real(stream, c->best_accuracy);
    put(stream, strlen(history), 4);
    fwrite(history, 1, strlen(history), stream);
    free(history);
    return 0;
}

/* nn_trainer_save's bytes in new memory. */
static int save_engine(const struct nn_trainer *trainer, char **bytes, size_t *count, struct err *e)
{
    FILE *stream = open_memstream(bytes, count);
    if (!stream)
        return err_memory(e);
    int failed = nn_trainer_save(trainer, stream, e);
    if (!failed && ferror(stream))
        failed = err_memory(e);
    if (fclose(stream) && !failed)
        failed = err_memory(e);
    if (failed) {
        free(*bytes);
        *bytes = NULL;
    }
    return failed;
}

int checkpoint_write(const struct checkpoint *c, const struct nn_trainer *trainer, const char *path,
                     struct err *e)
{
    int result = -1;
    char *front = NULL, *engine = NULL;
    size_t front_size = 0, engine_size = 0;
    struct atomic_file file;
    if (save_engine(trainer, &engine, &engine_size, e))
        return -1;
    FILE *stream = open_memstream(&front, &front_size);
    if (!stream) {
        err_memory(e);
        goto out;
    }
    int failed = put_front(stream, c, e);
    put(stream, engine_size, 8);
    if (!failed && ferror(stream))
        failed = err_memory(e);
    if (fclose(stream) && !failed)
        failed = err_memory(e);
    if (failed || atomic_open(&file, path, e))
        goto out;
    fwrite(front, 1, front_size, file.stream);
    fwrite(engine, 1, engine_size, file.stream);
    put(file.stream,
        crc32_z(crc32_z(0, (const Bytef *)front, front_size), (const Bytef *)engine, engine_size),
        4);
    result = atomic_commit(&file, e);
out:
    free(front);
    free(engine);
    return result;
}

/* ---- reading ---- */

/* What is left to read; a read past the end yields zeros and is remembered. */
struct cursor {
    const unsigned char *next;
    size_t left;
    bool ended;
};

static const unsigned char *take(struct cursor *in, size_t count)
{
    if (in->ended || count > in->left) {
        in->ended = true;
        return NULL;
    }
    const unsigned char *bytes = in->next;
    in->next += count;
    in->left -= count;
    return bytes;
}

static uint64_t get(struct cursor *in, int bytes)
{
    const unsigned char *from = take(in, (size_t)bytes);
    uint64_t value = 0;
    for (int i = 0; from && i < bytes; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

static double get_real(struct cursor *in)
{
    uint64_t bits = get(in, 8);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* An integer that must not exceed `high`; else it counts as a file that ended. */
static uint64_t get_at_most(struct cursor *in, int bytes, uint64_t high)
{
    uint64_t value = get(in, bytes);
    if (value > high)
        in->ended = true;
    return in->ended ? 0 : value;
}

static int get_history(struct cursor *in, struct checkpoint *c, const char *name, struct err *e)
{
    size_t length = (size_t)get(in, 4), count = 0;
    const unsigned char *bytes = take(in, length);
    if (!bytes)
        return 0;
    char *text = malloc(length + 1);
    if (!text)
        return err_memory(e);
    memcpy(text, bytes, length);
    text[length] = '\0';
    struct err reason = {""};
    int failed = strlen(text) != length
                     ? err_set(&reason, "history: it holds a NUL")
                     : history_parse("history", text, &c->history, &count, &reason);
    free(text);
    if (failed)
        return err_set(e, "cannot read '%s': %s", name, reason.text);
    if (count != (size_t)c->epoch - 1)
        return err_set(e, "cannot read '%s': epoch %d is under way, but %zu are in its history",
                       name, c->epoch, count);
    return 0;
}

static int get_engine(struct cursor *in, struct checkpoint *c, struct err *e)
{
    c->engine_size = (size_t)get_at_most(in, 8, SIZE_MAX);
    const unsigned char *bytes = take(in, c->engine_size);
    if (!bytes)
        return 0;
    c->engine = malloc(c->engine_size + 1);
    if (!c->engine)
        return err_memory(e);
    memcpy(c->engine, bytes, c->engine_size);
    return 0;
}

static int get_fields(struct cursor *in, struct checkpoint *c, const char *name, struct err *e)
{
    for (int i = 0; i < KEY_COUNT; i++)
        c->key[i] = get(in, 8);
    c->threads = (int)get_at_most(in, 4, INT_MAX);
    c->epoch = (int)get_at_most(in, 4, INT_MAX);
    c->step = (long)get_at_most(in, 8, LONG_MAX);
    c->rate = get_real(in);
    c->loss = get_real(in);
    c->hits = get(in, 8);
    c->best_epoch = (int)get_at_most(in, 4, INT_MAX);
    c->best_accuracy = get_real(in);
    if (in->ended || c->epoch < 1 || c->best_epoch >= c->epoch || !isfinite(c->loss) ||
        !(c->rate >= 0 && isfinite(c->rate)) || !(c->best_accuracy >= 0 && c->best_accuracy <= 1))
        return err_set(e, "cannot read '%s': its fields contradict each other", name);
    if (get_history(in, c, name, e) || get_engine(in, c, e))
        return -1;
    if (in->ended || in->left)
        return err_set(e, "cannot read '%s': the lengths in it do not add up to its size", name);
    return 0;
}

/* Checks the frame (magic, version, CRC-32) and leaves `in` on what is between. */
static int open_frame(struct cursor *in, const char *name, struct err *e)
{
    const unsigned char *all = in->next;
    size_t count = in->left;
    const unsigned char *magic = take(in, CHECKPOINT_MAGIC_SIZE);
    uint64_t version = get(in, 4);
    if (!magic || memcmp(magic, CHECKPOINT_MAGIC, CHECKPOINT_MAGIC_SIZE) != 0)
        return err_set(e, "cannot read '%s': it is not a training state", name);
    if (!in->ended && version != CHECKPOINT_VERSION)
        return err_set(e, "cannot read '%s': its format is version %u, this program reads %u", name,
                       (unsigned)version, CHECKPOINT_VERSION);
    if (in->ended || in->left < 4)
        return err_set(e, "cannot read '%s': it is cut short at %zu bytes", name, count);
    in->left -= 4;
    struct cursor tail = {.next = in->next + in->left, .left = 4};
    if (get(&tail, 4) != crc32_z(0, all, count - 4))
        return err_set(e, "cannot read '%s': its checksum is wrong, so it is damaged or cut short",
                       name);
    return 0;
}

int checkpoint_parse(struct checkpoint *c, const char *name, const unsigned char *bytes,
                     size_t count, struct err *e)
{
    struct cursor in = {.next = bytes, .left = count};
    memset(c, 0, sizeof(*c));
    if (open_frame(&in, name, e))
        return -1;
    if (get_fields(&in, c, name, e)) {
        checkpoint_release(c);
        return -1;
    }
    return 0;
}

int checkpoint_read(struct checkpoint *c, const char *path, struct err *e)
{
    char *bytes;
    size_t count;
    memset(c, 0, sizeof(*c));
    if (file_read(path, STATE_MAX_SIZE, &bytes, &count, e))
        return -1;
    int result = checkpoint_parse(c, path, (const unsigned char *)bytes, count, e);
    free(bytes);
    return result;
}

int checkpoint_fits(const struct checkpoint *c, const uint64_t key[KEY_COUNT], const char *name,
                    struct err *e)
{
    char text[768];
    size_t used = 0;
    for (int i = 0; i < KEY_COUNT; i++) {
        if (c->key[i] == key[i])
            continue;
        const char *format = KEYS[i].is_checksum
                                 ? "%s%s differs (checksum %08llx there, %08llx here)"
                                 : "%s%s differs (%llu there, %llu here)";
        int length =
            snprintf(text + used, sizeof(text) - used, format, used ? "; " : "", KEYS[i].what,
                     (unsigned long long)c->key[i], (unsigned long long)key[i]);
        used += length > 0 ? (size_t)length : 0;
        if (used >= sizeof(text))
            used = sizeof(text) - 1;
    }
    if (used == 0)
        return 0;
    return err_set(e, "cannot resume from '%s', it belongs to another run: %s", name, text);
}

int checkpoint_restore(struct checkpoint *c, struct nn_trainer *trainer, const char *name,
                       struct err *e)
{
    struct err reason = {""};
    if (c->engine_size == 0)
        return err_set(e, "cannot resume from '%s': it holds no parameters", name);
    FILE *stream = fmemopen(c->engine, c->engine_size, "rb");
    if (!stream)
        return err_memory(e);
    int failed = nn_trainer_load(trainer, stream, &reason);
    long end = ftell(stream);
    fclose(stream);
    if (failed)
        return err_set(e, "cannot resume from '%s': %s", name, reason.text);
    if (end < 0 || (size_t)end != c->engine_size)
        return err_set(e, "cannot resume from '%s': %zu bytes of parameters, of which %ld fit",
                       name, c->engine_size, end);
    free(c->engine);
    c->engine = NULL;
    c->engine_size = 0;
    return 0;
}

void checkpoint_release(struct checkpoint *c)
{
    free(c->history);
    free(c->engine);
    memset(c, 0, sizeof(*c));
}
