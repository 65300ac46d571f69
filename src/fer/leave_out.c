/* Rows that are better left out: of training, what `--leave-out` names; of an evaluation, pictures
 * that the model was trained on. See fer.h. */
#include <stdlib.h>
#include <string.h>

#include "fer/dataset.h"
#include "fer/identical.h"

static const char *const REASONS[LEAVE_OUT_REASONS] = {"blank", "test-copies", "conflicts",
                                                       "surplus"};

#define BLANK (1u << LEAVE_OUT_BLANK)
#define TEST_COPIES (1u << LEAVE_OUT_TEST_COPIES)
#define CONFLICTS (1u << LEAVE_OUT_CONFLICTS)
#define SURPLUS (1u << LEAVE_OUT_SURPLUS)

unsigned leave_out_parse(const char *text, struct err *e)
{
    unsigned reasons = 0;
    for (const char *word = text;;) {
        const size_t length = strcspn(word, ",");
        int found = 0;
        while (found < LEAVE_OUT_REASONS &&
               (strlen(REASONS[found]) != length || memcmp(REASONS[found], word, length) != 0))
            found++;
        if (found == LEAVE_OUT_REASONS) {
            err_set(e, "'%.*s' is none of blank, test-copies, conflicts, surplus", (int)length,
                    word);
            return 0;
        }
        if (reasons & 1u << found) {
            err_set(e, "'%s' is named twice", REASONS[found]);
            return 0;
        }
        reasons |= 1u << found;
        if (word[length] == '\0')
            return reasons;
        word += length + 1;
    }
}

/* ---- a group of identical pictures ---- */

/* Is one of them in these splits? */
static bool is_in(const struct dataset *d, unsigned splits, const uint32_t *row, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (d->split[row[i]] & splits)
            return true;
    return false;
}

/* Do its Training rows have more than one label? */
static bool has_conflict(const struct dataset *d, const uint32_t *row, size_t count)
{
    int label = -1;
    for (size_t i = 0; i < count; i++) {
        if (d->split[row[i]] != SPLIT_TRAINING)
            continue;
        if (label >= 0 && d->label[row[i]] != label)
            return true;
        label = d->label[row[i]];
    }
    return false;
}

/* ---- training ---- */

/* The reason that takes the whole group, or LEAVE_OUT_REASONS. */
static int group_reason(const struct dataset *d, const uint32_t *row, size_t count,
                        unsigned reasons)
{
    if ((reasons & BLANK) && dataset_is_blank(d, row[0]))
        return LEAVE_OUT_BLANK;
    if ((reasons & TEST_COPIES) && is_in(d, SPLIT_PUBLIC_TEST | SPLIT_PRIVATE_TEST, row, count))
        return LEAVE_OUT_TEST_COPIES;
    if ((reasons & CONFLICTS) && has_conflict(d, row, count))
        return LEAVE_OUT_CONFLICTS;
    return LEAVE_OUT_REASONS;
}

static void sift_group(const struct dataset *d, const uint32_t *row, size_t count, unsigned reasons,
                       unsigned char *keep, size_t left_out[LEAVE_OUT_REASONS])
{
    const int whole = group_reason(d, row, count, reasons);
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        if (d->split[row[i]] != SPLIT_TRAINING)
            continue;
        const int reason =
            whole == LEAVE_OUT_REASONS && !first && (reasons & SURPLUS) ? LEAVE_OUT_SURPLUS : whole;
        keep[row[i]] = reason == LEAVE_OUT_REASONS;
        if (reason != LEAVE_OUT_REASONS)
            left_out[reason]++;
        first = false;
    }
}

int dataset_leave_out(struct dataset *d, unsigned reasons, size_t left_out[LEAVE_OUT_REASONS],
                      struct err *e)
{
    struct identical same;
    memset(left_out, 0, LEAVE_OUT_REASONS * sizeof(*left_out));
    unsigned char *keep = calloc(d->count + 1, 1);
    if (!keep)
        return err_memory(e);
    if (identical_init(&same, d, e)) {
        free(keep);
        return -1;
    }
    for (size_t g = 0; g < same.groups; g++)
        sift_group(d, same.row + same.start[g], same.start[g + 1] - same.start[g], reasons, keep,
                   left_out);
    identical_release(&same);
    dataset_keep(d, keep);
    free(keep);
    return 0;
}

/* ---- evaluation ---- */

int dataset_drop_seen(struct dataset *d, size_t *dropped, struct err *e)
{
    struct identical same;
    *dropped = 0;
    unsigned char *keep = calloc(d->count + 1, 1);
    if (!keep)
        return err_memory(e);
    if (identical_init(&same, d, e)) {
        free(keep);
        return -1;
    }
    for (size_t g = 0; g < same.groups; g++) {
        const uint32_t *row = same.row + same.start[g];
        const size_t count = same.start[g + 1] - same.start[g];
        const bool seen = is_in(d, SPLIT_TRAINING, row, count);
        for (size_t i = 0; i < count; i++) {
            keep[row[i]] = !seen;
            *dropped += seen && d->split[row[i]] != SPLIT_TRAINING;
        }
    }
    identical_release(&same);
    dataset_keep(d, keep);
    free(keep);
    return 0;
}
