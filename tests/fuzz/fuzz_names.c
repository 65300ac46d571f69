/* Feeds the parser of .names files; names that it takes must be clean, distinct and found again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fer/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity);

static void check(const struct names *names)
{
    if (names->count < 1 || names->count > NAMES_MAX)
        abort();
    for (int i = 0; i < names->count; i++)
        if (!names->name[i][0] || strpbrk(names->name[i], "\r\n\t") ||
            names_find(names, names->name[i]) != i)
            abort();
    char *joined = names_join(names);
    if (!joined)
        abort();
    free(joined);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct names names;
    struct err e = {""};
    if (names_parse(&names, (const char *)data, size, "x.names", &e)) {
        if (names.count || names.name || !e.text[0])
            abort();
        return 0;
    }
    check(&names);
    names_release(&names);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity)
{
    static const char *const TEXTS[] = {
        "angry\ndisgust\nfear\nhappy\nsad\nsurprise\nneutral\n",
        " one two \r\nthree\t\r\n\r\n",
        "\xef\xbb\xbfgl\xc3\xbc"
        "cklich\nb\n\nc",
    };
    if (i >= (int)(sizeof(TEXTS) / sizeof(TEXTS[0])))
        return 0;
    const size_t size = strlen(TEXTS[i]) < capacity ? strlen(TEXTS[i]) : capacity;
    memcpy(buffer, TEXTS[i], size);
    return size;
}
