/* Checks the XML of a cascade file before OpenCV reads it: its parser reads past the end of some
 * files that are cut short, runs for ever on others, and has no bound on nesting. */
#ifndef FERCLI_FER_CASCADE_XML_H
#define FERCLI_FER_CASCADE_XML_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "err.h"

/* Is the text the part of XML that cascades are written in: a declaration, comments, properly
 * nested elements with or without attributes, and between them words and numbers? Elements nest
 * CASCADE_XML_DEPTH deep at most. Returns 0, or -1 with a reason such as `line 7: ...` that names
 * no file. */
int cascade_xml_check(const char *text, size_t length, struct err *reason);
#define CASCADE_XML_DEPTH 32 /* OpenCV's own have 9 */

#ifdef __cplusplus
}
#endif

#endif
