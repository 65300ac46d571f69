/* Feeds the reader of weights files. What it takes is written back byte for byte; what it refuses
 * changes nothing. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "nn.h"
#include "scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity);

/* 2 filters with a batch norm, 3 outputs: 2 * 4 + 2 * 4 and 3 + 3 * 8 floats. */
static const char CFG[] = "[net]\nchannels=1\nheight=3\nwidth=3\n"
                          "[convolutional]\nfilters=2\nsize=2\nbatch_normalize=1\nactivation=relu\n"
                          "[connected]\noutput=3\nactivation=linear\n[softmax]\n";
enum { FLOATS = 43 };

static void remove_folder(void)
{
    scratch_teardown(NULL);
}

static struct nn_net *new_net(void)
{
    static int ready;
    struct err e;
    struct nn_net *net = nn_net_parse("x.cfg", CFG, strlen(CFG), 1, &e);
    if (!net || nn_net_parameters(net) != FLOATS)
        abort();
    if (!ready && scratch_setup(NULL) == 0)
        ready = atexit(remove_folder) == 0;
    return net;
}

static void check_written_back(const struct nn_net *net, const uint8_t *data, size_t size)
{
    struct err e;
    char *bytes;
    size_t count;
    if (nn_net_save_weights(net, scratch_file("out.weights"), &e) ||
        file_read(scratch_file("out.weights"), 1 << 20, &bytes, &count, &e))
        abort();
    if (count != size || memcmp(bytes, data, size) != 0)
        abort();
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = {""};
    float before[FLOATS];
    struct nn_net *net = new_net();
    memcpy(before, nn_net_values(net), sizeof(before));
    if (nn_net_load_weights(net, scratch_write("in.weights", data, size), &e) == 0)
        check_written_back(net, data, size);
    else if (!strstr(e.text, "in.weights") || strchr(e.text, '\n') ||
             memcmp(before, nn_net_values(net), sizeof(before)) != 0)
        abort();
    nn_net_free(net);
    return 0;
}

/* Headers with 64 and 32 bits of `seen`, and one with transposed weights. */
size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity)
{
    static const int32_t version[][3] = {{0, 2, 0}, {0, 1, 0}, {1001, 0, 0}};
    if (i > 2 || capacity < 20 + 4 * FLOATS)
        return 0;
    size_t header = i == 0 ? 20 : 16;
    memset(buffer, 0, header);
    memcpy(buffer, version[i], sizeof(version[i]));
    for (size_t k = 0; k < FLOATS; k++) {
        float value = 1 + (float)k / 64;
        memcpy(buffer + header + 4 * k, &value, sizeof(value));
    }
    return header + 4 * FLOATS;
}
