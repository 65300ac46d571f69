/* The nearest of some names to a mistyped word; see nearest.h. */
#include "cli/nearest.h"

#include <string.h>

#define WORD_MAX 40

void nearest_init(struct nearest *n, const char *word, size_t length)
{
    *n = (struct nearest){.word = word, .length = length};
    /* About a third of the letters may be wrong. */
    n->distance = length / 3 + 2;
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edits that turn one into the other, two letters swapped counting as one: the optimal string
 * alignment distance (Damerau 1964, restricted). Both are at most WORD_MAX long. */
static size_t edit_distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t row[3][WORD_MAX + 1];
    for (size_t j = 0; j <= m; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *now = row[i % 3];
        const size_t *above = row[(i + 2) % 3], *two_above = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = smallest(above[j] + 1, now[j - 1] + 1, change);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two_above[j - 2] + 1 < now[j])
                now[j] = two_above[j - 2] + 1;
        }
    }
    return row[n % 3][m];
}

void nearest_offer(struct nearest *n, const char *name)
{
    size_t length = strlen(name);
    if (n->length < 2 || n->length > WORD_MAX || length > WORD_MAX)
        return;
    size_t distance = edit_distance(n->word, n->length, name, length);
    /* The beginning of a name was probably meant as that name. */
    if (length > n->length && strncmp(name, n->word, n->length) == 0)
        distance = 1;
    if (distance < n->distance) {
        n->distance = distance;
        n->name = name;
    }
}
