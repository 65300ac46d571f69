/* A tiny writer of one JSON object a line (RFC 8259), straight to a stream.
 *
 *     struct json j;
 *     json_begin(&j, stream);
 *     json_real(&j, "accuracy", 0.7, 4);
 *     json_array(&j, "folds");
 *     json_integer(&j, NULL, 5);       keys are NULL inside arrays
 *     json_close(&j);
 *     json_end(&j);                    closes what is open, ends the line
 *
 * The text is valid UTF-8 whatever the input: a byte that is not becomes U+FFFD. Write errors stay
 * in the stream (ferror), for whoever owns it. */
#ifndef FERCLI_CLI_JSON_H
#define FERCLI_CLI_JSON_H

#include <stdbool.h>
#include <stdio.h>

#define JSON_DEPTH 8

struct json {
    FILE *stream;             /* borrowed */
    int depth;                /* objects and arrays that are open */
    char bracket[JSON_DEPTH]; /* that closes each of them */
    bool comma;               /* the next value is not the first of its object or array */
};

void json_begin(struct json *j, FILE *stream);
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
void json_close(struct json *j); /* the innermost object or array */
void json_end(struct json *j);

void json_text(struct json *j, const char *key, const char *text); /* NULL becomes null */
void json_integer(struct json *j, const char *key, long long value);
void json_real(struct json *j, const char *key, double value,
               int decimals); /* null when not finite */
void json_null(struct json *j, const char *key);

#endif
