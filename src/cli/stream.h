/* Bytes that come when they come: a pipe, a terminal, a socket or a file, read without losing sight
 * of what has come already, and left at once when the program is interrupted. */
#ifndef FERCLI_CLI_STREAM_H
#define FERCLI_CLI_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct stream {
    int fd;               /* owned, but for standard input */
    int wake;             /* an eventfd: something was written once reading is to end; owned */
    unsigned char *bytes; /* (capacity); owned */
    size_t start, end;    /* of what was read and not dropped */
    size_t capacity;
    bool ended;         /* no more will come */
    bool stopped;       /* because of stream_stop or an interruption: what is left does not count */
    struct err trouble; /* why it ended early; empty: it did not */
};

enum stream_state { STREAM_GREW, STREAM_NOT_YET, STREAM_ENDED };

/* Opens a file, or standard input for "-". Returns 0, or -1 with the reason. */
int stream_open(struct stream *s, const char *path, struct err *e);
void stream_close(struct stream *s);

/* Reads what has come, at most 64 KiB. STREAM_NOT_YET: nothing has, said only without `wait`. */
enum stream_state stream_read(struct stream *s, bool wait);

/* What was read and not dropped. */
const unsigned char *stream_bytes(const struct stream *s, size_t *size);
void stream_drop(struct stream *s, size_t count);

/* Ends a wait of another thread in stream_read, and every later one. */
void stream_stop(struct stream *s);

#endif
