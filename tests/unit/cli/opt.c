/* Options: what a command's table accepts and refuses, and the help made from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/nearest.h"
#include "cli/opt.h"

static const char *const COLOURS[] = {"red", "green", "blue", NULL};

struct options {
    struct common_options common;
    const char *crops;
    int crop_size, colour;
    double margin;
    bool largest;
    struct option_list friends;
};

static const struct options DEFAULTS = {.common = COMMON_DEFAULTS, .crop_size = 48, .margin = 0.5};

static const struct option_spec TABLE[] = {
    OPTION_TEXT("crops", 'c', struct options, crops, "DIR", "write crops into DIR"),
    OPTION_INTEGER("crop-size", 's', struct options, crop_size, 8, 1024, "N", "size of the crops"),
    OPTION_REAL("margin", 0, struct options, margin, -1, 2, "F", "margin of the crops"),
    OPTION_CHOICE("colour", 0, struct options, colour, "COLOUR", COLOURS, "colour of the boxes"),
    OPTION_LIST("friend", 'f', struct options, friends, "NAME", "a friend; there may be more"),
    OPTION_FLAG("largest", 'l', struct options, largest, "only the largest"),
    OPTION_END};

static int never_run(const void *options, int count, char **operands)
{
    (void)options;
    (void)count;
    (void)operands;
    return 0;
}

static const struct command COMMAND = {
    .name = "try",
    .summary = "tries things",
    .operands = "THING...",
    .description =
        "Tries every THING, one after the other, and says of each whether it was found to "
        "be good.\n\n  fercli try this\n",
    .groups = {{"Trying", TABLE}, {"Common options", COMMON_OPTIONS}},
    .options_size = sizeof(struct options),
    .defaults = &DEFAULTS,
    .run = never_run};

/* One parsed command line. */
struct parsed {
    struct options options;
    char *argv[20];
    int operands; /* or -1 */
    bool help;
    struct err e;
};

/* The words are parted by blanks; `_` stands for an empty one. */
static struct parsed parse(const char *line)
{
    static char words[256];
    struct parsed p = {.options = DEFAULTS};
    int count = 0;
    snprintf(words, sizeof(words), "%s", line);
    for (char *word = strtok(words, " "); word && count < 20; word = strtok(NULL, " "))
        p.argv[count++] = strcmp(word, "_") == 0 ? word + 1 : word;
    p.operands = options_parse(&COMMAND, &p.options, count, p.argv, &p.help, &p.e);
    return p;
}

static void assert_refused(const char *line, const char *message)
{
    struct parsed p = parse(line);
    assert_int_equal(p.operands, -1);
    assert_string_equal(p.e.text, message);
}

static void test_defaults_stay_without_options(void **state)
{
    (void)state;
    struct parsed p = parse("a b");
    assert_int_equal(p.operands, 2);
    assert_memory_equal(&p.options, &DEFAULTS, sizeof(DEFAULTS));
}

static void test_every_kind_sets_its_field(void **state)
{
    (void)state;
    struct parsed p = parse("--crops dir --crop-size 64 --margin -0.25 --colour blue --largest "
                            "--seed 18446744073709551615 --format jsonl");
    assert_int_equal(p.operands, 0);
    assert_string_equal(p.options.crops, "dir");
    assert_int_equal(p.options.crop_size, 64);
    assert_true(p.options.margin == -0.25);
    assert_int_equal(p.options.colour, 2);
    assert_true(p.options.largest);
    assert_true(p.options.common.seed == UINT64_MAX);
    assert_int_equal(p.options.common.format, FORMAT_JSONL);
}

static void test_values_come_in_all_spellings(void **state)
{
    (void)state;
    assert_int_equal(parse("--crop-size=9").options.crop_size, 9);
    assert_int_equal(parse("-s 9").options.crop_size, 9);
    assert_int_equal(parse("-s9").options.crop_size, 9);
    assert_int_equal(parse("-ls9").options.crop_size, 9);
    assert_true(parse("-ls9").options.largest);
    assert_string_equal(parse("--crops=--odd").options.crops, "--odd");
    assert_string_equal(parse("--crops -").options.crops, "-");
    assert_string_equal(parse("--crops=a=b").options.crops, "a=b");
    assert_int_equal(parse("-s 9 -s 10").options.crop_size, 10);
}

static void test_a_list_grows_each_time_it_is_given(void **state)
{
    (void)state;
    struct parsed p = parse("--friend ann -fbob --friend=cy");
    assert_int_equal(p.operands, 0);
    assert_int_equal(p.options.friends.count, 3);
    assert_string_equal(p.options.friends.item[0], "ann");
    assert_string_equal(p.options.friends.item[1], "bob");
    assert_string_equal(p.options.friends.item[2], "cy");
    assert_int_equal(parse("").options.friends.count, 0);
    assert_refused("-fa -fa -fa -fa -fa -fa -fa -fa -fa -fa -fa -fa -fa -fa -fa -fa -fa",
                   "option '--friend' is given more than 16 times");
}

static const char *changed(const char *line)
{
    const struct parsed p = parse(line);
    return options_changed(TABLE, &p.options, &DEFAULTS);
}

static void test_what_is_given_can_be_told_from_the_defaults(void **state)
{
    (void)state;
    assert_null(changed(""));
    assert_null(changed("--seed 7 --threads 2")); /* of another table */
    assert_string_equal(changed("--crops dir"), "crops");
    assert_string_equal(changed("--crop-size 64"), "crop-size");
    assert_string_equal(changed("--margin 0"), "margin");
    assert_string_equal(changed("--colour blue"), "colour");
    assert_string_equal(changed("--friend ann"), "friend");
    assert_string_equal(changed("--largest"), "largest");
    assert_string_equal(changed("--largest --margin 1"), "margin");
    const struct parsed p = parse("--largest --seed 7");
    assert_string_equal(options_changed(COMMON_OPTIONS, &p.options, &DEFAULTS), "seed");
}

static void test_the_beginning_of_a_name_is_enough_when_it_is_the_only_one(void **state)
{
    (void)state;
    assert_true(parse("--lar").options.largest);
    assert_string_equal(parse("--crops x").options.crops, "x");
    assert_refused("--crop x", "option '--crop' could be any of --crops, --crop-size");
}

static void test_operands_move_to_the_front_in_their_order(void **state)
{
    (void)state;
    struct parsed p = parse("one --largest two - -s 9 -- --three -4");
    assert_int_equal(p.operands, 5);
    assert_string_equal(p.argv[0], "one");
    assert_string_equal(p.argv[1], "two");
    assert_string_equal(p.argv[2], "-");
    assert_string_equal(p.argv[3], "--three");
    assert_string_equal(p.argv[4], "-4");
}

static void test_help_is_reported_and_ends_the_parsing(void **state)
{
    (void)state;
    assert_true(parse("--help").help);
    assert_true(parse("-h").help);
    assert_true(parse("-lh --nonsense").help);
    assert_false(parse("-- --help").help);
}

static void test_unknown_options_are_named_with_the_nearest(void **state)
{
    (void)state;
    assert_refused("--lragest", "unknown option '--lragest'; did you mean '--largest'?");
    assert_refused("--crop_size=9", "unknown option '--crop_size'; did you mean '--crop-size'?");
    assert_refused("--zzzzzz", "unknown option '--zzzzzz'");
    assert_refused("-lx", "unknown option '-x'");
    assert_refused("--=5", "unknown option '--'");
}

static void test_missing_values_are_refused(void **state)
{
    (void)state;
    assert_refused("--crops", "option '--crops' needs a value: --crops DIR");
    assert_refused("-c", "option '--crops' needs a value: --crops DIR");
    assert_refused(
        "--crops --largest",
        "option '--crops' needs a value before '--largest' (a value that begins with -- is "
        "given as --crops=VALUE)");
    assert_refused("--crops=", "option '--crops': its value DIR is empty");
    assert_refused("--crops _", "option '--crops': its value DIR is empty");
    assert_refused("--largest=yes", "option '--largest' takes no value");
}

static void test_numbers_out_of_bounds_or_malformed_are_refused(void **state)
{
    (void)state;
    const char *const bad[] = {"7",    "1025", "-1",  "9x",
                               "0x20", "1e2",  "9.0", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char line[64], message[128];
        snprintf(line, sizeof(line), "--crop-size %s", bad[i]);
        snprintf(message, sizeof(message),
                 "option '--crop-size': '%s' is not a whole number from 8 to 1024", bad[i]);
        assert_refused(line, message);
    }
    assert_refused("--margin 2.01", "option '--margin': '2.01' is not a number from -1 to 2");
    assert_refused("--margin nan", "option '--margin': 'nan' is not a number from -1 to 2");
    assert_refused("--margin 1,5", "option '--margin': '1,5' is not a number from -1 to 2");
    assert_int_equal(parse("--crop-size 8").options.crop_size, 8);
    assert_int_equal(parse("--crop-size 1024").options.crop_size, 1024);
}

static void test_seeds_are_checked_to_the_last_bit(void **state)
{
    (void)state;
    const char *message = "option '--seed': '18446744073709551616' is not a whole number from 0 to "
                          "18446744073709551615";
    assert_refused("--seed 18446744073709551616", message);
    assert_int_equal(parse("--seed -1").operands, -1);
    assert_int_equal(parse("--seed 1x").operands, -1);
    assert_true(parse("--seed 0").options.common.seed == 0);
}

static void test_choices_are_listed_when_none_fits(void **state)
{
    (void)state;
    assert_refused("--colour gren", "option '--colour': 'gren' is none of red, green, blue");
    assert_refused("--format xml", "option '--format': 'xml' is none of auto, csv, jsonl, table");
}

/* What `print` writes, in static memory. */
static char *printed(void (*print)(const struct command *c, FILE *out))
{
    static char text[8192];
    FILE *stream = fmemopen(text, sizeof(text), "w");
    assert_non_null(stream);
    print(&COMMAND, stream);
    fclose(stream);
    return text;
}

static void test_help_shows_every_option_within_80_columns(void **state)
{
    (void)state;
    char *text = printed(options_print_help);
    assert_non_null(strstr(text, "Usage: fercli try [OPTION...] THING...\n"));
    assert_non_null(strstr(text, "\n  fercli try this\n"));
    assert_non_null(strstr(text, "\nTrying:\n  -c, --crops DIR         write crops into DIR\n"));
    for (int g = 0; g < 2; g++)
        for (const struct option_spec *o = COMMAND.groups[g].table; o->kind != OPTION_KIND_END;
             o++) {
            char name[64];
            snprintf(name, sizeof(name), "--%s ", o->name);
            assert_non_null(strstr(text, name));
        }
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        assert_true(strlen(line) <= 80);
}

static void print_man(const struct command *c, FILE *out)
{
    const struct command *const commands[] = {c, NULL};
    const struct manual_section sections[] = {{"Odd lines", ".dot\n\n  'quote \\ back-slash\n"},
                                              {NULL, NULL}};
    const struct manual manual = {"fercli", "1.2", "tries", "Does.", commands, sections};
    options_print_man(&manual, out);
}

static void test_man_page_escapes_what_roff_would_take_for_its_own(void **state)
{
    (void)state;
    const char *text = printed(print_man);
    assert_non_null(strstr(text, ".TH FERCLI 1 \"\" \"fercli 1.2\" \"User Commands\"\n"));
    assert_non_null(strstr(text, ".SH \"FERCLI TRY\"\n"));
    assert_non_null(strstr(text, ".SH \"ODD LINES\"\n\\&.dot\n"));
    assert_non_null(strstr(text, "\n  \\(aqquote \\e back\\-slash\n"));
}

static const char *nearest_of(const char *word, const char *a, const char *b)
{
    struct nearest n;
    nearest_init(&n, word, strlen(word));
    nearest_offer(&n, a);
    nearest_offer(&n, b);
    return n.name;
}

static void test_nearest_name_needs_likeness(void **state)
{
    (void)state;
    assert_string_equal(nearest_of("detct", "classify", "detect"), "detect");
    assert_string_equal(nearest_of("dteect", "detect", "classify"), "detect");
    assert_string_equal(nearest_of("train", "finetune", "train-general"), "train-general");
    assert_null(nearest_of("xyz", "detect", "classify"));
    assert_null(nearest_of("", "detect", "classify"));
    assert_null(nearest_of("a", "ab", "ac"));
    char longest[200];
    memset(longest, 'd', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_null(nearest_of(longest, "detect", longest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_stay_without_options),
        cmocka_unit_test(test_every_kind_sets_its_field),
        cmocka_unit_test(test_values_come_in_all_spellings),
        cmocka_unit_test(test_a_list_grows_each_time_it_is_given),
        cmocka_unit_test(test_what_is_given_can_be_told_from_the_defaults),
        cmocka_unit_test(test_the_beginning_of_a_name_is_enough_when_it_is_the_only_one),
        cmocka_unit_test(test_operands_move_to_the_front_in_their_order),
        cmocka_unit_test(test_help_is_reported_and_ends_the_parsing),
        cmocka_unit_test(test_unknown_options_are_named_with_the_nearest),
        cmocka_unit_test(test_missing_values_are_refused),
        cmocka_unit_test(test_numbers_out_of_bounds_or_malformed_are_refused),
        cmocka_unit_test(test_seeds_are_checked_to_the_last_bit),
        cmocka_unit_test(test_choices_are_listed_when_none_fits),
        cmocka_unit_test(test_help_shows_every_option_within_80_columns),
        cmocka_unit_test(test_man_page_escapes_what_roff_would_take_for_its_own),
        cmocka_unit_test(test_nearest_name_needs_likeness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
