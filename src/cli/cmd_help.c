/* fercli help, and the manual behind it. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/nearest.h"
#include "cli/output.h"

struct help_options {
    bool man, completion;
};

static const struct help_options DEFAULTS;

static const struct option_spec OPTIONS[] = {
    OPTION_FLAG("man", 0, struct help_options, man, "print the manual page, for man(1)"),
    OPTION_FLAG("completion", 0, struct help_options, completion,
                "print the completion of options and names for bash"),
    OPTION_END};

static const struct manual_section SECTIONS[] = {
    {"The model",
     "Three files of one name: PREFIX.cfg and PREFIX.weights as darknet has them, and PREFIX.names "
     "with a class a line. It is the one of --model PREFIX, else of the environment variable "
     "FERCLI_MODEL (also a PREFIX), else the general model that comes with the program."},
    {"Exit status",
     "  0    all done\n"
     "  1    done, but an input could not be read or something could not be written\n"
     "  2    wrong usage: nothing was done\n"
     "  3    the model or the data set cannot be used\n"
     "  4    the accuracy asked for was not reached\n"
     "  130  interrupted (Ctrl-C); what was finished is written\n"},
    {"Files and formats",
     "Results go to standard output or to the file of -o; notes, errors and the progress bar go to "
     "standard error. csv follows RFC 4180 (a header line, fields quoted where needed), its lines "
     "end with a newline alone, and paths are written byte for byte. jsonl is always valid UTF-8: "
     "a path that is not has U+FFFD for each wrong byte, and path_hex with all its bytes in "
     "hexadecimal. A table is for reading, and leaves out columns on a narrow terminal."},
    {"Examples", "  fercli classify photos                      all faces of a folder\n"
                 "  fercli classify -o faces.csv photos         into a file\n"
                 "  fercli classify --labelled test-pictures    how often is it right?\n"
                 "  fercli finetune --user my-pictures --out me learn from your own pictures\n"
                 "  fercli help --man | man -l -                the whole manual\n"},
    {NULL, NULL}};

static const struct command *const COMMANDS[] = {&CMD_DETECT,   &CMD_CLASSIFY, &CMD_TRAIN_GENERAL,
                                                 &CMD_FINETUNE, &CMD_HELP,     NULL};

const struct manual MANUAL = {
    .name = "fercli",
    .version = FERCLI_VERSION,
    .summary = "recognise facial expressions in pictures",
    .description =
        "fercli finds faces in pictures and tells their expression: angry, disgust, fear, happy, "
        "sad, surprise or neutral, each with a probability. It also trains the network behind it, "
        "on "
        "FER-2013 or on your own pictures. Networks are darknet's: a cfg file and a weights file.\n"
        "\n"
        "Every command has --help. The beginning of a long option is enough where no other option "
        "begins so; -- ends the options.",
    .commands = COMMANDS,
    .sections = SECTIONS,
};

const struct command *find_command(const char *name, struct err *e)
{
    struct nearest near;
    nearest_init(&near, name, strlen(name));
    for (int i = 0; COMMANDS[i]; i++) {
        if (strcmp(COMMANDS[i]->name, name) == 0)
            return COMMANDS[i];
        nearest_offer(&near, COMMANDS[i]->name);
    }
    if (near.name)
        return err_null(e, "no command '%s'; did you mean '%s'?", name, near.name);
    return err_null(e, "no command '%s' (see 'fercli help')", name);
}

static int check(const struct help_options *o, int operand_count, struct err *e)
{
    if (o->man && o->completion)
        return err_set(e, "--man and --completion exclude each other");
    if (operand_count > 0 && (o->man || o->completion))
        return err_set(e, "--man and --completion are about all commands: name none");
    return operand_count > 1 ? err_set(e, "name one command") : 0;
}

static int run(const void *options, int operand_count, char **operands)
{
    const struct help_options *o = options;
    const struct command *command = NULL;
    struct output out;
    struct err e;
    if (check(o, operand_count, &e) ||
        (operand_count == 1 && !(command = find_command(operands[0], &e)))) {
        complain("%s", e.text);
        return STATUS_USAGE;
    }
    if (output_open(&out, NULL, &e) == 0) {
        if (o->man)
            options_print_man(&MANUAL, out.stream);
        else if (o->completion)
            options_print_completion(&MANUAL, out.stream);
        else if (command)
            options_print_help(command, out.stream);
        else
            options_print_overview(&MANUAL, out.stream);
        if (output_commit(&out, &e) == 0)
            return STATUS_OK;
    }
    complain("%s", e.text);
    return STATUS_PARTIAL;
}

const struct command CMD_HELP = {
    .name = "help",
    .summary = "explain a command, or all of them",
    .operands = "[COMMAND]",
    .description = "Explains COMMAND, or lists the commands.\n"
                   "\n"
                   "  fercli help --man > fercli.1\n"
                   "  source <(fercli help --completion)\n",
    .groups = {{"Options", OPTIONS}},
    .options_size = sizeof(struct help_options),
    .defaults = &DEFAULTS,
    .run = run,
};
