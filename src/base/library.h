/* Shared libraries that are opened when they are first needed: for what few runs use and every
 * start would pay for. */
#ifndef FERCLI_BASE_LIBRARY_H
#define FERCLI_BASE_LIBRARY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct library {
    const char *soname; /* such as "libheif.so.1" */
    const char *use;    /* what it is needed for, for messages: "HEIC" */
    const char *const *names;
    size_t count;    /* of names */
    void *functions; /* (count) function pointers, filled in the order of the names; not owned */
    pthread_mutex_t lock; /* PTHREAD_MUTEX_INITIALIZER */
    bool open;
};

/* Opens the library unless it is open already, and finds its functions; it stays open. Any thread
 * may call it. Returns 0, or -1 with the reason. */
int library_need(struct library *library, struct err *reason);

/* For a list of functions such as `#define CALLS(X) X(heif_context_alloc) X(heif_context_free)`: a
 * struct's member with the type that the library's header declares, and its name.
 *
 *     static struct {
 *         CALLS(LIBRARY_MEMBER)
 *     } heif;
 *     static const char *const names[] = {CALLS(LIBRARY_NAME)}; */
#define LIBRARY_MEMBER(function) __typeof__(function) *(function);
#define LIBRARY_NAME(function) #function,

#endif
