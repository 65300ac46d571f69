/* One picture on its way through detect or classify: read, searched for faces, its faces cut out.
 */
#ifndef FERCLI_CLI_PICTURE_H
#define FERCLI_CLI_PICTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/faces_common.h"
#include "fer.h"

enum picture_outcome {
    PICTURE_DONE,
    PICTURE_UNREADABLE,
    PICTURE_NOT_WRITTEN, /* something to be made of it; there is no point in going on */
    PICTURE_NO_DETECTOR  /* nor here */
};

struct picture {
    struct input input; /* its path, and its bytes as long as they are needed; owned */
    enum picture_outcome outcome;
    struct err trouble; /* of PICTURE_DONE: empty, or why it is not annotated */
    struct face *faces; /* (count); owned */
    size_t count;
    bool whole;            /* the one face is the picture */
    unsigned char *pixels; /* (count, size, size) what a network sees; NULL without one; owned */
};
void picture_release(struct picture *p);

/* The status of its rows: "ok", "no_face" or "unreadable". */
const char *picture_status(const struct picture *p);

/* Is it perhaps unreadable only because an interruption ended a read? Then it is not to have a row.
 */
bool picture_is_cut_short(const struct picture *p);

/* How pictures are read. */
struct picture_reader {
    const struct face_options *options;
    unsigned max_pixels; /* that are decoded */
    enum face_mode mode; /* FACE_AUTO: a picture of exactly the network's size is a face */
    int size;            /* of the network's input; 0: there is none */
    double margin;       /* of the faces that it sees */
    struct crop_form crop;
    struct detector **detectors; /* (threads) one for each, loaded when it is needed; owned */
    int threads;
};

/* Takes over the settings of `r`; -1 when memory ran out. */
int picture_reader_init(struct picture_reader *r, int threads, struct err *e);
void picture_reader_release(struct picture_reader *r);

/* Loads the first thread's detector now, for an error before anything is written. */
int picture_reader_load(struct picture_reader *r, struct err *e);

/* Fills `p`, which comes zeroed but for its input, and writes the crops that the options ask for.
 * Several threads may call it, each with a `worker` of its own. */
void picture_read(struct picture_reader *r, int worker, struct picture *p);

/* Frees the bytes of the picture's file: it is not decoded again. */
void picture_drop_bytes(struct picture *p);

#endif
