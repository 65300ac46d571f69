/* Which pictures have their rows in an output file; see resume.h.
 *
 * A row begins with the picture's path as it is always written, and then has the face's number: 0,
 * or nothing in the one row of a picture without a face, begins the next picture. */
#include "cli/resume.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scan {
    const char *path;
    FILE *stream;
    enum output_format format;
    const struct column *columns;
    const struct inputs *in;
    char *row; /* the last one read, with its line end; owned */
    size_t capacity, length;
    long number;     /* of its first line */
    long lines;      /* read */
    size_t begun;    /* pictures of which a row was read */
    size_t faces;    /* rows of the last of them */
    long long start; /* where its first row begins */
    bool unreadable; /* the last of them is */
};

int resume_check(const struct picture_options *o, struct err *e)
{
    if (!o->inputs.resume)
        return 0;
    if (!o->common.output)
        return err_set(e, "--resume needs -o: the file to go on with");
    if (o->common.format == FORMAT_TABLE)
        return err_set(e, "--resume goes on with csv or jsonl, not with a table");
    return 0;
}

static int grow(struct scan *s, size_t needed, struct err *e)
{
    if (needed <= s->capacity)
        return 0;
    char *grown = realloc(s->row, 2 * needed);
    if (!grown)
        return err_memory(e);
    s->row = grown;
    s->capacity = 2 * needed;
    return 0;
}

/* Reads a row: in csv a line end between quotes is part of it. 1: there it is; 0: the file ends, or
 * ends inside a row; -1: no memory. */
static int read_row(struct scan *s, struct err *e)
{
    bool quoted = false;
    s->length = 0;
    s->number = s->lines + 1;
    for (int c; (c = getc(s->stream)) != EOF;) {
        if (grow(s, s->length + 2, e))
            return -1;
        s->row[s->length++] = (char)c;
        s->row[s->length] = '\0';
        quoted ^= c == '"' && s->format == FORMAT_CSV;
        s->lines += c == '\n';
        if (c == '\n' && !quoted)
            return 1;
    }
    return 0;
}

/* Where the row goes on behind this path, NULL when it is another one's; -1 in `*face` for no face.
 */
static const char *match(const struct scan *s, size_t picture, long *face)
{
    if (picture >= s->in->count)
        return NULL;
    char *first = rows_first_bytes(s->format, s->columns, s->in->input[picture].path);
    const size_t length = first ? strlen(first) : 0;
    const char *rest = NULL;
    if (first && s->length > length && memcmp(s->row, first, length) == 0)
        rest = s->row + length;
    free(first);
    if (rest) {
        char *end;
        *face = strtol(rest, &end, 10);
        if (end == rest)
            *face = -1;
    }
    return rest;
}

static bool ends_with(const struct scan *s, const char *text)
{
    const size_t length = strlen(text);
    return s->length >= length && memcmp(s->row + s->length - length, text, length) == 0;
}

/* Takes the row that was read; `at` is where it begins in the file. */
static int take_row(struct scan *s, long long at, struct resumption *done, struct err *e)
{
    long face;
    if (match(s, s->begun, &face) && face <= 0) {
        done->pictures = s->begun++;
        done->bytes = at;
        done->unreadable |= s->unreadable;
        s->faces = 1;
        s->unreadable =
            ends_with(s, s->format == FORMAT_CSV ? ",unreadable\n" : "\"unreadable\"}\n");
        return 0;
    }
    if (s->begun > 0 && match(s, s->begun - 1, &face) && face == (long)s->faces) {
        s->faces++;
        return 0;
    }
    return err_set(e,
                   "cannot go on with '%s': its line %ld is not of the picture that comes next, %s",
                   s->path, s->number,
                   s->begun < s->in->count ? s->in->input[s->begun].path : "for there is none");
}

static int scan_rows(struct scan *s, long long at, struct resumption *done, struct err *e)
{
    int result;
    done->bytes = at;
    while ((result = read_row(s, e)) == 1) {
        if (take_row(s, at, done, e))
            return -1;
        at += (long long)s->length;
    }
    if (result == 0 && ferror(s->stream))
        return err_set(e, "cannot read '%s': %s", s->path, strerror(errno));
    return result;
}

/* A header that was cut is written again. */
static int scan_file(struct scan *s, size_t count, struct resumption *done, struct err *e)
{
    char *header = rows_header_bytes(s->format, s->columns, count);
    const size_t length = header ? strlen(header) : 0;
    int result = header ? 0 : err_memory(e);
    if (result == 0 && length > 0) {
        const int whole = read_row(s, e);
        if (whole < 0 || s->length > length || (s->length > 0 && memcmp(s->row, header, s->length)))
            result =
                err_set(e, "cannot go on with '%s': its first line is not the header of these rows",
                        s->path);
        else if (whole == 0)
            goto out;
    }
    if (result == 0)
        result = scan_rows(s, (long long)length, done, e);
out:
    free(header);
    return result;
}

int resume_scan(const char *path, enum output_format format, const struct column *columns,
                size_t count, const struct inputs *in, struct resumption *done, struct err *e)
{
    *done = (struct resumption){0};
    struct scan s = {.path = path, .format = format, .columns = columns, .in = in};
    s.stream = fopen(path, "rb");
    if (!s.stream)
        return errno == ENOENT ? 0 : err_set(e, "cannot open '%s': %s", path, strerror(errno));
    const int result = scan_file(&s, count, done, e);
    fclose(s.stream);
    free(s.row);
    return result;
}

struct rows *resume_rows(const struct picture_options *o, const struct column *columns,
                         size_t count, const struct inputs *in, struct resumption *done,
                         struct err *e)
{
    *done = (struct resumption){0};
    if (!o->inputs.resume)
        return rows_open(&o->common, columns, count, e);
    if (resume_scan(o->common.output, rows_format(&o->common), columns, count, in, done, e))
        return NULL;
    return rows_continue(&o->common, columns, count, done->bytes, e);
}
