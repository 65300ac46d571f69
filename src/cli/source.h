/* Where the pictures of detect and classify come from, one after the other: from the inputs
 * collected before, or from a stream of which nobody knows how long it is - of paths, or of the
 * frames of a motion JPEG. */
#ifndef FERCLI_CLI_SOURCE_H
#define FERCLI_CLI_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/inputs.h"
#include "cli/pipeline.h"
#include "cli/stream.h"
#include "fer.h"

enum source_kind { SOURCE_INPUTS, SOURCE_PATHS, SOURCE_FRAMES };

struct source {
    enum source_kind kind;
    struct inputs in;     /* of SOURCE_INPUTS, empty for a stream; taken ones are gone */
    size_t next;          /* of these */
    const char *name;     /* of the stream: a file or "-"; borrowed */
    struct stream stream; /* open for SOURCE_PATHS and SOURCE_FRAMES */
    char separator;       /* behind a path */
    bool overlong;        /* what comes up to the separator is no path */
    struct mjpeg_splitter splitter;
    size_t frames; /* taken */
    bool ended;    /* of a stream: all it gave is taken */
    bool failed;   /* memory ran out */
};

/* Collects the inputs or opens the stream. A stream that cannot be opened is an input with a
 * problem. Returns 0, or -1 with nothing to close. */
int source_open(struct source *s, const struct common_options *common,
                const struct input_options *o, int operand_count, char *const *operands,
                struct err *e);
void source_close(struct source *s);

/* How many pictures there are; 0: not known. */
size_t source_count(const struct source *s);

/* Threads that have something to do, `threads` at most. */
int source_threads(const struct source *s, int threads);

/* The longest path, in bytes: for the width of a table's column; 0: not known. */
int source_width(const struct source *s);

/* Passes over the first pictures; not of a stream. */
void source_skip(struct source *s, size_t count);

/* Moves the next picture into `input`; for pipeline.h's `take` and `stop`. */
enum pipeline_taken source_take(struct source *s, struct input *input, bool wait);
void source_stop(struct source *s);

#endif
