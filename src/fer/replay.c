/* PREFIX.replay: reading, writing, 4-bit codes; see replay.h, and docs/replay.md for the format. */
#include "fer/replay.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"

#define MAGIC "FERREPLY"
#define MAGIC_SIZE 8
#define VERSION 1u
#define HEADER_SIZE 36 /* bytes before low[] */
#define REPLAY_MAX_SIZE ((size_t)1 << 30)
#define REPLAY_MAX_WIDTH ((uint32_t)1 << 24)

/* Values beyond these quantiles are cut: a few large ones would make the steps of all coarse. */
#define CUT 0.001

/* ---- memory ---- */

size_t replay_row_bytes(size_t width)
{
    return (width + 1) / 2;
}

int replay_init(struct replay *r, struct err *e)
{
    const size_t rows = r->training + r->held_out;
    r->low = calloc(r->width, sizeof(float));
    r->step = calloc(r->width, sizeof(float));
    r->label = calloc(rows + 1, 1);
    r->code = calloc(rows + 1, replay_row_bytes(r->width));
    if (r->low && r->step && r->label && r->code)
        return 0;
    replay_release(r);
    return err_memory(e);
}

void replay_release(struct replay *r)
{
    free(r->low);
    free(r->step);
    free(r->label);
    free(r->code);
    memset(r, 0, sizeof(*r));
}

/* ---- codes ---- */

static int compare_floats(const void *x, const void *y)
{
    const float a = *(const float *)x, b = *(const float *)y;
    return (a > b) - (a < b);
}

int replay_fit(struct replay *r, const float *feature, size_t count, struct err *e)
{
    float *sorted = malloc((count + 1) * sizeof(*sorted));
    if (!sorted)
        return err_memory(e);
    const size_t cut = (size_t)(CUT * (double)count);
    for (size_t j = 0; j < r->width; j++) {
        for (size_t i = 0; i < count; i++)
            sorted[i] = feature[i * r->width + j];
        qsort(sorted, count, sizeof(*sorted), compare_floats);
        r->low[j] = sorted[cut];
        r->step[j] = (sorted[count - 1 - cut] - sorted[cut]) / REPLAY_LEVELS;
    }
    free(sorted);
    return 0;
}

void replay_encode(struct replay *r, size_t row, const float *feature)
{
    unsigned char *code = r->code + row * replay_row_bytes(r->width);
    memset(code, 0, replay_row_bytes(r->width));
    for (size_t j = 0; j < r->width; j++) {
        if (!(r->step[j] > 0))
            continue;
        const float steps = (feature[j] - r->low[j]) / r->step[j];
        const long level = lroundf(fminf(fmaxf(steps, 0), REPLAY_LEVELS));
        code[j / 2] = (unsigned char)(code[j / 2] | level << (j % 2 ? 4 : 0));
    }
}

void replay_decode(const struct replay *r, size_t row, float *feature)
{
    const unsigned char *code = r->code + row * replay_row_bytes(r->width);
    for (size_t j = 0; j < r->width; j++)
        feature[j] = r->low[j] + r->step[j] * (float)(code[j / 2] >> (j % 2 ? 4 : 0) & 15);
}

/* ---- writing ---- */

static void put(FILE *stream, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        putc((int)(value >> (8 * i) & 0xff), stream);
}

static void put_reals(FILE *stream, const float *value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, value + i, sizeof(bits));
        put(stream, bits);
    }
}

int replay_write(const struct replay *r, const char *path, struct err *e)
{
    const size_t rows = r->training + r->held_out;
    char *bytes = NULL;
    size_t size = 0;
    struct atomic_file file;
    int result = -1;
    FILE *stream = open_memstream(&bytes, &size);
    if (!stream)
        return err_memory(e);
    fwrite(MAGIC, 1, MAGIC_SIZE, stream);
    const uint32_t head[] = {VERSION,
                             r->checksum,
                             (uint32_t)r->layer,
                             (uint32_t)r->width,
                             (uint32_t)r->classes,
                             (uint32_t)r->training,
                             (uint32_t)r->held_out};
    for (size_t i = 0; i < sizeof(head) / sizeof(*head); i++)
        put(stream, head[i]);
    put_reals(stream, r->low, r->width);
    put_reals(stream, r->step, r->width);
    fwrite(r->label, 1, rows, stream);
    fwrite(r->code, replay_row_bytes(r->width), rows, stream);
    const bool failed = ferror(stream);
    if (fclose(stream) || failed) {
        err_memory(e);
        goto out;
    }
    if (atomic_open(&file, path, e))
        goto out;
    fwrite(bytes, 1, size, file.stream);
    put(file.stream, (uint32_t)crc32_z(0, (const Bytef *)bytes, size));
    result = atomic_commit(&file, e);
out:
    free(bytes);
    return result;
}

/* ---- reading ---- */

static uint32_t get(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static int get_reals(float *value, const unsigned char *bytes, size_t count, const char *what,
                     const char *name, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = get(bytes + 4 * i);
        memcpy(value + i, &bits, sizeof(bits));
        if (!isfinite(value[i]))
            return err_set(e, "'%s': %s %zu is no finite number", name, what, i);
    }
    return 0;
}

/* The counts, and that the file is as long as they say. */
static int parse_header(struct replay *r, const char *name, const unsigned char *bytes,
                        size_t count, struct err *e)
{
    uint32_t value[7];
    if (count < HEADER_SIZE + 4 || memcmp(bytes, MAGIC, MAGIC_SIZE) != 0)
        return err_set(e, "'%s' is no replay set", name);
    for (size_t i = 0; i < 7; i++)
        value[i] = get(bytes + MAGIC_SIZE + 4 * i);
    if (value[0] != VERSION)
        return err_set(e, "'%s' is a replay set of version %u, expected %u", name, value[0],
                       VERSION);
    if (get(bytes + count - 4) != (uint32_t)crc32_z(0, bytes, count - 4))
        return err_set(e, "'%s' is damaged: its checksum does not fit its %zu bytes", name, count);
    r->checksum = value[1];
    r->layer = value[2];
    r->width = value[3];
    r->classes = value[4];
    r->training = value[5];
    r->held_out = value[6];
    if (r->width == 0 || r->width > REPLAY_MAX_WIDTH || r->classes == 0 || r->classes > 256 ||
        r->training == 0)
        return err_set(e, "'%s' has %zu rows of %zu values and %zu classes, which cannot be", name,
                       r->training, r->width, r->classes);
    const uint64_t rows = (uint64_t)r->training + r->held_out;
    const uint64_t size =
        HEADER_SIZE + 8 * (uint64_t)r->width + rows * (1 + replay_row_bytes(r->width)) + 4;
    if (size != count)
        return err_set(e, "'%s' has %zu bytes, but its %llu rows of %zu values need %llu", name,
                       count, (unsigned long long)rows, r->width, (unsigned long long)size);
    return 0;
}

static int parse_body(struct replay *r, const char *name, const unsigned char *bytes, struct err *e)
{
    const size_t rows = r->training + r->held_out;
    const unsigned char *low = bytes + HEADER_SIZE, *step = low + 4 * r->width,
                        *label = step + 4 * r->width;
    if (get_reals(r->low, low, r->width, "the lowest value", name, e) ||
        get_reals(r->step, step, r->width, "the step of value", name, e))
        return -1;
    for (size_t i = 0; i < rows; i++)
        if (label[i] >= r->classes)
            return err_set(e, "'%s': row %zu has label %d of %zu classes", name, i, label[i],
                           r->classes);
    memcpy(r->label, label, rows);
    memcpy(r->code, label + rows, rows * replay_row_bytes(r->width));
    return 0;
}

int replay_parse(struct replay *r, const char *name, const unsigned char *bytes, size_t count,
                 struct err *e)
{
    memset(r, 0, sizeof(*r));
    if (parse_header(r, name, bytes, count, e) || replay_init(r, e)) {
        memset(r, 0, sizeof(*r));
        return -1;
    }
    if (parse_body(r, name, bytes, e) == 0)
        return 0;
    replay_release(r);
    return -1;
}

int replay_read(struct replay *r, const char *path, struct err *e)
{
    char *bytes = NULL;
    size_t count = 0;
    memset(r, 0, sizeof(*r));
    if (file_read(path, REPLAY_MAX_SIZE, &bytes, &count, e))
        return -1;
    const int result = replay_parse(r, path, (const unsigned char *)bytes, count, e);
    free(bytes);
    return result;
}

int replay_fits(const struct replay *r, const struct model *m, const char *name, struct err *e)
{
    const int frozen = nn_net_frozen_layers(m->net);
    if (r->checksum != m->checksum)
        return err_set(e,
                       "'%s' was made by weights of checksum %08x, those of '%s' have %08x: "
                       "features fit only the weights that made them",
                       name, (unsigned)r->checksum, m->prefix, (unsigned)m->checksum);
    const size_t width = nn_shape_values(nn_net_shape(m->net, frozen > 0 ? frozen - 1 : 0));
    if (r->layer != (size_t)frozen || r->width != width || r->classes != (size_t)m->names.count)
        return err_set(e,
                       "'%s' has %zu values of %zu layers and %zu classes, '%s' %zu values of %d "
                       "layers and %d classes",
                       name, r->width, r->layer, r->classes, m->prefix, width, frozen,
                       m->names.count);
    return 0;
}

int finetune_find_replay(const struct model *m, const char *path, struct err *e)
{
    struct replay r;
    if (access(path, F_OK) && errno == ENOENT) {
        err_set(e, "there is no '%s'", path);
        return 0;
    }
    if (replay_read(&r, path, e))
        return -1;
    const int fits = replay_fits(&r, m, path, e) == 0;
    replay_release(&r);
    return fits;
}
