/* UTF-8, for texts that come from file names and may be anything. */
#ifndef FERCLI_CLI_UTF8_H
#define FERCLI_CLI_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Decodes the first code point of a NUL-terminated text. Returns its length in bytes, or 0 when the
 * text does not begin with valid UTF-8 (overlong forms and surrogates are invalid) or is at its
 * end. */
size_t utf8_decode(const char *text, uint32_t *code);

/* Cells of a terminal that a code point takes: 0 (combining marks), 1, or 2 (East Asian wide,
 * emoji). */
int utf8_width(uint32_t code);

/* Writes the text without anything that could drive a terminal: control characters and invalid
 * bytes become \xNN. Returns its width in cells; a NULL `stream` only measures. */
int utf8_show(FILE *stream, const char *text);

#endif
