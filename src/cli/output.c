/* Where results go; see output.h. */
#include "cli/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

#define LINKS_MAX 40 /* as Linux has it */

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* A file that a shell opened, by its name or as /dev/stdout, is not to be replaced behind it. */
static bool is_standard_output(const char *path)
{
    struct stat named, open;
    return !path || (stat(path, &named) == 0 && fstat(STDOUT_FILENO, &open) == 0 &&
                     same_file(&named, &open));
}

static bool is_special(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

int output_spares(const char *output, const char *input, struct err *e)
{
    struct stat out, in;
    if (!output || !input || stat(output, &out) || !S_ISREG(out.st_mode))
        return 0;
    if (strcmp(input, "-") == 0 ? fstat(STDIN_FILENO, &in) : stat(input, &in))
        return 0;
    return same_file(&in, &out)
               ? err_set(e, "the results would replace '%s', which is an input", output)
               : 0;
}

/* What a path is a link to, beside the link if it does not say otherwise; NULL when it is none. In
 * new memory. */
static char *follow(const char *path)
{
    char link[4096], *target;
    const ssize_t length = readlink(path, link, sizeof(link) - 1);
    if (length < 0)
        return NULL;
    link[length] = '\0';
    const char *slash = strrchr(path, '/');
    const int folder = slash && link[0] != '/' ? (int)(slash + 1 - path) : 0;
    return asprintf(&target, "%.*s%s", folder, path, link) < 0 ? NULL : target;
}

/* Where links lead in the end, whether or not there is something. In new memory, NULL without. */
static char *link_target(const char *path)
{
    char *at = strdup(path), *next;
    for (int i = 0; at && i < LINKS_MAX && (next = follow(at)); i++) {
        free(at);
        at = next;
    }
    return at;
}

static int open_file(struct output *o, struct err *e)
{
    if (is_special(o->path)) {
        o->stream = fopen(o->path, "wb");
        return o->stream ? 0 : err_set(e, "cannot write '%s': %s", o->path, strerror(errno));
    }
    char *target = link_target(o->path);
    int result = target ? atomic_open(&o->file, target, e) : err_memory(e);
    free(target);
    o->stream = o->file.stream;
    return result;
}

int output_check(const char *path, struct err *e)
{
    if (is_standard_output(path))
        return 0;
    if (is_special(path))
        return access(path, W_OK) ? err_set(e, "cannot write '%s': %s", path, strerror(errno)) : 0;
    char *target = link_target(path);
    const int result = target ? atomic_check(target, e) : err_memory(e);
    free(target);
    return result;
}

int output_open(struct output *o, const char *path, struct err *e)
{
    *o = (struct output){.path = path};
    if (!is_standard_output(path))
        return open_file(o, e);
    /* A large buffer of our own, flushed by us alone: then a failure shows in output_flush, where
     * errno is known. */
    static char buffer[1 << 16];
    setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
    o->stream = stdout;
    return 0;
}

int output_continue(struct output *o, const char *path, long long keep, struct err *e)
{
    *o = (struct output){.path = path};
    o->stream = fopen(path, keep > 0 ? "r+b" : "wb");
    if (o->stream && ftruncate(fileno(o->stream), keep) == 0 &&
        fseeko(o->stream, keep, SEEK_SET) == 0)
        return 0;
    err_set(e, "cannot write '%s': %s", path, strerror(errno));
    output_abandon(o);
    return -1;
}

bool output_is_terminal(const struct output *o)
{
    return isatty(fileno(o->stream));
}

static int failure(struct output *o, int reason, struct err *e)
{
    if (reason == EPIPE) {
        o->closed = true;
        return -1;
    }
    if (o->path)
        return err_set(e, "cannot write '%s': %s", o->path, strerror(reason));
    return err_set(e, "cannot write to standard output: %s", strerror(reason));
}

int output_flush(struct output *o, struct err *e)
{
    if (o->closed)
        return -1;
    errno = 0;
    if (interruption_flush(o->stream) == 0 && !ferror(o->stream))
        return 0;
    return failure(o, errno ? errno : EIO, e);
}

int output_commit(struct output *o, struct err *e)
{
    int result = output_flush(o, e);
    if (result == 0 && o->file.stream) {
        o->stream = NULL; /* goes with the file */
        result = atomic_commit(&o->file, e);
    } else if (result == 0 && o->stream != stdout) {
        /* Some file systems report a full disk only here. */
        if (fclose(o->stream))
            result = failure(o, errno, e);
        o->stream = NULL;
    }
    bool closed = o->closed;
    output_abandon(o);
    o->closed = closed;
    return closed ? 0 : result;
}

void output_abandon(struct output *o)
{
    if (o->file.stream)
        atomic_abandon(&o->file);
    else if (o->stream && o->stream != stdout)
        fclose(o->stream);
    o->stream = NULL;
}
