/* Where results go: standard output, or the file of `-o`, which appears whole or not at all.
 *
 * A reader that goes away (`| head`) is no error: output_flush fails with `closed` set, the command
 * stops, and output_commit succeeds. main() ignores SIGPIPE for that. */
#ifndef FERCLI_CLI_OUTPUT_H
#define FERCLI_CLI_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/file.h"
#include "err.h"

struct output {
    FILE *stream;            /* write here */
    struct atomic_file file; /* holds the stream of a regular file */
    const char *path;        /* for messages, NULL for standard output; borrowed */
    bool closed;             /* the reader went away */
};

/* Can results go there? For before work of minutes: nothing is written or left behind. Returns 0,
 * or -1 with the reason. */
int output_check(const char *path, struct err *e);

/* Refuses results that would take an input's place: both are names of one regular file. `input` "-"
 * is standard input; NULL on either side names none. Returns 0 or -1. */
int output_spares(const char *output, const char *input, struct err *e);

/* `path` NULL is standard output, and so is any name of what that is open on. A device or a pipe is
 * written directly, a symbolic link's target is replaced or made, not the link. Returns 0, or -1
 * with the reason. */
int output_open(struct output *o, const char *path, struct err *e);

/* Opens a file to be written in place, behind its first `keep` bytes; what follows them goes. It is
 * made when there is none. Returns 0, or -1 with the reason. */
int output_continue(struct output *o, const char *path, long long keep, struct err *e);

bool output_is_terminal(const struct output *o);

/* Hands what was written so far to the system. Returns 0, or -1: `closed`, or a failure with the
 * reason. */
int output_flush(struct output *o, struct err *e);

/* Flushes and ends; releases `o` in every case. Returns 0 (also when `closed`), or -1 with the
 * reason. */
int output_commit(struct output *o, struct err *e);

/* Drops a file that is not complete; legal after a commit. */
void output_abandon(struct output *o);

#endif
