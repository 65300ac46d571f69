/* Help, man page and completion, all from the commands' tables; see opt.h. */
#include <string.h>

#include "cli/opt.h"

#define PAGE_WIDTH 80
#define HELP_COLUMN 26 /* where the options' texts begin */

static bool takes_value(const struct option_spec *o)
{
    return o->argument != NULL;
}

/* ---- text for a terminal ---- */

/* Writes words from `column` on, lines broken at PAGE_WIDTH and begun at `indent`; ends the line.
 */
static void write_wrapped(FILE *out, const char *text, size_t length, int indent, int column)
{
    const char *end = text + length;
    bool first = true;
    while (text < end) {
        size_t word = strcspn(text, " \n");
        if (word > (size_t)(end - text))
            word = (size_t)(end - text);
        if (!first && column + 1 + (int)word > PAGE_WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
            first = true;
        }
        fprintf(out, "%s%.*s", first ? "" : " ", (int)word, text);
        column += (int)word + !first;
        first = false;
        text += word;
        text += strspn(text, " \n");
    }
    putc('\n', out);
}

/* One block of free text: a paragraph, or a run of lines to keep as they are. */
struct block {
    const char *text;
    size_t length;
    bool verbatim;
};

/* Takes the next block from `*text`; false at its end. */
static bool next_block(const char **text, struct block *b)
{
    *text += strspn(*text, "\n");
    if (**text == '\0')
        return false;
    b->text = *text;
    b->verbatim = **text == ' ';
    const char *line = *text;
    while (*line && *line != '\n' && (*line == ' ') == b->verbatim) {
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    b->length = (size_t)(line - *text);
    while (b->length > 0 && b->text[b->length - 1] == '\n')
        b->length--;
    *text = line;
    return true;
}

static void write_text(FILE *out, const char *text)
{
    struct block b;
    while (next_block(&text, &b)) {
        if (b.verbatim)
            fprintf(out, "%.*s\n", (int)b.length, b.text);
        else
            write_wrapped(out, b.text, b.length, 0, 0);
        if (*text == '\n')
            putc('\n', out);
    }
}

static void write_option(FILE *out, char letter, const char *name, const char *argument,
                         const char *help)
{
    char left[80];
    char short_form[8] = "    ";
    if (letter)
        snprintf(short_form, sizeof(short_form), "-%c, ", letter);
    int column = snprintf(left, sizeof(left), "  %s--%s%s%s", short_form, name, argument ? " " : "",
                          argument ? argument : "");
    fputs(left, out);
    if (column + 2 > HELP_COLUMN) {
        putc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", HELP_COLUMN - column, "");
    write_wrapped(out, help, strlen(help), HELP_COLUMN, HELP_COLUMN);
}

#define HELP_HELP "print this help and end"

void options_print_help(const struct command *c, FILE *out)
{
    fprintf(out, "Usage: fercli %s [OPTION...]%s%s\n\n", c->name, *c->operands ? " " : "",
            c->operands);
    write_text(out, c->description);
    for (int g = 0; g < OPTION_GROUPS && c->groups[g].table; g++) {
        if (c->groups[g].title)
            fprintf(out, "\n%s:\n", c->groups[g].title);
        for (const struct option_spec *o = c->groups[g].table; o->kind != OPTION_KIND_END; o++)
            write_option(out, o->letter, o->name, o->argument, o->help);
    }
    fputs(c->groups[0].table ? "" : "\nOptions:\n", out);
    write_option(out, 'h', "help", NULL, HELP_HELP);
}

void options_print_overview(const struct manual *m, FILE *out)
{
    fprintf(out, "%s: %s\n\nUsage:\n", m->name, m->summary);
    for (int i = 0; m->commands[i]; i++)
        fprintf(out, "  %s %-14s[OPTION...]%s%s\n", m->name, m->commands[i]->name,
                *m->commands[i]->operands ? " " : "", m->commands[i]->operands);
    fprintf(out, "  %s COMMAND --help\n  %s --version\n\nCommands:\n", m->name, m->name);
    for (int i = 0; m->commands[i]; i++) {
        fprintf(out, "  %-15s", m->commands[i]->name);
        write_wrapped(out, m->commands[i]->summary, strlen(m->commands[i]->summary), 17, 17);
    }
    for (const struct manual_section *s = m->sections; s->title; s++) {
        fprintf(out, "\n%s:\n", s->title);
        write_text(out, s->text);
    }
}

/* ---- man(7) ---- */

static void write_roff(FILE *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bool line_start = i == 0 || text[i - 1] == '\n';
        if (line_start && (text[i] == '.' || text[i] == '\''))
            fputs("\\&", out);
        if (text[i] == '\\')
            fputs("\\e", out);
        else if (text[i] == '-')
            fputs("\\-", out);
        else if (text[i] == '\'')
            fputs("\\(aq", out);
        else if (text[i] == '^')
            fputs("\\(ha", out);
        else if (text[i] == '~')
            fputs("\\(ti", out);
        else
            putc(text[i], out);
    }
    putc('\n', out);
}

static void write_roff_text(FILE *out, const char *text)
{
    struct block b;
    for (bool first = true; next_block(&text, &b); first = false) {
        if (b.verbatim) {
            fputs(".PP\n.nf\n", out);
            write_roff(out, b.text, b.length);
            fputs(".fi\n", out);
        } else {
            fputs(first ? "" : ".PP\n", out);
            write_roff(out, b.text, b.length);
        }
    }
}

static void write_roff_name(FILE *out, const char *name)
{
    for (; *name; name++)
        fputs(*name == '-' ? "\\-" : (char[]){*name, '\0'}, out);
}

/* Macro arguments in quotes; titles hold none themselves. */
static void write_roff_heading(FILE *out, const char *macro, const char *title, bool upper)
{
    fprintf(out, "%s \"", macro);
    for (; *title; title++)
        putc(upper && *title >= 'a' && *title <= 'z' ? *title - 'a' + 'A' : *title, out);
    fputs("\"\n", out);
}

static void write_roff_option(FILE *out, const struct option_spec *o)
{
    fputs(".TP\n", out);
    if (o->letter)
        fprintf(out, "\\fB\\-%c\\fR, ", o->letter);
    fputs("\\fB\\-\\-", out);
    write_roff_name(out, o->name);
    fputs("\\fR", out);
    if (o->argument)
        fprintf(out, " \\fI%s\\fR", o->argument);
    putc('\n', out);
    write_roff(out, o->help, strlen(o->help));
}

static void write_roff_usage(FILE *out, const struct command *c)
{
    fputs("\\fBfercli ", out);
    write_roff_name(out, c->name);
    fprintf(out, "\\fR [\\fIOPTION\\fR...]%s", *c->operands ? " " : "");
    write_roff_name(out, c->operands);
    putc('\n', out);
}

static void write_roff_command(FILE *out, const struct command *c)
{
    char title[64];
    snprintf(title, sizeof(title), "fercli %s", c->name);
    write_roff_heading(out, ".SH", title, true);
    write_roff_usage(out, c);
    fputs(".PP\n", out);
    write_roff_text(out, c->description);
    for (int g = 0; g < OPTION_GROUPS && c->groups[g].table; g++) {
        if (c->groups[g].title)
            write_roff_heading(out, ".SS", c->groups[g].title, false);
        for (const struct option_spec *o = c->groups[g].table; o->kind != OPTION_KIND_END; o++)
            write_roff_option(out, o);
    }
}

void options_print_man(const struct manual *m, FILE *out)
{
    fprintf(out, ".TH FERCLI 1 \"\" \"%s %s\" \"User Commands\"\n", m->name, m->version);
    fprintf(out, ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n.nf\n", m->name, m->summary);
    for (int i = 0; m->commands[i]; i++)
        write_roff_usage(out, m->commands[i]);
    fprintf(out, "\\fB%s \\-\\-version\\fR\n.fi\n.SH DESCRIPTION\n", m->name);
    write_roff_text(out, m->description);
    for (int i = 0; m->commands[i]; i++)
        write_roff_command(out, m->commands[i]);
    for (const struct manual_section *s = m->sections; s->title; s++) {
        write_roff_heading(out, ".SH", s->title, true);
        write_roff_text(out, s->text);
    }
}

/* ---- bash ---- */

/* What stands behind an option is completed by what help calls it. */
static const char *completion_of(const struct option_spec *o)
{
    if (strcmp(o->argument, "DIR") == 0)
        return "compgen -d";
    if (strcmp(o->argument, "PREFIX") == 0)
        return "_fercli_prefixes";
    if (strcmp(o->argument, "FILE") == 0 || strcmp(o->argument, "WEIGHTS") == 0)
        return "compgen -f";
    return NULL;
}

static void write_value_case(FILE *out, const struct command *c, const struct option_spec *o)
{
    fprintf(out, "        %s:--%s", c->name, o->name);
    if (o->letter)
        fprintf(out, "|%s:-%c", c->name, o->letter);
    fputs(") ", out);
    if (o->choices) {
        fputs("words='", out);
        for (int i = 0; o->choices[i]; i++)
            fprintf(out, "%s%s", i ? " " : "", o->choices[i]);
        fputs("' ;;\n", out);
    } else if (completion_of(o)) {
        fprintf(out, "_fercli_files %s \"$word\"; return ;;\n", completion_of(o));
    } else {
        fputs("return ;;\n", out);
    }
}

static void write_command_case(FILE *out, const struct command *c)
{
    for (int g = 0; g < OPTION_GROUPS && c->groups[g].table; g++)
        for (const struct option_spec *o = c->groups[g].table; o->kind != OPTION_KIND_END; o++)
            if (takes_value(o))
                write_value_case(out, c, o);
    fprintf(out, "        %s:*) words='", c->name);
    for (int g = 0; g < OPTION_GROUPS && c->groups[g].table; g++)
        for (const struct option_spec *o = c->groups[g].table; o->kind != OPTION_KIND_END; o++)
            fprintf(out, "--%s ", o->name);
    fputs("--help' ;;\n", out);
}

void options_print_completion(const struct manual *m, FILE *out)
{
    fputs("# bash completion for fercli; generated by `fercli help --completion`.\n"
          "# To use it: source <(fercli help --completion)\n"
          "_fercli_files()\n{\n"
          "    compopt -o filenames 2>/dev/null\n"
          "    mapfile -t COMPREPLY < <(\"${@:1:$#-1}\" -- \"${@: -1}\")\n}\n\n"
          "# Models: what the names of three files have in common.\n"
          "_fercli_prefixes()\n{\n"
          "    compgen -d \"$@\"\n"
          "    compgen -f -X '!*.cfg' \"$@\" | sed 's/\\.cfg$//'\n}\n\n"
          "_fercli()\n{\n"
          "    local word=$2 before=$3 command=${COMP_WORDS[1]} words=\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W '",
          out);
    for (int i = 0; m->commands[i]; i++)
        fprintf(out, "%s ", m->commands[i]->name);
    fputs("--help --version' -- \"$word\")\n        return\n    fi\n"
          "    case $command:$before in\n",
          out);
    for (int i = 0; m->commands[i]; i++)
        write_command_case(out, m->commands[i]);
    fputs("    esac\n"
          "    case $command:$word in\n"
          "        help:[!-]*|help:) words='",
          out);
    for (int i = 0; m->commands[i]; i++)
        fprintf(out, "%s%s", i ? " " : "", m->commands[i]->name);
    fputs("' ;;\n    esac\n"
          "    case $word:$words in\n"
          "        -*|*:[!-]*) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\") ;;\n"
          "        *) _fercli_files compgen -f \"$word\" ;;\n"
          "    esac\n}\n"
          "complete -F _fercli fercli\n",
          out);
}
