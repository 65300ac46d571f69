/* What the commands share: exit statuses, diagnostics, progress, interruption. */
#ifndef FERCLI_CLI_CLI_H
#define FERCLI_CLI_CLI_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/opt.h"
#include "fer.h"

#define FERCLI_VERSION "0.1.0"

/* Exit statuses, a contract: see `fercli help`. */
enum status {
    STATUS_OK = 0,
    STATUS_PARTIAL = 1, /* some inputs could not be read, or the output could not be written */
    STATUS_USAGE = 2,
    STATUS_UNUSABLE = 3, /* the model or the data set cannot be used */
    STATUS_BELOW = 4,    /* the accuracy asked for was not reached */
    STATUS_INTERRUPTED = 130
};

extern const struct command CMD_DETECT, CMD_CLASSIFY, CMD_TRAIN_GENERAL, CMD_FINETUNE;

/* `fercli: ` + text + newline on standard error. Clears a progress bar first. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same only without --quiet; only with --verbose. */
void note(const struct common_options *common, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void detail(const struct common_options *common, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Set by SIGINT and SIGTERM once interruption_catch was called, which must be before any thread is
 * made; a blocked read of the main thread ends too. A second signal ends the program at once. */
extern atomic_int interrupted;
void interruption_catch(void);
/* From now on an interruption also writes to this eventfd, which ends a wait of any thread; -1: to
 * none. */
void interruption_wakes(int fd);
/* fflush, which goes on after an interruption: what stdio has not written when a write fails is
 * lost. For the main thread. */
int interruption_flush(FILE *stream);

/* A bar with rate and time left on standard error, only where that is a terminal and neither
 * --quiet nor --no-progress was given; at most ten updates a second. */
void progress_start(const struct common_options *common, const char *what, size_t total);
void progress_update(size_t done,
                     const char *extra); /* extra: a few words such as "loss 1.203", or NULL */
void progress_end(void);
void progress_clear(void); /* takes the bar off the screen until the next update */

/* The model's PREFIX: `asked` (may be NULL), else FERCLI_MODEL, else ../models/general from the
 * binary's folder, else the installed data folder. In new memory; NULL with a message that lists
 * where it looked. */
char *find_model(const char *asked, struct err *e);

/* Finds the model, opens it, and notes the unknown keys of its cfg. Returns 0 or -1. */
int load_model(struct model *m, const char *asked, const struct common_options *common,
               struct err *e);

/* darknet's library: the file that FERCLI_DARKNET names, else the one of Debian's package. */
const char *darknet_library(void);

/* A file or folder that comes with the program, such as "cfg/general.cfg": from the parent of the
 * binary's folder (a built tree), else from the installed data folder. In new memory; NULL with a
 * message that lists both. */
char *find_shipped(const char *name, struct err *e);

/* All commands and what is said of the program as a whole (`fercli help`). */
extern const struct manual MANUAL;
extern const struct command CMD_HELP;

/* The command of that name; NULL with a message that suggests the nearest one. */
const struct command *find_command(const char *name, struct err *e);

#endif
