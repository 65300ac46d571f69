/* Feeds PREFIX.state's parser: with the bytes as the whole file, and with the bytes as what follows
 * the key, framed and with a right checksum, so that the parser gets past it. What it takes is put
 * into a small trainer, which saves it again byte for byte. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "fer/checkpoint.h"
#include "scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity);

#define FRONT (CHECKPOINT_MAGIC_SIZE + 4 + 8 * KEY_COUNT)
#define CHECKSUM 4

/* A trainer that keeps all the arrays there are. */
static const char CFG[] = "[net]\nchannels=3\nheight=1\nwidth=1\nbatch=1\nadam=1\nema_alpha=.9\n"
                          "[connected]\noutput=2\nactivation=linear\n[softmax]\n";

static struct nn_net *new_net(void)
{
    struct nn_net *net = nn_net_parse("x.cfg", CFG, strlen(CFG), 1, NULL);
    if (!net)
        abort();
    return net;
}

static struct nn_trainer *new_trainer(struct nn_net *net)
{
    struct nn_trainer *t = nn_trainer_new(net, &(struct nn_trainer_options){.seed = 1}, NULL);
    if (!t)
        abort();
    return t;
}

/* ---- what is tried ---- */

static void check_saved_again(const struct nn_trainer *t, const unsigned char *engine, size_t size)
{
    char *bytes;
    size_t count;
    FILE *stream = open_memstream(&bytes, &count);
    if (!stream || nn_trainer_save(t, stream, NULL) || fclose(stream))
        abort();
    if (count != size || memcmp(bytes, engine, size) != 0)
        abort();
    free(bytes);
}

static void restore(struct checkpoint *c)
{
    struct err e = {""};
    struct nn_net *net = new_net();
    struct nn_trainer *t = new_trainer(net);
    const size_t size = c->engine_size;
    unsigned char *engine = malloc(size + 1);
    if (!engine)
        abort();
    if (size > 0)
        memcpy(engine, c->engine, size);
    if (checkpoint_restore(c, t, "state", &e) == 0)
        check_saved_again(t, engine, size);
    else if (!strstr(e.text, "'state'"))
        abort();
    free(engine);
    nn_trainer_free(t);
    nn_net_free(net);
}

static void parse(const uint8_t *bytes, size_t size)
{
    struct checkpoint c;
    struct err e = {""};
    if (checkpoint_parse(&c, "state", bytes, size, &e) == 0) {
        restore(&c);
        checkpoint_release(&c);
    } else if (!strstr(e.text, "'state'")) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nn_set_threads(1);
    parse(data, size);
    uint8_t *framed = calloc(1, FRONT + size + CHECKSUM);
    if (!framed)
        return 0;
    memcpy(framed, CHECKPOINT_MAGIC, CHECKPOINT_MAGIC_SIZE);
    framed[CHECKPOINT_MAGIC_SIZE] = CHECKPOINT_VERSION;
    if (size > 0)
        memcpy(framed + FRONT, data, size);
    uLong sum = crc32_z(0, framed, FRONT + size);
    for (size_t i = 0; i < CHECKSUM; i++)
        framed[FRONT + size + i] = (uint8_t)(sum >> (8 * i));
    parse(framed, FRONT + size + CHECKSUM);
    free(framed);
    return 0;
}

/* ---- seeds ---- */

/* A state in the second epoch, as the program writes it. */
static void write_state(const char *path)
{
    struct epoch first = {1, .01, 1.5, .25, 1.25, .5};
    const struct checkpoint c = {.threads = 1,
                                 .epoch = 2,
                                 .step = 1,
                                 .rate = .01,
                                 .loss = 1.25,
                                 .hits = 1,
                                 .best_epoch = 1,
                                 .best_accuracy = .5,
                                 .history = &first};
    struct nn_net *net = new_net();
    struct nn_trainer *t = new_trainer(net);
    nn_trainer_step(t, (const float[]){1, 2, 3}, (const float[]){0, 1}, NULL);
    if (checkpoint_write(&c, t, path, NULL))
        abort();
    nn_trainer_free(t);
    nn_net_free(net);
}

/* Of one state what follows the key, and the whole. */
size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity)
{
    char *bytes;
    size_t count;
    if (i > 1 || scratch_setup(NULL))
        return 0;
    write_state(scratch_file("seed.state"));
    if (file_read(scratch_file("seed.state"), capacity, &bytes, &count, NULL) ||
        scratch_teardown(NULL))
        abort();
    struct checkpoint c;
    if (checkpoint_parse(&c, "seed", (const uint8_t *)bytes, count, NULL))
        abort();
    checkpoint_release(&c);
    const size_t from = i == 0 ? FRONT : 0, size = i == 0 ? count - FRONT - CHECKSUM : count;
    memcpy(buffer, bytes + from, size);
    free(bytes);
    return size;
}
