/* Memory shared by buffers whose lifetimes do not overlap; see slots.h. */
#include "nn/slots.h"

#include <stdlib.h>
#include <string.h>

#include "nn/tensor.h"

int slots_take(struct slots *s, size_t count, int birth, int death)
{
    /* The free slot that fits best; failing that, the largest free one grows least. */
    int best = -1;
    for (int i = 0; i < s->count; i++) {
        if (s->slot[i].busy_until >= birth)
            continue;
        if (best < 0) {
            best = i;
            continue;
        }
        size_t have = s->slot[i].count, found = s->slot[best].count;
        if (found < count ? have > found : have >= count && have < found)
            best = i;
    }
    if (best < 0) {
        struct slot *grown = realloc(s->slot, (size_t)(s->count + 1) * sizeof(*grown));
        if (!grown)
            return -1;
        s->slot = grown;
        best = s->count++;
        s->slot[best] = (struct slot){0};
    }
    if (s->slot[best].count < count)
        s->slot[best].count = count;
    s->slot[best].busy_until = death;
    return best;
}

int slots_make(struct slots *s, struct err *e)
{
    for (int i = 0; i < s->count; i++) {
        s->slot[i].value = floats_new(s->slot[i].count);
        if (!s->slot[i].value)
            return err_memory(e);
    }
    return 0;
}

void slots_release(struct slots *s)
{
    for (int i = 0; i < s->count; i++)
        free(s->slot[i].value);
    free(s->slot);
    memset(s, 0, sizeof(*s));
}
