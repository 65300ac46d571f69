/* Where the pictures come from; see source.h. */
#include "cli/source.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* No system takes a path so long; a line that goes on is none. */
#define MAX_PATH_BYTES ((size_t)1 << 16)
/* What its row says instead of the line. */
#define SHOWN_PATH_BYTES 256

#define MAX_FRAME_BYTES ((size_t)1 << 26)

/* ---- opening ---- */

static int open_stream(struct source *s, const struct input_options *o, struct err *e)
{
    s->kind = o->stream ? SOURCE_PATHS : SOURCE_FRAMES;
    s->name = o->stream ? "-" : o->mjpeg;
    s->separator = o->nul ? '\0' : '\n';
    s->splitter.max_bytes = MAX_FRAME_BYTES;
    return stream_open(&s->stream, s->name, e);
}

int source_open(struct source *s, const struct common_options *common,
                const struct input_options *o, int operand_count, char *const *operands,
                struct err *e)
{
    *s = (struct source){.kind = SOURCE_INPUTS};
    if (!o->stream && !o->mjpeg)
        return inputs_collect(&s->in, common, o, operand_count, operands, e);
    struct err reason;
    if (open_stream(s, o, &reason) == 0)
        return 0;
    s->kind = SOURCE_INPUTS;
    return inputs_add_problem(&s->in, s->name, reason.text, e);
}

void source_close(struct source *s)
{
    inputs_release(&s->in);
    if (s->kind != SOURCE_INPUTS)
        stream_close(&s->stream);
}

size_t source_count(const struct source *s)
{
    return s->in.count;
}

int source_threads(const struct source *s, int threads)
{
    const size_t left = s->in.count - s->next;
    if (s->kind != SOURCE_INPUTS || left >= (size_t)threads)
        return threads;
    return left > 0 ? (int)left : 1;
}

int source_width(const struct source *s)
{
    return inputs_width(&s->in);
}

void source_skip(struct source *s, size_t count)
{
    s->next += count;
}

/* ---- inputs of a stream ---- */

static char *copy_text(struct source *s, const char *text, size_t most)
{
    char *copy = strndup(text, most);
    s->failed |= !copy;
    return copy;
}

static void set_problem(struct source *s, struct input *input, const char *reason)
{
    struct err problem;
    err_set(&problem, "cannot read '%s': %s", input->path ? input->path : "", reason);
    input->problem = copy_text(s, problem.text, SIZE_MAX);
}

/* The path of `length` bytes in a list. */
static void set_listed(struct source *s, struct input *input, const char *bytes, size_t length)
{
    struct err reason = {""};
    if (memchr(bytes, '\0', length))
        err_set(&reason, "the list of paths has NUL bytes in it: add -0");
    else if (length > MAX_PATH_BYTES)
        err_set(&reason, "a line of more than %zu bytes is no path", MAX_PATH_BYTES);
    input->path = copy_text(
        s, bytes, reason.text[0] && length > SHOWN_PATH_BYTES ? SHOWN_PATH_BYTES : length);
    if (reason.text[0])
        set_problem(s, input, reason.text);
}

/* Takes the next path out of what was read. */
static bool next_path(struct source *s, struct input *input)
{
    for (;;) {
        size_t size;
        const char *bytes = (const char *)stream_bytes(&s->stream, &size);
        const char *end = memchr(bytes, s->separator, size);
        const size_t length = end ? (size_t)(end - bytes) : size;
        const bool rest = s->overlong, overlong = !end && length > MAX_PATH_BYTES;
        if (!end && !rest && !overlong && (!s->stream.ended || length == 0))
            return false;
        stream_drop(&s->stream, length + (end != NULL));
        s->overlong = (rest || overlong) && !end;
        if (length > 0 && !rest) {
            set_listed(s, input, bytes, length);
            return true;
        }
        if (!end)
            return false;
    }
}

static void set_frame(struct source *s, struct input *input)
{
    char name[40];
    snprintf(name, sizeof(name), "frame-%06zu", ++s->frames);
    input->path = strcmp(s->name, "-") == 0 ? strdup(name) : path_join(s->name, name);
    s->failed |= !input->path;
}

static void set_bytes(struct source *s, struct input *input, const unsigned char *bytes,
                      size_t size)
{
    input->bytes = malloc(size);
    input->size = size;
    if (input->bytes)
        memcpy(input->bytes, bytes, size);
    s->failed |= !input->bytes;
}

/* Takes the next frame out of what was read. */
static bool next_frame(struct source *s, struct input *input)
{
    for (;;) {
        struct err reason;
        size_t size, length;
        const unsigned char *bytes = stream_bytes(&s->stream, &size);
        const enum mjpeg_part part =
            mjpeg_next(&s->splitter, bytes, size, s->stream.ended, &length, &reason);
        if (part == MJPEG_NOTHING)
            return false;
        stream_drop(&s->stream, length);
        if (part == MJPEG_FILLING)
            continue;
        set_frame(s, input);
        if (part == MJPEG_FRAME)
            set_bytes(s, input, bytes, length);
        else
            set_problem(s, input, reason.text);
        return true;
    }
}

/* What is to be said of the stream itself when it is over. */
static bool last_words(struct source *s, struct input *input)
{
    const char *reason = s->stream.trouble.text;
    if (!reason[0] && s->kind == SOURCE_FRAMES && s->frames == 0)
        reason = "there is no JPEG frame in it";
    if (!reason[0])
        return false;
    input->path = copy_text(s, s->name, SIZE_MAX);
    set_problem(s, input, reason);
    return true;
}

/* ---- taking ---- */

static enum pipeline_taken take_collected(struct source *s, struct input *input)
{
    if (s->next >= s->in.count)
        return PIPELINE_END;
    *input = s->in.input[s->next];
    s->in.input[s->next++] = (struct input){0};
    return PIPELINE_TAKEN;
}

/* Moves on until a picture was taken, the stream is over or has nothing to read. */
static enum pipeline_taken take_from_stream(struct source *s, struct input *input, bool wait)
{
    bool taken = false;
    while (!taken && !s->ended) {
        taken = s->kind == SOURCE_PATHS ? next_path(s, input) : next_frame(s, input);
        if (!taken && s->stream.ended) {
            s->ended = true;
            taken = !s->stream.stopped && last_words(s, input);
        } else if (!taken && stream_read(&s->stream, wait) == STREAM_NOT_YET) {
            return PIPELINE_NOT_YET;
        }
        s->ended |= s->stream.stopped;
    }
    return taken ? PIPELINE_TAKEN : PIPELINE_END;
}

enum pipeline_taken source_take(struct source *s, struct input *input, bool wait)
{
    if (s->kind == SOURCE_INPUTS)
        return take_collected(s, input);
    const enum pipeline_taken taken = take_from_stream(s, input, wait);
    if (!s->failed)
        return taken;
    input_release(input);
    return PIPELINE_FAILED;
}

void source_stop(struct source *s)
{
    if (s->kind != SOURCE_INPUTS)
        stream_stop(&s->stream);
}
