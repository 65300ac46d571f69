/* Shared libraries opened on demand; see library.h. */
#include "library.h"

#include <dlfcn.h>
#include <string.h>

static int find_functions(const struct library *library, void *handle, struct err *reason)
{
    for (size_t i = 0; i < library->count; i++) {
        void *address = dlsym(handle, library->names[i]);
        if (!address)
            return err_set(reason, "%s needs %s in %s, which has none", library->use,
                           library->names[i], library->soname);
        /* ISO C knows no conversion of a pointer to a function; POSIX gives both one form. */
        memcpy((char *)library->functions + i * sizeof(address), &address, sizeof(address));
    }
    return 0;
}

static int open_library(const struct library *library, struct err *reason)
{
    void *handle = dlopen(library->soname, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return err_set(reason, "%s needs %s: %s", library->use, library->soname, dlerror());
    if (find_functions(library, handle, reason) == 0)
        return 0;
    dlclose(handle);
    return -1;
}

int library_need(struct library *library, struct err *reason)
{
    pthread_mutex_lock(&library->lock);
    if (!library->open)
        library->open = open_library(library, reason) == 0;
    const bool open = library->open;
    pthread_mutex_unlock(&library->lock);
    return open ? 0 : -1;
}
