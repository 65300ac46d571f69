/* fercli: from the command line to one command. The only place, with the commands' `run`, that
 * decides an exit status. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"

/* A file opened later must never become standard output because that was closed: then rows would go
 * into it. Each missing descriptor is opened the wrong way round, so that its use fails. */
static void hold_standard_descriptors(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            if (open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
                _exit(STATUS_PARTIAL);
}

static int print(void (*write)(FILE *out))
{
    struct output out;
    struct err e;
    if (output_open(&out, NULL, &e) == 0) {
        write(out.stream);
        if (output_commit(&out, &e) == 0)
            return STATUS_OK;
    }
    complain("%s", e.text);
    return STATUS_PARTIAL;
}

static void write_version(FILE *out)
{
    struct model model = {0};
    struct err e;
    fprintf(out, "fercli %s\nengine: %s\n", FERCLI_VERSION, nn_engine_name());
    char *prefix = find_model(NULL, &e);
    if (!prefix) {
        fprintf(out, "model: none (%s)\n", e.text);
    } else if (model_open(&model, prefix, &e)) {
        fprintf(out, "model: '%s' cannot be used (%s)\n", prefix, e.text);
    } else {
        fprintf(out, "model: %s, checksum %08x\n", prefix, (unsigned)model.checksum);
        model_close(&model);
    }
    free(prefix);
}

static void write_overview(FILE *out)
{
    options_print_overview(&MANUAL, out);
}

static bool has_common_options(const struct command *c)
{
    for (int g = 0; g < OPTION_GROUPS && c->groups[g].table; g++)
        if (c->groups[g].table == COMMON_OPTIONS)
            return true;
    return false;
}

/* The checks that all commands share. */
static int check(const struct command *c, const void *options, struct err *e)
{
    const struct common_options *common = options;
    if (has_common_options(c) && common->quiet && common->verbose)
        return err_set(e, "--quiet and --verbose exclude each other");
    return 0;
}

static int run_command(const struct command *c, int argc, char **argv)
{
    alignas(max_align_t) unsigned char options[OPTION_STRUCT_MAX];
    struct err e;
    bool help = false;
    if (c->options_size > sizeof(options)) {
        complain("%s: its options take more than %d bytes", c->name, OPTION_STRUCT_MAX);
        return STATUS_USAGE;
    }
    memcpy(options, c->defaults, c->options_size);
    int operands = options_parse(c, options, argc, argv, &help, &e);
    if (operands >= 0 && help)
        return CMD_HELP.run(CMD_HELP.defaults, 1, (char *[]){(char *)c->name});
    if (operands < 0 || check(c, options, &e)) {
        complain("%s: %s (see 'fercli %s --help')", c->name, e.text, c->name);
        return STATUS_USAGE;
    }
    return c->run(options, operands, argv);
}

int main(int argc, char **argv)
{
    hold_standard_descriptors();
    /* A reader that goes away is seen as an error of writing, so that a training goes on and files
     * are completed. */
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        options_print_overview(&MANUAL, stderr);
        fputc('\n', stderr);
        complain("no command given");
        return STATUS_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        return print(write_version);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return print(write_overview);
    if (word[0] == '-') {
        complain("unknown option '%s'; options follow the command (see 'fercli help')", word);
        return STATUS_USAGE;
    }
    struct err e;
    const struct command *command = find_command(word, &e);
    if (!command) {
        complain("%s", e.text);
        return STATUS_USAGE;
    }
    return run_command(command, argc - 2, argv + 2);
}
