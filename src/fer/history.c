/* PREFIX.history.csv; see history.h. */
#include "fer/history.h"

#include <float.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/parse.h"

#define HEADER "epoch,rate,train_loss,train_accuracy,valid_loss,valid_accuracy"
#define COLUMNS 6

/* An int and five doubles of seven digits and an exponent need 11 + 5 * (1 + 14) characters and a
 * newline. */
#define LINE_MAX_SIZE 128

static void print_line(const struct epoch *epoch, char line[LINE_MAX_SIZE])
{
    snprintf(line, LINE_MAX_SIZE, "%d,%.7g,%.7g,%.7g,%.7g,%.7g\n", epoch->number, epoch->rate,
             epoch->train_loss, epoch->train_accuracy, epoch->valid_loss, epoch->valid_accuracy);
}

char *history_text(const struct epoch *epochs, size_t count)
{
    char *text = malloc(sizeof(HEADER "\n") + count * LINE_MAX_SIZE);
    if (!text)
        return NULL;
    char *end = stpcpy(text, HEADER "\n");
    for (size_t i = 0; i < count; i++) {
        print_line(&epochs[i], end);
        end += strlen(end);
    }
    return text;
}

int history_write(const struct epoch *epochs, size_t count, const char *path, struct err *e)
{
    char *text = history_text(epochs, count);
    if (!text)
        return err_memory(e);
    int result = file_write(path, text, strlen(text), e);
    free(text);
    return result;
}

/* The next line of `*text` without its newline, copied to `line`; -1 when it is too long or has no
 * newline. */
static int take_line(const char **text, char line[LINE_MAX_SIZE])
{
    size_t length = strcspn(*text, "\n");
    if (length >= LINE_MAX_SIZE || (*text)[length] != '\n')
        return -1;
    memcpy(line, *text, length);
    line[length] = '\0';
    *text += length + 1;
    return 0;
}

/* Returns NULL, or what is wrong with the line (which is cut into fields). */
static const char *parse_line(char *line, struct epoch *epoch)
{
    char *field[COLUMNS], *rest = line;
    int fields = 0;
    while (rest && fields < COLUMNS)
        field[fields++] = strsep(&rest, ",");
    if (rest || fields < COLUMNS)
        return "the fields are not six";
    long number;
    if (parse_long(field[0], 1, INT_MAX, &number))
        return "the epoch is not a positive integer";
    epoch->number = (int)number;
    if (parse_double(field[1], 0, DBL_MAX, &epoch->rate))
        return "the rate is not a number >= 0";
    if (parse_double(field[2], -DBL_MAX, DBL_MAX, &epoch->train_loss) ||
        parse_double(field[4], -DBL_MAX, DBL_MAX, &epoch->valid_loss))
        return "a loss is not a number";
    if (parse_double(field[3], 0, 1, &epoch->train_accuracy) ||
        parse_double(field[5], 0, 1, &epoch->valid_accuracy))
        return "an accuracy is not a number from 0 to 1";
    return NULL;
}

static size_t count_newlines(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += *text == '\n';
    return count;
}

int history_parse(const char *name, const char *text, struct epoch **epochs, size_t *count,
                  struct err *e)
{
    char line[LINE_MAX_SIZE];
    size_t lines = count_newlines(text);
    if (take_line(&text, line) || strcmp(line, HEADER) != 0)
        return err_set(e, "%s:1: the header is not '" HEADER "'", name);
    struct epoch *parsed = calloc(lines, sizeof(*parsed));
    if (!parsed)
        return err_memory(e);
    size_t used = 0;
    for (; *text; used++) {
        const char *wrong = "the line is too long or cut short";
        if (!take_line(&text, line))
            wrong = parse_line(line, &parsed[used]);
        if (!wrong && (size_t)parsed[used].number != used + 1)
            wrong = "the epochs do not count from 1";
        if (wrong) {
            free(parsed);
            return err_set(e, "%s:%zu: %s", name, used + 2, wrong);
        }
    }
    if (used == 0) {
        free(parsed);
        parsed = NULL;
    }
    *epochs = parsed;
    *count = used;
    return 0;
}

void history_round(struct epoch *epoch)
{
    char line[LINE_MAX_SIZE];
    struct epoch rounded;
    print_line(epoch, line);
    line[strcspn(line, "\n")] = '\0';
    if (!parse_line(line, &rounded))
        *epoch = rounded;
}
