/* Rows of results as csv, jsonl or table; see rows.h. */
#include "cli/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/utf8.h"

struct rows {
    struct output output;
    enum output_format format;
    struct column *columns; /* count of them; owned */
    bool *hidden;           /* (count) left out of a table; owned */
    size_t count;
    size_t next; /* the column that comes next in this row */
    int start,
        position; /* in a table: where that column begins, and what this row's text takes so far */
    struct json json;
    bool terminal; /* a progress bar must make way */
    bool failed;
    struct err failure; /* the first, empty when the reader went away */
};

enum output_format rows_format(const struct common_options *common)
{
    if (common->format != FORMAT_DEFAULT)
        return (enum output_format)common->format;
    return !common->output && isatty(STDOUT_FILENO) ? FORMAT_TABLE : FORMAT_CSV;
}

/* ---- one cell ---- */

static void csv_text(FILE *stream, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, stream);
        return;
    }
    putc('"', stream);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', stream);
        putc(*text, stream);
    }
    putc('"', stream);
}

static int column_width(const struct column *c)
{
    int name = (int)strlen(c->name);
    return name > c->width ? name : c->width;
}

/* Texts stand at the left of their column, numbers at the right. A text wider than its column
 * pushes the next cells to the right until one has room to spare. Blanks are written only before
 * something. */
static void table_cell(struct rows *r, const struct column *c, const char *text)
{
    if (r->hidden[r->next])
        return;
    FILE *stream = r->output.stream;
    int width = utf8_show(NULL, text), column = column_width(c);
    int target = r->start + (c->kind == CELL_TEXT ? 0 : column - width);
    int least = r->position > 0 ? r->position + 1 : 0;
    if (target < least)
        target = least;
    fprintf(stream, "%*s", target - r->position, "");
    utf8_show(stream, text);
    r->position = target + width;
    r->start += column + 2;
}

static void hex_text(struct rows *r, const char *name, const char *text)
{
    char key[64];
    snprintf(key, sizeof(key), "%s_hex", name);
    size_t length = strlen(text);
    char *hex = malloc(2 * length + 1);
    if (!hex) {
        json_null(&r->json, key);
        return;
    }
    for (size_t i = 0; i < length; i++)
        sprintf(hex + 2 * i, "%02x", (unsigned char)text[i]);
    json_text(&r->json, key, hex);
    free(hex);
}

static bool is_utf8(const char *text)
{
    uint32_t code;
    size_t length;
    while ((length = utf8_decode(text, &code)) > 0)
        text += length;
    return *text == '\0';
}

static void begin_cell(struct rows *r)
{
    FILE *stream = r->output.stream;
    if (r->next == 0) {
        r->start = r->position = 0;
        if (r->format == FORMAT_JSONL)
            json_begin(&r->json, stream);
    } else if (r->format == FORMAT_CSV) {
        putc(',', stream);
    }
}

/* A cell that csv and table write as `text`. */
static void plain_cell(struct rows *r, const char *text)
{
    if (r->format == FORMAT_CSV)
        csv_text(r->output.stream, text);
    else
        table_cell(r, &r->columns[r->next], *text ? text : "-");
}

void rows_text(struct rows *r, const char *text)
{
    begin_cell(r);
    const char *name = r->columns[r->next].name;
    if (r->format != FORMAT_JSONL) {
        plain_cell(r, text);
    } else {
        json_text(&r->json, name, text);
        if (!is_utf8(text))
            hex_text(r, name, text);
    }
    r->next++;
}

void rows_integer(struct rows *r, long value)
{
    begin_cell(r);
    char text[32];
    snprintf(text, sizeof(text), "%ld", value);
    if (r->format != FORMAT_JSONL)
        plain_cell(r, text);
    else
        json_integer(&r->json, r->columns[r->next].name, value);
    r->next++;
}

void rows_real(struct rows *r, double value)
{
    begin_cell(r);
    const struct column *c = &r->columns[r->next];
    char text[512];
    snprintf(text, sizeof(text), "%.*f", c->decimals, value);
    if (r->format != FORMAT_JSONL)
        plain_cell(r, text);
    else
        json_real(&r->json, c->name, value, c->decimals);
    r->next++;
}

void rows_empty(struct rows *r)
{
    begin_cell(r);
    if (r->format != FORMAT_JSONL)
        plain_cell(r, "");
    else
        json_null(&r->json, r->columns[r->next].name);
    r->next++;
}

void rows_empties(struct rows *r, size_t count)
{
    for (size_t i = 0; i < count; i++)
        rows_empty(r);
}

/* ---- rows ---- */

/* Errors are collected, so that a command can write a whole row and then look. */
static int hand_on(struct rows *r)
{
    if (r->failed)
        return -1;
    r->failed = output_flush(&r->output, &r->failure) != 0;
    return r->failed ? -1 : 0;
}

int rows_end(struct rows *r)
{
    if (r->terminal)
        progress_clear();
    if (r->format == FORMAT_JSONL)
        json_end(&r->json);
    else
        putc('\n', r->output.stream);
    r->next = 0;
    return hand_on(r);
}

static int table_width(const struct rows *r)
{
    int width = 0;
    for (size_t i = 0; i < r->count; i++)
        if (!r->hidden[i])
            width += column_width(&r->columns[i]) + (width > 0 ? 2 : 0);
    return width;
}

static void hide_wide_columns(struct rows *r)
{
    struct winsize size;
    if (!r->terminal || ioctl(fileno(r->output.stream), TIOCGWINSZ, &size) || size.ws_col == 0)
        return;
    int rank = 0;
    for (size_t i = 0; i < r->count; i++)
        rank = r->columns[i].rank > rank ? r->columns[i].rank : rank;
    for (; rank > 0 && table_width(r) > size.ws_col; rank--)
        for (size_t i = 0; i < r->count; i++)
            r->hidden[i] |= r->columns[i].rank == rank;
}

static int write_header(struct rows *r)
{
    if (r->format == FORMAT_JSONL)
        return 0;
    if (r->format == FORMAT_TABLE)
        hide_wide_columns(r);
    for (size_t i = 0; i < r->count; i++)
        rows_text(r, r->columns[i].name);
    return rows_end(r);
}

void rows_abandon(struct rows *r)
{
    output_abandon(&r->output);
    free(r->columns);
    free(r->hidden);
    free(r);
}

/* `keep` below 0: a file of its own, which appears whole. */
static struct rows *open_rows(const struct common_options *common, const struct column *columns,
                              size_t count, long long keep, struct err *e)
{
    struct rows *r = calloc(1, sizeof(*r));
    if (!r)
        return err_memory_null(e);
    r->count = count;
    r->format = rows_format(common);
    r->columns = calloc(count, sizeof(*columns));
    r->hidden = calloc(count, sizeof(*r->hidden));
    if (!r->columns || !r->hidden) {
        err_memory(e);
        goto out;
    }
    memcpy(r->columns, columns, count * sizeof(*columns));
    if (keep < 0 ? output_open(&r->output, common->output, e)
                 : output_continue(&r->output, common->output, keep, e))
        goto out;
    r->terminal = output_is_terminal(&r->output);
    if (keep > 0 || write_header(r) == 0 || r->output.closed)
        return r;
    if (e)
        *e = r->failure;
out:
    rows_abandon(r);
    return NULL;
}

struct rows *rows_open(const struct common_options *common, const struct column *columns,
                       size_t count, struct err *e)
{
    return open_rows(common, columns, count, -1, e);
}

struct rows *rows_continue(const struct common_options *common, const struct column *columns,
                           size_t count, long long keep, struct err *e)
{
    return open_rows(common, columns, count, keep, e);
}

/* ---- bytes of a row ---- */

char *rows_header_bytes(enum output_format format, const struct column *columns, size_t count)
{
    char *bytes = NULL;
    size_t size;
    FILE *stream = open_memstream(&bytes, &size);
    if (!stream)
        return NULL;
    for (size_t i = 0; i < count && format == FORMAT_CSV; i++) {
        csv_text(stream, columns[i].name);
        putc(i + 1 < count ? ',' : '\n', stream);
    }
    fclose(stream);
    return bytes;
}

char *rows_first_bytes(enum output_format format, const struct column *columns, const char *text)
{
    char *bytes = NULL;
    size_t size;
    FILE *stream = open_memstream(&bytes, &size);
    if (!stream)
        return NULL;
    struct column first = columns[0];
    struct rows r = {.output.stream = stream, .format = format, .columns = &first, .count = 1};
    rows_text(&r, text);
    if (format == FORMAT_JSONL)
        fprintf(stream, ",\"%s\":", columns[1].name);
    else
        putc(',', stream);
    fclose(stream);
    return bytes;
}

int rows_close(struct rows *r, struct err *e)
{
    int result = 0;
    if (r->failed && !r->output.closed) {
        result = -1;
        if (e)
            *e = r->failure;
    } else {
        result = output_commit(&r->output, e);
    }
    rows_abandon(r);
    return result;
}
