/* FER-2013's CSV from an open stream: the reader behind dataset_read_fer_csv, which a fuzzer feeds
 * too. */
#ifndef FERCLI_FER_FER_CSV_H
#define FERCLI_FER_FER_CSV_H

#include <zlib.h>

#include "fer.h"

/* As dataset_read_fer_csv, from `stream` (plain or gzip; not closed here); `path` is for messages.
 */
int fer_csv_read_stream(struct dataset *d, gzFile stream, const char *path, unsigned splits,
                        const struct names *names, struct err *e);

#endif
