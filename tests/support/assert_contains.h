/* A check that cmocka lacks. */
#ifndef FERCLI_TESTS_ASSERT_CONTAINS_H
#define FERCLI_TESTS_ASSERT_CONTAINS_H

/* The text has the part somewhere. */
void assert_contains(const char *text, const char *part);

#endif
