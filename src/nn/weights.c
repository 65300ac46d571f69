/* darknet's weights files.
 *
 * Little-endian: int32 major, minor, revision; `seen`, pictures trained on, in 64 bits when
 * major*10+minor >= 2 and both are below 1000, else in 32; then the parameters as 32-bit floats,
 * layer by layer. With major or minor above 1000 connected weights lie (inputs, outputs). There are
 * no shapes in the file: its size must be what the cfg implies. */
#include <endian.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "nn/net.h"

#define SHORT_HEADER 16
#define LONG_HEADER 20

static uint32_t get32(const unsigned char *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return le32toh(value);
}

static float get_float(const unsigned char *bytes)
{
    uint32_t bits = get32(bytes);
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void put32(FILE *stream, uint32_t value)
{
    value = htole32(value);
    fwrite(&value, sizeof(value), 1, stream);
}

static bool has_long_seen(const int version[3])
{
    return (int64_t)version[0] * 10 + version[1] >= 2 && version[0] < 1000 && version[1] < 1000;
}

static bool is_transposed(const int version[3])
{
    return version[0] > 1000 || version[1] > 1000;
}

/* Where in memory value `k` of a run in the file belongs. */
static size_t place(const struct param *run, size_t k, bool transposed)
{
    if (!transposed || run->rows == 0)
        return k;
    size_t columns = run->count / run->rows;
    return k % run->rows * columns + k / run->rows;
}

static size_t count_in_file(const struct nn_net *net, bool saving)
{
    size_t count = 0;
    for (int i = 0; i < net->layers; i++) {
        const struct layer *l = net->layer[i];
        for (int k = 0; k < l->params && !(saving ? l->skip_save : l->skip_load); k++)
            count += l->param[k].count;
    }
    return count;
}

/* Negative variances and values that are no numbers would only surface later as a network that
 * answers nan. */
static int check_params(const struct nn_net *net, const char *path, const unsigned char *bytes,
                        struct err *e)
{
    for (int i = 0; i < net->layers; i++) {
        const struct layer *l = net->layer[i];
        for (int r = 0; r < l->params && !l->skip_load; r++)
            for (size_t k = 0; k < l->param[r].count; k++, bytes += 4) {
                float value = get_float(bytes);
                if (!isfinite(value) || (l->param[r].role == PARAM_VARIANCE && value < 0))
                    return err_set(e, "cannot use '%s': value %zu of layer %d [%s] is %g", path, k,
                                   i, l->kind->names[0], (double)value);
            }
    }
    return 0;
}

static void take_params(struct nn_net *net, const unsigned char *bytes)
{
    for (int i = 0; i < net->layers; i++) {
        const struct layer *l = net->layer[i];
        for (int r = 0; r < l->params && !l->skip_load; r++) {
            const struct param *run = &l->param[r];
            for (size_t k = 0; k < run->count; k++, bytes += 4)
                net->params[run->offset + place(run, k, net->transposed)] = get_float(bytes);
        }
    }
}

static void get_version(const unsigned char *bytes, int version[3])
{
    for (int i = 0; i < 3; i++)
        version[i] = (int)(int32_t)get32(bytes + 4 * i);
}

size_t nn_weights_header_size(const void *bytes, size_t count)
{
    int version[3];
    if (count < SHORT_HEADER)
        return 0;
    get_version(bytes, version);
    const size_t size = has_long_seen(version) ? LONG_HEADER : SHORT_HEADER;
    return count < size ? 0 : size;
}

static int parse_weights(struct nn_net *net, const char *path, const unsigned char *bytes,
                         size_t size, struct err *e)
{
    const size_t header = nn_weights_header_size(bytes, size);
    const size_t expected = header + 4 * count_in_file(net, false);
    if (header == 0)
        return err_set(e, "cannot use '%s': %zu bytes are not a darknet weights file", path, size);
    if (size != expected)
        return err_set(e, "cannot use '%s': it has %zu bytes, the network of '%s' needs %zu", path,
                       size, net->cfg.path, expected);
    if (check_params(net, path, bytes + header, e))
        return -1;
    get_version(bytes, net->version);
    net->transposed = is_transposed(net->version);
    take_params(net, bytes + header);
    net->seen = get32(bytes + 12) | (header == LONG_HEADER ? (uint64_t)get32(bytes + 16) << 32 : 0);
    return 0;
}

int nn_net_load_weights(struct nn_net *net, const char *path, struct err *e)
{
    char *bytes;
    size_t size;
    if (file_read(path, NN_MAX_WEIGHTS_BYTES, &bytes, &size, e))
        return -1;
    int result = parse_weights(net, path, (const unsigned char *)bytes, size, e);
    free(bytes);
    return result;
}

void nn_net_write_weights(const struct nn_net *net, FILE *stream)
{
    for (int i = 0; i < 3; i++)
        put32(stream, (uint32_t)net->version[i]);
    put32(stream, (uint32_t)net->seen);
    if (has_long_seen(net->version))
        put32(stream, (uint32_t)(net->seen >> 32));
    for (int i = 0; i < net->layers; i++) {
        const struct layer *l = net->layer[i];
        for (int r = 0; r < l->params && !l->skip_save; r++)
            for (size_t k = 0; k < l->param[r].count; k++) {
                uint32_t bits;
                memcpy(&bits,
                       &net->params[l->param[r].offset + place(&l->param[r], k, net->transposed)],
                       sizeof(bits));
                put32(stream, bits);
            }
    }
}

int nn_net_save_weights(const struct nn_net *net, const char *path, struct err *e)
{
    struct atomic_file f;
    if (atomic_open(&f, path, e))
        return -1;
    nn_net_write_weights(net, f.stream);
    return atomic_commit(&f, e);
}
