/* The pictures a command works on: INPUT operands, folders, and lists of paths. */
#ifndef FERCLI_CLI_INPUTS_H
#define FERCLI_CLI_INPUTS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/opt.h"
#include "err.h"
#include "fer.h"

struct input_options {
    bool nul;               /* lists are separated by NUL, not by newlines */
    const char *files_from; /* a list in a file, NULL for none */
    int max_pixels;         /* a picture of more is unreadable */
    const char *shard;      /* "K/N": the Kth of N parts, NULL for all */
    bool resume;            /* what the output file holds is not done again */
    bool stream;            /* paths on standard input, answered as they come */
    const char *mjpeg;      /* a stream of pictures: a file or "-", NULL for none */
};

struct input {
    char *path;           /* as given, joined with the path below it; owned */
    char *problem;        /* why it cannot be read, NULL: nothing is known against it; owned */
    unsigned char *bytes; /* the picture's file; NULL: it is where the path says; owned */
    size_t size;          /* of bytes */
};
void input_release(struct input *input);

/* Decodes the picture from its bytes or its file; see image_read_as. */
int input_decode(struct image *im, const struct input *input, const struct image_request *request,
                 int *reduction, struct err *e);

struct inputs {
    size_t count, capacity;
    struct input *input; /* in the order of the operands, then of --files-from; owned */
};

/* Checks that the operands and options make sense together. Returns 0, or -1 with what is wrong. */
int inputs_check(const struct input_options *o, int operand_count, char *const *operands,
                 struct err *e);

/* output_spares of the pictures, the lists and the stream. */
int inputs_spared(const struct inputs *in, const struct input_options *o, const char *output,
                  struct err *e);

/* Collects the pictures, or the part of them that --shard names. What cannot be found, walked or
 * read becomes an input with a problem, so that every operand has at least one entry. Returns 0, or
 * -1 when memory ran out. */
int inputs_collect(struct inputs *in, const struct common_options *common,
                   const struct input_options *o, int operand_count, char *const *operands,
                   struct err *e);

/* Adds an input that cannot be read. */
int inputs_add_problem(struct inputs *in, const char *path, const char *problem, struct err *e);

/* The longest path, in bytes: for the width of a table's column. */
int inputs_width(const struct inputs *in);

void inputs_release(struct inputs *in);

#endif
