/* A model on disk: darknet's triple PREFIX.cfg, PREFIX.weights, PREFIX.names, of which every part
 * must fit the others. Writing one is the business of training. */
#include "fer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "fer/triple.h"

/* CRC-32 of a file, as in gzip. */
static int file_checksum(const char *path, uint32_t *checksum, struct err *e)
{
    unsigned char bytes[16384];
    size_t got;
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return err_set(e, "cannot open '%s': %s", path, strerror(errno));
    uLong sum = crc32(0, NULL, 0);
    while ((got = fread(bytes, 1, sizeof(bytes), stream)) > 0)
        sum = crc32_z(sum, bytes, got);
    int result = ferror(stream) ? err_set(e, "cannot read '%s': %s", path, strerror(errno)) : 0;
    fclose(stream);
    *checksum = (uint32_t)sum;
    return result;
}

static int check_fit(const struct model *m, const char *names_path, struct err *e)
{
    const struct nn_shape input = nn_net_input(m->net);
    const int outputs = nn_net_outputs(m->net);
    if (input.channels != 1 || input.width != input.height)
        return err_set(e,
                       "model '%s': the network's input is %dx%dx%d (channels, height, width), "
                       "expected one grey square",
                       m->prefix, input.channels, input.height, input.width);
    if (outputs != m->names.count)
        return err_set(e, "model '%s': the network has %d outputs but '%s' has %d names", m->prefix,
                       outputs, names_path, m->names.count);
    return 0;
}

/* The cfg's keys that concern pictures. Those of augmentation are not needed to classify, but
 * asking for them refuses nonsense here as in training, and keeps them out of the list of unknown
 * keys. */
static int read_options(struct model *m, struct err *e)
{
    struct augmentation unused;
    if (nn_net_option(m->net, "face_margin", 0, 0, 1, &m->margin, e))
        return -1;
    return augmentation_init(&unused, m->net, e);
}

static int open_parts(struct model *m, const char *prefix, const struct triple *t, struct err *e)
{
    m->prefix = strdup(prefix);
    if (!m->prefix)
        return err_memory(e);
    m->net = nn_net_new(t->cfg, NN_UNDRAWN, e);
    if (!m->net || names_read(&m->names, t->names, e) || check_fit(m, t->names, e) ||
        read_options(m, e) || nn_net_load_weights(m->net, t->weights, e))
        return -1;
    return file_checksum(t->weights, &m->checksum, e);
}

int model_open(struct model *m, const char *prefix, struct err *e)
{
    struct triple t;
    memset(m, 0, sizeof(*m));
    if (triple_init(&t, prefix, e))
        return -1;
    int result = open_parts(m, prefix, &t, e);
    if (result)
        model_close(m);
    triple_release(&t);
    return result;
}

void model_close(struct model *m)
{
    nn_net_free(m->net);
    names_release(&m->names);
    free(m->prefix);
    memset(m, 0, sizeof(*m));
}
