/* Drawn faces for tests: plain enough to need no file, face enough for OpenCV's frontal cascades.
 */
#ifndef FERCLI_TESTS_DRAW_FACE_H
#define FERCLI_TESTS_DRAW_FACE_H

#include "fer.h"

/* Fills all pixels and channels with one grey. */
void draw_background(struct image *im, unsigned char grey);

/* A mid-grey picture of one channel to draw on. */
struct image draw_ground(int width, int height);

/* Draws a frontal face whose detected box is about (x, y, size, size); hair and neck reach a sixth
 * of `size` beyond it. What lies outside the picture is cut. `smile` bends the mouth: 1 up, 0
 * straight, -1 down. With size 40 or more on a mid-grey ground the default detector finds it. */
void draw_face(struct image *im, int x, int y, int size, double smile);

#endif
