/* Errors: one line of text, owned by the caller, filled by whatever failed first.
 *
 * A function that can fail takes a `struct err *` as its last argument and returns -1 (or NULL)
 * after filling it. Libraries never print and never exit. Passing NULL is legal: the text is lost.
 */
#ifndef FERCLI_ERR_H
#define FERCLI_ERR_H

struct err {
    char text[1024]; /* no newline at the end; empty until something failed */
};

/* Formats the text as printf does; a longer one is cut, control characters become '?'. Returns -1
 * always, so that a function can end with `return err_set(e, ...)`. */
int err_set(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Same for functions that return a pointer. Returns NULL always. */
void *err_null(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* `out of memory`, with -1 and NULL. */
int err_memory(struct err *e);
void *err_memory_null(struct err *e);

#endif
