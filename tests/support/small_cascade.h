/* A cascade file small enough to be changed by hand. */
#ifndef FERCLI_TESTS_SMALL_CASCADE_H
#define FERCLI_TESTS_SMALL_CASCADE_H

/* One stage of one tree of two nodes, an upright and a tilted feature, in a window of 20x20. */
extern const char SMALL_CASCADE[];

#endif
