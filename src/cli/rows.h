/* Rows of results as csv, jsonl or table, on standard output or in the file of `-o`.
 *
 * csv:   RFC 4180 with a header line and lines ended by LF; paths are written byte for byte.
 * jsonl: one object a line with the columns' names as keys, always valid UTF-8. A text that is not
 * has U+FFFD for each invalid byte, and a second key NAME_hex with all its bytes in hexadecimal.
 * table: columns aligned for a terminal; control characters and invalid bytes are shown as \xNN,
 * and columns that do not fit the terminal's width are left out, those of the highest rank first.
 *
 *     rows_text(r, path);
 *     rows_integer(r, 3);
 *     rows_empty(r);            a cell without a value: nothing in csv, null in jsonl, - in a table
 *     if (rows_end(r)) ...      no point in going on */
#ifndef FERCLI_CLI_ROWS_H
#define FERCLI_CLI_ROWS_H

#include <stddef.h>

#include "cli/json.h"
#include "cli/opt.h"
#include "err.h"

enum cell_kind { CELL_TEXT, CELL_INTEGER, CELL_REAL };

struct column {
    const char *name; /* borrowed until rows_close */
    enum cell_kind kind;
    int decimals; /* of CELL_REAL */
    int width;    /* in a table; the name's width when that is more */
    int rank;     /* 0: never left out of a table */
};

struct rows;

/* The format that `--format` means for results on `common->output`: never FORMAT_DEFAULT. */
enum output_format rows_format(const struct common_options *common);

/* Opens the output and writes the header. NULL with the reason when it cannot be written. */
struct rows *rows_open(const struct common_options *common, const struct column *columns,
                       size_t count, struct err *e);

/* The same for a file that has its header and rows already: they are appended behind its first
 * `keep` bytes, in place. With `keep` 0 the file begins anew. */
struct rows *rows_continue(const struct common_options *common, const struct column *columns,
                           size_t count, long long keep, struct err *e);

/* What stands in the output before the first row, and at the beginning of a row whose first cell is
 * `text`, up to the value of the second cell. In new memory, NULL without. */
char *rows_header_bytes(enum output_format format, const struct column *columns, size_t count);
char *rows_first_bytes(enum output_format format, const struct column *columns, const char *text);

/* The next cell of the row. */
void rows_text(struct rows *r, const char *text);
void rows_integer(struct rows *r, long value);
void rows_real(struct rows *r, double value);
void rows_empty(struct rows *r);
void rows_empties(struct rows *r, size_t count);

/* Ends the row and hands it on. Returns -1 when the output failed or its reader went away: stop
 * then, and rows_close says which. */
int rows_end(struct rows *r);

/* Completes the output and frees `r`. Returns 0, also when the reader went away, or -1 with the
 * reason. */
int rows_close(struct rows *r, struct err *e);

/* Frees `r` without completing the output: a file of its own is as it was. */
void rows_abandon(struct rows *r);

#endif
