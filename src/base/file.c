/* Files read whole and files written atomically; see file.h. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"

#define COMPANION_TRIES 100
#define COMPANION_SUFFIX ".000000" /* the digits are chosen */

char *path_with_suffix(const char *prefix, const char *suffix)
{
    size_t a = strlen(prefix), b = strlen(suffix);
    char *path = malloc(a + b + 1);
    if (!path)
        return NULL;
    memcpy(path, prefix, a);
    memcpy(path + a, suffix, b + 1);
    return path;
}

char *path_join(const char *dir, const char *name)
{
    size_t length = strlen(dir);
    int slash = length > 0 && dir[length - 1] != '/';
    char *path = malloc(length + (size_t)slash + strlen(name) + 1);
    if (!path)
        return NULL;
    memcpy(path, dir, length);
    if (slash)
        path[length] = '/';
    strcpy(path + length + slash, name);
    return path;
}

static void release(struct atomic_file *f)
{
    free(f->path);
    free(f->temp);
    memset(f, 0, sizeof(*f));
}

/* As mkstemp, but with the permissions of any file the user writes: mkstemp's are private, and the
 * umask cannot be asked for without setting it, which other threads would see. Returns -1 with
 * errno. */
static int open_companion(char *temp)
{
    char *digits = temp + strlen(temp) - strlen(COMPANION_SUFFIX) + 1;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t key = rng_mix((uint64_t)now.tv_nsec ^ ((uint64_t)getpid() << 32));
    int fd = -1;
    for (int i = 0; i < COMPANION_TRIES && fd < 0; i++) {
        key = rng_mix(key + 1);
        snprintf(digits, strlen(COMPANION_SUFFIX), "%06x", (unsigned)(key & 0xffffff));
        fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    return fd;
}

int atomic_open(struct atomic_file *f, const char *path, struct err *e)
{
    memset(f, 0, sizeof(*f));
    struct stat status;
    const bool replaces = stat(path, &status) == 0;
    if (replaces && !S_ISREG(status.st_mode))
        return err_set(e, "cannot write '%s': it is %s", path,
                       S_ISDIR(status.st_mode) ? "a directory" : "no regular file");
    f->path = strdup(path);
    f->temp = path_with_suffix(path, COMPANION_SUFFIX);
    if (!f->path || !f->temp) {
        release(f);
        return err_memory(e);
    }
    int fd = open_companion(f->temp);
    if (fd < 0) {
        err_set(e, "cannot write '%s': %s", path, strerror(errno));
        release(f);
        return -1;
    }
    if (replaces)
        fchmod(fd, status.st_mode & 0777);
    f->stream = fdopen(fd, "wb");
    if (!f->stream) {
        close(fd);
        atomic_abandon(f);
        return err_memory(e);
    }
    return 0;
}

int atomic_check(const char *path, struct err *e)
{
    struct atomic_file trial;
    if (atomic_open(&trial, path, e))
        return -1;
    atomic_abandon(&trial);
    return 0;
}

/* The rename lasts only once the directory is on disk. A file system that cannot sync one is no
 * error. */
static void sync_directory(const char *path)
{
    char *dir = strdup(path);
    if (!dir)
        return;
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = '\0';
    int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(dir);
}

/* Abandons the file with errno as the reason. */
static int fail(struct atomic_file *f, struct err *e)
{
    err_set(e, "cannot write '%s': %s", f->path, strerror(errno));
    atomic_abandon(f);
    return -1;
}

int atomic_sync(struct atomic_file *f, struct err *e)
{
    return ferror(f->stream) || fflush(f->stream) || fsync(fileno(f->stream)) ? fail(f, e) : 0;
}

int atomic_commit(struct atomic_file *f, struct err *e)
{
    if (atomic_sync(f, e))
        return -1;
    FILE *stream = f->stream;
    f->stream = NULL;
    if (fclose(stream) || rename(f->temp, f->path))
        return fail(f, e);
    sync_directory(f->path);
    release(f);
    return 0;
}

void atomic_abandon(struct atomic_file *f)
{
    if (f->stream)
        fclose(f->stream);
    f->stream = NULL;
    if (f->temp)
        unlink(f->temp);
    release(f);
}

int file_write(const char *path, const void *bytes, size_t count, struct err *e)
{
    struct atomic_file f;
    if (atomic_open(&f, path, e))
        return -1;
    fwrite(bytes, 1, count, f.stream);
    return atomic_commit(&f, e);
}

int file_read(const char *path, uint64_t limit, char **bytes, size_t *count, struct err *e)
{
    int result = -1;
    char *buffer = NULL;
    limit = limit < SIZE_MAX / 2 ? limit : SIZE_MAX / 2;
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return err_set(e, "cannot open '%s': %s", path, strerror(errno));
    struct stat status;
    if (fstat(fileno(stream), &status)) {
        err_set(e, "cannot read '%s': %s", path, strerror(errno));
        goto out;
    }
    if (S_ISDIR(status.st_mode)) {
        err_set(e, "cannot read '%s': it is a directory", path);
        goto out;
    }
    /* A pipe has no size: grow as it comes. */
    size_t capacity = S_ISREG(status.st_mode) ? (size_t)status.st_size + 1 : 65536, used = 0;
    for (;;) {
        if (used > limit || (S_ISREG(status.st_mode) && (uint64_t)status.st_size > limit)) {
            err_set(e, "cannot read '%s': larger than the limit of %" PRIu64 " bytes", path, limit);
            goto out;
        }
        char *grown = realloc(buffer, capacity + 1);
        if (!grown) {
            err_memory(e);
            goto out;
        }
        buffer = grown;
        used += fread(buffer + used, 1, capacity - used, stream);
        if (used < capacity)
            break;
        capacity *= 2;
    }
    if (ferror(stream)) {
        err_set(e, "cannot read '%s': %s", path, strerror(errno));
        goto out;
    }
    buffer[used] = '\0';
    *bytes = buffer;
    *count = used;
    buffer = NULL;
    result = 0;
out:
    free(buffer);
    fclose(stream);
    return result;
}
