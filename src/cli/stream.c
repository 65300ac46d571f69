/* Bytes that come when they come; see stream.h. */
#include "cli/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cli/cli.h"

#define READ_BYTES ((size_t)1 << 16)

int stream_open(struct stream *s, const char *path, struct err *e)
{
    const bool standard = strcmp(path, "-") == 0;
    *s = (struct stream){.fd = STDIN_FILENO, .wake = -1};
    if (!standard)
        s->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0)
        return err_set(e, "cannot open '%s': %s", path, strerror(errno));
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake < 0) {
        err_set(e, "cannot wait for '%s': %s", path, strerror(errno));
        stream_close(s);
        return -1;
    }
    interruption_wakes(s->wake);
    return 0;
}

void stream_close(struct stream *s)
{
    interruption_wakes(-1);
    if (s->wake >= 0)
        close(s->wake);
    if (s->fd > STDIN_FILENO)
        close(s->fd);
    free(s->bytes);
    *s = (struct stream){.fd = -1, .wake = -1};
}

void stream_stop(struct stream *s)
{
    eventfd_write(s->wake, 1);
}

/* Room for READ_BYTES behind the end. */
static int make_room(struct stream *s)
{
    if (s->start > 0) {
        memmove(s->bytes, s->bytes + s->start, s->end - s->start);
        s->end -= s->start;
        s->start = 0;
    }
    if (s->capacity - s->end >= READ_BYTES)
        return 0;
    const size_t capacity = 2 * s->capacity + READ_BYTES;
    unsigned char *grown = realloc(s->bytes, capacity);
    if (!grown)
        return err_memory(&s->trouble);
    s->bytes = grown;
    s->capacity = capacity;
    return 0;
}

static enum stream_state end(struct stream *s)
{
    s->ended = true;
    return STREAM_ENDED;
}

/* 1: there is something to read, or the end; 0: not yet; -1: reading is to end. */
static int look(struct stream *s, bool wait)
{
    struct pollfd fds[2] = {{.fd = s->fd, .events = POLLIN}, {.fd = s->wake, .events = POLLIN}};
    s->stopped = interrupted; /* it may have come before the eventfd was there */
    if (s->stopped)
        return -1;
    while (poll(fds, 2, wait ? -1 : 0) < 0) {
        if (errno == EINTR)
            continue;
        err_set(&s->trouble, "%s", strerror(errno));
        return -1;
    }
    s->stopped = fds[1].revents != 0;
    if (s->stopped)
        return -1;
    return fds[0].revents != 0;
}

enum stream_state stream_read(struct stream *s, bool wait)
{
    if (s->ended)
        return STREAM_ENDED;
    const int seen = look(s, wait);
    if (seen == 0)
        return STREAM_NOT_YET;
    if (seen < 0 || make_room(s))
        return end(s);
    const ssize_t count = read(s->fd, s->bytes + s->end, READ_BYTES);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return stream_read(s, wait);
    if (count < 0)
        err_set(&s->trouble, "%s", strerror(errno));
    if (count <= 0)
        return end(s);
    s->end += (size_t)count;
    return STREAM_GREW;
}

const unsigned char *stream_bytes(const struct stream *s, size_t *size)
{
    *size = s->end - s->start;
    return s->bytes ? s->bytes + s->start : (const unsigned char *)"";
}

void stream_drop(struct stream *s, size_t count)
{
    s->start += count;
}
