/* OpenCV behind C: what haar.cpp, the only C++ file, offers. No C++ type and no exception crosses
 * this border, and OpenCV's own threads and its messages on standard error are switched off. Pixels
 * are 8-bit grey, rows without gaps unless a stride is given. */
#ifndef FERCLI_FER_HAAR_H
#define FERCLI_FER_HAAR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "err.h"

struct haar;

/* A cascade in the format of OpenCV 2 and later (`opencv-cascade-classifier`; Haar or LBP features)
 * from `length` bytes of XML; `name` stands for it in messages. Everything that a
 * search would follow into memory is checked first: NULL for a file that is damaged or something
 * else. */
struct haar *haar_new(const char *name, const char *text, size_t length, struct err *e);
void haar_free(struct haar *h);

struct haar_view {
    const unsigned char *pixels; /* the upper left one; borrowed */
    int width, height;
    size_t stride; /* bytes from row to row */
};

struct haar_search {
    double scale_factor; /* between the sizes searched, > 1 */
    int min_size;        /* pixels, both ways; >= 0 */
    int max_size;        /* likewise; 0: none */
};

struct haar_hit {
    int x, y, width, height;
};

/* The windows that the cascade takes for faces: those of CascadeClassifier::detectMultiScale before
 * it joins any, in no particular order. `*hits` is malloc'ed and the caller's, NULL when there are
 * none. Returns 0 or -1. */
int haar_find(struct haar *h, const struct haar_search *search, const struct haar_view *view,
              struct haar_hit **hits, size_t *count, struct err *e);

/* Scales `from` to width x height: the mean of the area covered in a direction that shrinks,
 * bilinear in one that grows, the pixels themselves when nothing changes. Returns 0 or -1. */
int haar_resize(const struct haar_view *from, unsigned char *to, int width, int height,
                struct err *e);

#ifdef __cplusplus
}
#endif

#endif
