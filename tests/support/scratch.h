/* A folder for a test program's files, below ${TMPDIR:-/tmp}. */
#ifndef FERCLI_TESTS_SCRATCH_H
#define FERCLI_TESTS_SCRATCH_H

#include <stddef.h>

/* cmocka's group setup and teardown: make the folder, and remove it with all that is in it. */
int scratch_setup(void **state);
int scratch_teardown(void **state);

/* The path of `name` in the folder; static memory that the fourth call after uses again. */
const char *scratch_file(const char *name);

/* Writes a file of that name, its folders included, and returns its path as scratch_file does. */
const char *scratch_write(const char *name, const void *bytes, size_t size);

#endif
