/* A tiny JSON writer; see json.h. */
#include "cli/json.h"

#include <math.h>
#include <stdint.h>

#include "cli/utf8.h"

static void write_string(FILE *stream, const char *text)
{
    putc('"', stream);
    while (*text) {
        uint32_t code;
        size_t length = utf8_decode(text, &code);
        if (length == 0)
            fputs("\\ufffd", stream);
        else if (code == '"' || code == '\\')
            fprintf(stream, "\\%c", (int)code);
        else if (code < 0x20 || code == 0x7F)
            fprintf(stream, "\\u%04x", (unsigned)code);
        else
            fwrite(text, 1, length, stream);
        text += length ? length : 1;
    }
    putc('"', stream);
}

static void write_key(struct json *j, const char *key)
{
    if (j->comma)
        putc(',', j->stream);
    j->comma = true;
    if (key) {
        write_string(j->stream, key);
        putc(':', j->stream);
    }
}

static void open_bracket(struct json *j, char open, char close)
{
    putc(open, j->stream);
    if (j->depth < JSON_DEPTH)
        j->bracket[j->depth++] = close;
    j->comma = false;
}

void json_begin(struct json *j, FILE *stream)
{
    *j = (struct json){.stream = stream};
    open_bracket(j, '{', '}');
}

void json_object(struct json *j, const char *key)
{
    write_key(j, key);
    open_bracket(j, '{', '}');
}

void json_array(struct json *j, const char *key)
{
    write_key(j, key);
    open_bracket(j, '[', ']');
}

void json_close(struct json *j)
{
    if (j->depth > 0)
        putc(j->bracket[--j->depth], j->stream);
    j->comma = true;
}

void json_end(struct json *j)
{
    while (j->depth > 0)
        json_close(j);
    putc('\n', j->stream);
}

void json_text(struct json *j, const char *key, const char *text)
{
    if (!text) {
        json_null(j, key);
        return;
    }
    write_key(j, key);
    write_string(j->stream, text);
}

void json_integer(struct json *j, const char *key, long long value)
{
    write_key(j, key);
    fprintf(j->stream, "%lld", value);
}

void json_real(struct json *j, const char *key, double value, int decimals)
{
    if (!isfinite(value)) {
        json_null(j, key);
        return;
    }
    write_key(j, key);
    fprintf(j->stream, "%.*f", decimals, value);
}

void json_null(struct json *j, const char *key)
{
    write_key(j, key);
    fputs("null", j->stream);
}
