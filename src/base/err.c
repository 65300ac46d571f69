/* Error texts; see err.h. */
#include "err.h"

#include <stdarg.h>
#include <stdio.h>

static void format_text(struct err *e, const char *format, va_list args)
{
    if (!e)
        return;
    vsnprintf(e->text, sizeof(e->text), format, args);
    /* Texts quote files, and a hostile one must not steer the reader's terminal. */
    for (char *c = e->text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}

int err_set(struct err *e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    format_text(e, format, args);
    va_end(args);
    return -1;
}

void *err_null(struct err *e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    format_text(e, format, args);
    va_end(args);
    return NULL;
}

int err_memory(struct err *e)
{
    return err_set(e, "out of memory");
}

void *err_memory_null(struct err *e)
{
    return err_null(e, "out of memory");
}
