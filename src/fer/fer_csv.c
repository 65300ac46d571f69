/* FER-2013's CSV, read in one pass from a plain or a gzip file.
 *
 * Format: a header, `emotion,pixels,Usage` or `emotion, Usage, pixels`, then a row a picture: a
 * label 0..6, 48 x 48 numbers 0..255 in row-major order with blanks between, and the split.
 * Kaggle's copies differ in details, so lines end with LF or CRLF, blanks may surround a field and
 * quotes enclose it, and a byte order mark may come first. Blank lines are legal at the end only.
 * Everything else is refused with its line. */
#include "fer/fer_csv.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fer/dataset.h"

#define SIDE 48
#define PIXELS (SIDE * SIDE)
#define FIELDS 3
#define LINE_LIMIT 65536 /* bytes; 2304 pixels of "255" and a blank are 9216 */
#define BUFFER_SIZE (8 * LINE_LIMIT)
#define INFLATE_BUFFER (1u << 18)

/* ---- lines ---- */

struct line_reader {
    gzFile stream;
    const char *path;   /* for messages */
    char *buffer;       /* BUFFER_SIZE + 1 bytes: room to terminate a last line without LF; owned */
    size_t start, end;  /* what has been read and not handed out */
    bool at_end;        /* the stream gives no more */
    bool cut_short;     /* ... because it stops inside its gzip data */
    unsigned long line; /* number of the line handed out last, from 1 */
};

/* Part of the file: not terminated, points into the reader's buffer. */
struct text {
    const char *at;
    size_t length;
};

static int fill(struct line_reader *r, struct err *e)
{
    memmove(r->buffer, r->buffer + r->start, r->end - r->start);
    r->end -= r->start;
    r->start = 0;
    size_t room = BUFFER_SIZE - r->end;
    int got = gzread(r->stream, r->buffer + r->end, (unsigned)room);
    if (got > 0)
        r->end += (size_t)got;
    if (r->end == BUFFER_SIZE)
        return 0;

    int code, reason = errno;
    const char *text = gzerror(r->stream, &code);
    if (code == Z_ERRNO)
        text = strerror(reason);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
        return r->line ? err_set(e, "cannot read '%s' after line %lu: %s", r->path, r->line, text)
                       : err_set(e, "cannot read '%s': %s", r->path, text);
    r->at_end = true;
    r->cut_short = code == Z_BUF_ERROR;
    return 0;
}

/* The next line, without its end and terminated by a NUL. Returns 1, 0 after the last one, or -1.
 */
static int next_line(struct line_reader *r, struct text *line, struct err *e)
{
    char *start, *stop;
    for (;;) {
        start = r->buffer + r->start;
        size_t unread = r->end - r->start;
        stop = memchr(start, '\n', unread);
        if (stop || r->at_end || unread > LINE_LIMIT)
            break;
        if (fill(r, e))
            return -1;
    }
    if (!stop && r->at_end && r->cut_short)
        return err_set(e, "%s:%lu: the gzip data ends here: the file is cut short", r->path,
                       r->line + 1);
    if (!stop && r->at_end && r->start == r->end)
        return 0;

    r->line++;
    char *end = stop ? stop : r->buffer + r->end;
    if (end - start > LINE_LIMIT)
        return err_set(e, "%s:%lu: the line is longer than %d bytes", r->path, r->line, LINE_LIMIT);
    r->start = (size_t)(end - r->buffer) + (stop != NULL);
    if (end > start && end[-1] == '\r')
        end--;
    *end = '\0';
    *line = (struct text){start, (size_t)(end - start)};
    return 1;
}

/* ---- fields ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct text trim(struct text t)
{
    while (t.length > 0 && is_blank(t.at[0])) {
        t.at++;
        t.length--;
    }
    while (t.length > 0 && is_blank(t.at[t.length - 1]))
        t.length--;
    return t;
}

static struct text unquote(struct text t)
{
    if (t.length < 2 || t.at[0] != '"' || t.at[t.length - 1] != '"')
        return t;
    return trim((struct text){t.at + 1, t.length - 2});
}

/* Cuts a line at its commas. Returns the number of fields, of which the first FIELDS are stored. */
static int split_fields(struct text line, struct text *field)
{
    int count = 0;
    const char *end = line.at + line.length;
    for (const char *at = line.at;; count++) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        if (count < FIELDS)
            field[count] = unquote(trim((struct text){at, (size_t)(stop - at)}));
        if (!comma)
            return count + 1;
        at = comma + 1;
    }
}

static bool equals(struct text t, const char *word)
{
    return t.length == strlen(word) && memcmp(t.at, word, t.length) == 0;
}

/* What a message shows of a hostile file: the first bytes, printable. */
struct excerpt {
    char text[44];
};

static struct excerpt excerpt(struct text t)
{
    struct excerpt x;
    size_t room = sizeof(x.text) - 4, shown = t.length < room ? t.length : room;
    for (size_t i = 0; i < shown; i++)
        x.text[i] = (char)(t.at[i] >= ' ' && t.at[i] <= '~' ? t.at[i] : '?');
    strcpy(x.text + shown, t.length > room ? "..." : "");
    return x;
}

/* ---- rows ---- */

/* Which column holds what; the label is always the first. */
struct layout {
    int pixels, usage;
};

static int parse_header(const struct line_reader *r, struct text line, struct layout *layout,
                        struct err *e)
{
    struct text field[FIELDS];
    if (line.length >= 3 && memcmp(line.at, "\xef\xbb\xbf", 3) == 0)
        line = (struct text){line.at + 3, line.length - 3};
    if (split_fields(line, field) == FIELDS && equals(field[0], "emotion")) {
        *layout = (struct layout){.pixels = 1, .usage = 2};
        if (equals(field[1], "pixels") && equals(field[2], "Usage"))
            return 0;
        *layout = (struct layout){.pixels = 2, .usage = 1};
        if (equals(field[1], "Usage") && equals(field[2], "pixels"))
            return 0;
    }
    return err_set(e,
                   "%s:%lu: the header is '%s', expected 'emotion,pixels,Usage' or 'emotion, "
                   "Usage, pixels'",
                   r->path, r->line, excerpt(line).text);
}

/* Reads blank-separated numbers 0..255 and stores the first PIXELS of them. Returns how many there
 * are; at something else it stops, with `*fault` there (NULL otherwise). A field is followed by a
 * byte that is no digit. */
static size_t parse_pixels(struct text field, unsigned char *pixels, const char **fault)
{
    const char *p = field.at, *end = field.at + field.length;
    size_t count = 0;
    for (;;) {
        while (p < end && is_blank(*p))
            p++;
        *fault = NULL;
        if (p == end)
            return count;
        *fault = p;
        unsigned value = (unsigned)(unsigned char)*p++ - '0', digit;
        if (value > 9)
            return count;
        while ((digit = (unsigned)(unsigned char)*p - '0') <= 9) {
            value = 10 * value + digit;
            if (value > UCHAR_MAX)
                return count;
            p++;
        }
        if (p < end && !is_blank(*p))
            return count;
        if (count < PIXELS)
            pixels[count] = (unsigned char)value;
        count++;
    }
}

static int read_pixels(const struct line_reader *r, struct text field, unsigned char *pixels,
                       struct err *e)
{
    const char *fault;
    size_t count = parse_pixels(field, pixels, &fault);
    if (fault) {
        size_t rest = (size_t)(field.at + field.length - fault), length = 0;
        while (length < rest && !is_blank(fault[length]))
            length++;
        return err_set(e, "%s:%lu: pixel %zu is '%s', expected a number from 0 to 255", r->path,
                       r->line, count + 1, excerpt((struct text){fault, length}).text);
    }
    if (count != PIXELS)
        return err_set(e, "%s:%lu: %zu pixels, expected %d", r->path, r->line, count, PIXELS);
    return 0;
}

/* Where rows go. */
struct sink {
    struct dataset_growth growth;
    struct layout layout;
    unsigned splits;                  /* rows of these are kept */
    unsigned char index[FER_CLASSES]; /* FER's label to the names' order */
};

static int read_row(struct sink *s, const struct line_reader *r, struct text line, struct err *e)
{
    struct text field[FIELDS];
    int fields = split_fields(line, field);
    if (fields != FIELDS)
        return err_set(e, "%s:%lu: %d fields, expected %d", r->path, r->line, fields, FIELDS);
    if (field[0].length != 1 || field[0].at[0] < '0' || field[0].at[0] >= '0' + FER_CLASSES)
        return err_set(e, "%s:%lu: the label is '%s', expected a number from 0 to %d", r->path,
                       r->line, excerpt(field[0]).text, FER_CLASSES - 1);
    struct text usage = field[s->layout.usage];
    unsigned split = split_find(usage.at, usage.length);
    if (!split)
        return err_set(e, "%s:%lu: the Usage is '%s', expected Training, PublicTest or PrivateTest",
                       r->path, r->line, excerpt(usage).text);

    /* A row of another split is checked in the same place and then overwritten. */
    if (dataset_grow(&s->growth, false, e))
        return -1;
    struct dataset *set = &s->growth.set;
    if (read_pixels(r, field[s->layout.pixels], set->pixels + set->count * PIXELS, e))
        return -1;
    if (split & s->splits) {
        set->label[set->count] = s->index[field[0].at[0] - '0'];
        set->split[set->count] = (unsigned char)split;
        set->count++;
    }
    return 0;
}

static int read_lines(struct sink *s, struct line_reader *r, struct err *e)
{
    struct text line;
    int more = next_line(r, &line, e);
    if (more < 0)
        return -1;
    if (more == 0)
        return err_set(e, "'%s' is empty", r->path);
    if (parse_header(r, line, &s->layout, e))
        return -1;
    unsigned long blank = 0;
    while ((more = next_line(r, &line, e)) > 0) {
        if (trim(line).length == 0) {
            blank = blank ? blank : r->line;
            continue;
        }
        if (blank)
            return err_set(e, "%s:%lu: the line is empty", r->path, blank);
        if (read_row(s, r, line, e))
            return -1;
    }
    return more;
}

/* ---- the file ---- */

static int map_labels(const struct names *names, unsigned char *index, struct err *e)
{
    for (int k = 0; k < FER_CLASSES; k++) {
        int found = names_find(names, FER_NAMES[k]);
        if (found < 0 || found > UCHAR_MAX) {
            char *all = names_join(names);
            err_set(e, "FER-2013 has the class '%s', the model only: %s", FER_NAMES[k],
                    all ? all : "?");
            free(all);
            return -1;
        }
        index[k] = (unsigned char)found;
    }
    return 0;
}

int fer_csv_read_stream(struct dataset *d, gzFile stream, const char *path, unsigned splits,
                        const struct names *names, struct err *e)
{
    int result = -1;
    struct sink s = {.growth.set = {.width = SIDE, .height = SIDE}, .splits = splits};
    struct line_reader r = {.stream = stream, .path = path};
    memset(d, 0, sizeof(*d));
    if (map_labels(names, s.index, e))
        return -1;
    r.buffer = malloc(BUFFER_SIZE + 1);
    if (!r.buffer)
        return err_memory(e);
    if (read_lines(&s, &r, e))
        goto out;
    if (s.growth.set.count == 0) {
        char wanted[64];
        err_set(e, "'%s' has no row of %s", path, splits_join(splits, wanted, sizeof(wanted)));
        goto out;
    }
    dataset_trim(&s.growth);
    *d = s.growth.set;
    s.growth.set = (struct dataset){0};
    result = 0;
out:
    dataset_release(&s.growth.set);
    free(r.buffer);
    return result;
}

int dataset_read_fer_csv(struct dataset *d, const char *path, unsigned splits,
                         const struct names *names, struct err *e)
{
    memset(d, 0, sizeof(*d));
    errno = 0;
    gzFile stream = gzopen(path, "rb");
    if (!stream)
        return err_set(e, "cannot open '%s': %s", path, strerror(errno ? errno : ENOMEM));
    /* A smaller buffer only costs time. */
    (void)gzbuffer(stream, INFLATE_BUFFER);
    int result = fer_csv_read_stream(d, stream, path, splits, names, e);
    gzclose_r(stream);
    return result;
}
