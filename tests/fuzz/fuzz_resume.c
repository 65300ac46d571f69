/* Feeds the reading of an output file that --resume goes on with, in both formats. */
#include "cli/resume.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity);

static const struct column COLUMNS[] = {
    {"path", CELL_TEXT, 0, 0, 0}, {"face", CELL_INTEGER, 0, 0, 0}, {"status", CELL_TEXT, 0, 0, 0}};

enum { COUNT = 3 };

static struct input INPUTS[] = {
    {.path = "a.png"}, {.path = "b\n,\"c\".png"}, {.path = "d\xff.png"}};
static const struct inputs IN = {.count = 3, .input = INPUTS};

static const char *const SEEDS[] = {
    "path,face,status\na.png,0,ok\na.png,1,ok\n\"b\n,\"\"c\"\".png\",,no_face\nd\xff.png,0,ok\n",
    "path,face,status\na.png,,unreadable\n\"b\n,",
    "{\"path\":\"a.png\",\"face\":0,\"status\":\"ok\"}\n"
    "{\"path\":\"b\\n,\\\"c\\\".png\",\"face\":null,\"status\":\"unreadable\"}\n",
};

/* What is kept lies within the file and is of pictures that there are. */
static void scan(const char *path, size_t size, enum output_format format)
{
    struct resumption done;
    struct err e = {""};
    if (resume_scan(path, format, COLUMNS, COUNT, &IN, &done, &e)) {
        if (!e.text[0])
            abort();
        return;
    }
    if (done.bytes < 0 || (uint64_t)done.bytes > size || done.pictures > IN.count)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    const int file = memfd_create("rows", MFD_CLOEXEC);
    if (file < 0 || write(file, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    scan(path, size, FORMAT_CSV);
    scan(path, size, FORMAT_JSONL);
    close(file);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity)
{
    if (i >= (int)(sizeof(SEEDS) / sizeof(*SEEDS)))
        return 0;
    const size_t size = strlen(SEEDS[i]);
    if (size > capacity)
        abort();
    memcpy(buffer, SEEDS[i], size);
    return size;
}
