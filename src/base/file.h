/* Files read whole and files written atomically. */
#ifndef FERCLI_BASE_FILE_H
#define FERCLI_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "err.h"

/* A file that is written beside its target and takes the target's name only when complete, so that
 * a crash, a full disk or a kill leaves the old target as it was. */
struct atomic_file {
    FILE *stream; /* write here; owned */
    char *path;   /* the target; owned */
    char *temp;   /* the file beside it; owned */
};

/* Opens `path`'s companion for writing, with the permissions of the file that it will replace. A
 * target that is no regular file is refused. Returns 0, or -1 with the reason (nothing to release
 * then). */
int atomic_open(struct atomic_file *f, const char *path, struct err *e);

/* Can `path` be written so? Leaves nothing behind. Returns 0, or -1 with the reason. */
int atomic_check(const char *path, struct err *e);

/* Brings what was written so far to the disk. Returns 0, or -1 with the reason and `f` abandoned.
 */
int atomic_sync(struct atomic_file *f, struct err *e);

/* Flushes, syncs and renames; releases `f` in every case. Returns 0, or -1 with the reason, the
 * target untouched and the companion removed. Write errors that happened earlier are reported here.
 */
int atomic_commit(struct atomic_file *f, struct err *e);

/* Removes the companion and releases `f`. Legal after a failed open or a commit. */
void atomic_abandon(struct atomic_file *f);

/* Writes `count` bytes to `path` atomically. Returns 0 or -1. */
int file_write(const char *path, const void *bytes, size_t count, struct err *e);

/* Reads the whole file of at most `limit` bytes, or half of what a size_t can hold. On success
 * `*bytes` (NUL-terminated for convenience, the NUL not counted) belongs to the caller. Returns 0,
 * or -1 with the reason. */
int file_read(const char *path, uint64_t limit, char **bytes, size_t *count, struct err *e);

/* `prefix` + `suffix` in new memory, NULL when there is none left. */
char *path_with_suffix(const char *prefix, const char *suffix);

/* `dir`/`name` in new memory (one slash between), NULL when there is none left. */
char *path_join(const char *dir, const char *name);

#endif
