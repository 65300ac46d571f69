/* What the commands share: diagnostics, where the model is; see cli.h. */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/utf8.h"

#ifndef FERCLI_DATADIR
#define FERCLI_DATADIR "/usr/local/share/fercli"
#endif

#ifndef DARKNET_LIBRARY
#define DARKNET_LIBRARY "/usr/lib/darknet/libdarknet.so"
#endif

/* ---- diagnostics ---- */

static void __attribute__((format(printf, 1, 0))) say(const char *format, va_list args)
{
    /* Two paths of full length and some words. */
    char text[2 * 4096 + 512];
    vsnprintf(text, sizeof(text), format, args);
    progress_clear();
    flockfile(stderr);
    /* One line whatever the names in it are. */
    fputs("fercli: ", stderr);
    utf8_show(stderr, text);
    putc('\n', stderr);
    fflush(stderr);
    funlockfile(stderr);
}

void complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

void note(const struct common_options *common, const char *format, ...)
{
    if (common->quiet)
        return;
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

void detail(const struct common_options *common, const char *format, ...)
{
    if (!common->verbose || common->quiet)
        return;
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

/* ---- what comes with the program ---- */

/* The binary's folder without a slash at its end, in new memory. */
static char *binary_folder(struct err *e)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (length < 0)
        return err_null(e, "cannot read '/proc/self/exe': %s", strerror(errno));
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    char *folder = strdup(path);
    return folder ? folder : err_memory_null(e);
}

/* Is there a file `path` + `suffix`? */
static bool exists(const char *path, const char *suffix)
{
    char *whole = path_with_suffix(path, suffix);
    bool found = whole && access(whole, F_OK) == 0;
    free(whole);
    return found;
}

/* The first of the two places that has NAME + `suffix`; `places` gets both, in new memory. */
static char *first_place(const char *name, const char *suffix, char *places[2], struct err *e)
{
    places[0] = places[1] = NULL;
    char *folder = binary_folder(e);
    if (!folder)
        return NULL;
    /* The parent by name, so that messages are easy to read: /x/build becomes /x. */
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    places[0] = path_join(slash == folder ? "/" : folder, name);
    places[1] = path_join(FERCLI_DATADIR, name);
    free(folder);
    if (!places[0] || !places[1])
        return err_memory_null(e);
    for (int i = 0; i < 2; i++)
        if (exists(places[i], suffix)) {
            char *found = strdup(places[i]);
            return found ? found : err_memory_null(e);
        }
    return NULL;
}

char *find_shipped(const char *name, struct err *e)
{
    char *places[2];
    if (e)
        e->text[0] = '\0';
    char *found = first_place(name, "", places, e);
    if (!found && places[1])
        err_set(e, "cannot find %s: neither '%s' nor '%s' exists", name, places[0], places[1]);
    free(places[0]);
    free(places[1]);
    return found;
}

/* The likeliest slip is one of the three files instead of what their names have in common. */
static int check_prefix(const char *prefix, const char *origin, struct err *e)
{
    static const char *const suffixes[] = {".cfg", ".weights", ".names"};
    size_t length = strlen(prefix);
    for (size_t i = 0; i < 3; i++) {
        size_t tail = strlen(suffixes[i]);
        if (length > tail && strcmp(prefix + length - tail, suffixes[i]) == 0 &&
            !exists(prefix, ".cfg"))
            return err_set(e, "%s '%s': give the PREFIX of the three files, '%.*s'", origin, prefix,
                           (int)(length - tail), prefix);
    }
    return 0;
}

static char *given_model(const char *prefix, const char *origin, struct err *e)
{
    if (check_prefix(prefix, origin, e))
        return NULL;
    char *copy = strdup(prefix);
    return copy ? copy : err_memory_null(e);
}

char *find_model(const char *asked, struct err *e)
{
    if (asked)
        return given_model(asked, "--model", e);
    const char *environment = getenv("FERCLI_MODEL");
    if (environment && *environment)
        return given_model(environment, "FERCLI_MODEL", e);
    char *places[2];
    char *found = first_place("models/general", ".weights", places, e);
    if (!found && places[1])
        err_set(e,
                "no model: --model and FERCLI_MODEL name none, and there is neither '%s.weights' "
                "nor '%s.weights'",
                places[0], places[1]);
    free(places[0]);
    free(places[1]);
    return found;
}

const char *darknet_library(void)
{
    const char *environment = getenv("FERCLI_DARKNET");
    return environment && *environment ? environment : DARKNET_LIBRARY;
}

int load_model(struct model *m, const char *asked, const struct common_options *common,
               struct err *e)
{
    char *prefix = find_model(asked, e);
    if (!prefix)
        return -1;
    int result = model_open(m, prefix, e);
    free(prefix);
    if (result)
        return -1;
    const char *warning;
    for (int i = 0; (warning = nn_net_warning(m->net, i)); i++)
        note(common, "%s", warning);
    detail(common, "model %s, checksum %08x, %s", m->prefix, (unsigned)m->checksum,
           nn_engine_name());
    return 0;
}
