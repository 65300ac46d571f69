/* FER-2013's CSV: layouts, splits, order of the labels, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/file.h"
#include "fer.h"
#include "scratch.h"

#define PIXELS 2304
#define ALL (SPLIT_TRAINING | SPLIT_PUBLIC_TEST | SPLIT_PRIVATE_TEST)

/* ---- making files
 * -------------------------------------------------------------------------------- */

static unsigned pixel_of(int row, int i)
{
    return (unsigned)(row * 31 + i * 7) % 256;
}

static const char *usage_of(int row)
{
    static const char *const usages[] = {"Training", "PublicTest", "PrivateTest"};
    return usages[row % 3];
}

/* The pixel field of a row with `count` numbers. */
static char *pixels_text(int row, int count)
{
    char *text = malloc(4 * (size_t)count + 1), *end = text;
    assert_non_null(text);
    *end = '\0';
    for (int i = 0; i < count; i++)
        end += sprintf(end, "%s%u", i ? " " : "", pixel_of(row, i));
    return text;
}

/* How a file is written. */
struct recipe {
    const char *header,
        *row;         /* `row` as a format of label, pixels, Usage; NULL: the official layout */
    bool usage_first; /* the format's second and third are Usage and pixels */
    const char *last; /* what follows the rows */
};

static const struct recipe OFFICIAL = {"emotion,pixels,Usage\n", "%d,%s,%s\n", false, ""};

/* The text of a file with `rows` rows: labels 0 1 2 ... 6 0 ..., splits in turn. */
static char *make_csv(const struct recipe *recipe, int rows)
{
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    fputs(recipe->header, stream);
    for (int row = 0; row < rows; row++) {
        char *pixels = pixels_text(row, PIXELS);
        fprintf(stream, recipe->row, row % 7, recipe->usage_first ? usage_of(row) : pixels,
                recipe->usage_first ? pixels : usage_of(row));
        free(pixels);
    }
    fputs(recipe->last, stream);
    assert_int_equal(fclose(stream), 0);
    return text;
}

static int read_text(struct dataset *d, const char *text, size_t size, unsigned splits,
                     struct err *e)
{
    struct names names;
    assert_int_equal(names_init_fer(&names, e), 0);
    int result = dataset_read_fer_csv(d, scratch_write("t.csv", text, size), splits, &names, e);
    names_release(&names);
    return result;
}

/* Checks that `d` holds the rows first, first + step, ... of make_csv. */
static void assert_rows(const struct dataset *d, size_t count, int first, int step)
{
    assert_int_equal(d->count, count);
    assert_int_equal(d->width, 48);
    assert_int_equal(d->height, 48);
    assert_null(d->path);
    for (size_t i = 0; i < count; i++) {
        const int row = first + (int)i * step;
        static const int split[] = {SPLIT_TRAINING, SPLIT_PUBLIC_TEST, SPLIT_PRIVATE_TEST};
        assert_int_equal(d->label[i], row % 7);
        assert_int_equal(d->split[i], split[row % 3]);
        for (int k = 0; k < PIXELS; k++)
            if (d->pixels[i * PIXELS + (size_t)k] != pixel_of(row, k))
                fail_msg("row %d: pixel %d is %d", row, k, d->pixels[i * PIXELS + (size_t)k]);
    }
}

static void assert_reads(const struct recipe *recipe)
{
    struct dataset d;
    struct err e = {""};
    char *text = make_csv(recipe, 9);
    if (read_text(&d, text, strlen(text), ALL, &e))
        fail_msg("%s", e.text);
    assert_rows(&d, 9, 0, 1);
    dataset_release(&d);
    free(text);
}

/* ---- what is read
 * -------------------------------------------------------------------------------- */

static void test_official_layout_is_read(void **state)
{
    (void)state;
    assert_reads(&OFFICIAL);
}

static void test_kaggles_second_layout_is_read(void **state)
{
    (void)state;
    const struct recipe kaggle = {"emotion, Usage, pixels\n", "%d,%s,%s\n", true, ""};
    assert_reads(&kaggle);
}

static void test_quotes_blanks_and_crlf_are_read(void **state)
{
    (void)state;
    const struct recipe quoted = {"emotion,pixels,Usage\r\n", "%d,\"%s\",%s\r\n", false, ""};
    assert_reads(&quoted);
    const struct recipe blanks = {"emotion, Usage, pixels \n", "%d , \"%s\",\t\" %s \" \n", true,
                                  ""};
    assert_reads(&blanks);
    const struct recipe marked = {"\xef\xbb\xbf\"emotion\",\"pixels\",\"Usage\"\n", "%d,%s,%s\n",
                                  false, ""};
    assert_reads(&marked);
}

static void test_blank_lines_at_the_end_are_passed_over(void **state)
{
    (void)state;
    struct recipe recipe = OFFICIAL;
    recipe.last = "\n \r\n\n";
    assert_reads(&recipe);
}

static void test_last_row_without_line_feed_is_read(void **state)
{
    (void)state;
    struct dataset d;
    struct err e;
    char *text = make_csv(&OFFICIAL, 4);
    assert_int_equal(read_text(&d, text, strlen(text) - 1, ALL, &e), 0);
    assert_rows(&d, 4, 0, 1);
    dataset_release(&d);
    free(text);
}

static void test_only_wanted_splits_are_kept(void **state)
{
    (void)state;
    struct dataset d;
    struct err e;
    char *text = make_csv(&OFFICIAL, 9);
    assert_int_equal(read_text(&d, text, strlen(text), SPLIT_PUBLIC_TEST, &e), 0);
    assert_rows(&d, 3, 1, 3);
    dataset_release(&d);
    free(text);
}

static void test_labels_follow_the_order_of_the_names(void **state)
{
    (void)state;
    static const char names_text[] = "Neutral\nsurprise\nsad\nhappy\nfear\ndisgust\nbored\nangry\n";
    static const unsigned char expected[7] = {7, 5, 4, 3, 2, 1, 0};
    struct names names;
    struct dataset d;
    struct err e;
    char *text = make_csv(&OFFICIAL, 7);
    const char *path = scratch_write("t.names", names_text, strlen(names_text));
    assert_int_equal(names_read(&names, path, &e), 0);
    path = scratch_write("t.csv", text, strlen(text));
    assert_int_equal(dataset_read_fer_csv(&d, path, ALL, &names, &e), 0);
    assert_memory_equal(d.label, expected, 7);
    dataset_release(&d);
    names_release(&names);
    free(text);
}

static void test_gzip_gives_what_plain_text_gives(void **state)
{
    (void)state;
    struct dataset d;
    struct names names;
    struct err e;
    char *text = make_csv(&OFFICIAL, 9);
    const char *path = scratch_file("t.csv.gz");
    gzFile stream = gzopen(path, "wb");
    assert_int_equal(gzwrite(stream, text, (unsigned)strlen(text)), strlen(text));
    gzclose_w(stream);
    names_init_fer(&names, &e);
    assert_int_equal(dataset_read_fer_csv(&d, path, ALL, &names, &e), 0);
    assert_rows(&d, 9, 0, 1);
    dataset_release(&d);
    names_release(&names);
    free(text);
}

static void test_many_rows_are_read_across_buffers(void **state)
{
    (void)state;
    struct dataset d;
    struct err e;
    char *text = make_csv(&OFFICIAL, 1100);
    assert_int_equal(read_text(&d, text, strlen(text), ALL, &e), 0);
    assert_rows(&d, 1100, 0, 1);
    dataset_release(&d);
    free(text);
}

/* ---- what is refused
 * ----------------------------------------------------------------------------- */

static void assert_refused(const char *text, size_t size, const char *expected)
{
    struct dataset d;
    struct err e = {""};
    assert_int_equal(read_text(&d, text, size, SPLIT_TRAINING, &e), -1);
    if (!strstr(e.text, expected))
        fail_msg("the message is: %s; expected: %s", e.text, expected);
    assert_int_equal(d.count, 0);
    assert_null(d.pixels);
}

/* A file of a good row and one made by `format` of a pixel field with `count` numbers. */
static void assert_row_refused(const char *format, int count, const char *expected)
{
    char *good = make_csv(&OFFICIAL, 1), *pixels = pixels_text(0, count), *text;
    char row[32768];
    snprintf(row, sizeof(row), format, pixels);
    assert_true(asprintf(&text, "%s%s", good, row) > 0);
    assert_refused(text, strlen(text), expected);
    free(text);
    free(pixels);
    free(good);
}

static void test_wrong_header_is_refused(void **state)
{
    (void)state;
    static const char *const headers[] = {"emotion,pixels\n",       "pixels\n",
                                          "pixels,emotion,Usage\n", "emotion,pixels,Usage,x\n",
                                          "0,1 2 3,Training\n",     "\n"};
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        assert_refused(headers[i], strlen(headers[i]), "t.csv:1: the header is '");
    assert_refused("emotion\x01,pixels", 15,
                   "t.csv:1: the header is 'emotion?,pixels', expected 'emotion,pixels,Usage' or "
                   "'emotion, Usage, pixels'");
}

static void test_wrong_label_is_refused_with_its_line(void **state)
{
    (void)state;
    assert_row_refused("7,%s,Training\n", PIXELS,
                       "t.csv:3: the label is '7', expected a number from 0 to 6");
    assert_row_refused("-1,%s,Training\n", PIXELS, "t.csv:3: the label is '-1'");
    assert_row_refused("10,%s,Training\n", PIXELS, "t.csv:3: the label is '10'");
    assert_row_refused(",%s,Training\n", PIXELS, "t.csv:3: the label is ''");
    assert_row_refused("happy,%s,Training\n", PIXELS, "t.csv:3: the label is 'happy'");
}

static void test_wrong_pixel_is_refused_with_its_number(void **state)
{
    (void)state;
    assert_row_refused("1,256 %s,Training\n", PIXELS - 1,
                       "t.csv:3: pixel 1 is '256', expected a number from 0 to 255");
    assert_row_refused("1,%s 256,Training\n", PIXELS - 1, "t.csv:3: pixel 2304 is '256'");
    assert_row_refused("1,%s 99999999999999999999,Training\n", 9,
                       "t.csv:3: pixel 10 is '99999999999999999999'");
    assert_row_refused("1,%s 1x,Training\n", 9, "t.csv:3: pixel 10 is '1x'");
    assert_row_refused("1,%s -1,Training\n", 9, "t.csv:3: pixel 10 is '-1'");
    assert_row_refused("1,%s 1.5,Training\n", 9, "t.csv:3: pixel 10 is '1.5'");
    assert_row_refused("1,\"%s,Training\n", 9, "t.csv:3: pixel 1 is '\"0'");
}

static void test_short_row_is_refused_with_its_line(void **state)
{
    (void)state;
    assert_row_refused("1,%s,Training\n", PIXELS - 1, "t.csv:3: 2303 pixels, expected 2304");
    assert_row_refused("1,%s,Training\n", 0, "t.csv:3: 0 pixels, expected 2304");
}

static void test_long_row_is_refused_with_its_line(void **state)
{
    (void)state;
    assert_row_refused("1,%s,Training\n", PIXELS + 1, "t.csv:3: 2305 pixels, expected 2304");
    assert_row_refused("1,%s,Training\n", 2 * PIXELS, "t.csv:3: 4608 pixels, expected 2304");
}

static void test_unknown_usage_is_refused(void **state)
{
    (void)state;
    assert_row_refused(
        "1,%s,Trainin\n", PIXELS,
        "t.csv:3: the Usage is 'Trainin', expected Training, PublicTest or PrivateTest");
    assert_row_refused("1,%s,\n", PIXELS, "t.csv:3: the Usage is ''");
}

static void test_wrong_number_of_fields_is_refused(void **state)
{
    (void)state;
    assert_row_refused("1,%s\n", PIXELS, "t.csv:3: 2 fields, expected 3");
    assert_row_refused("1,%s,Training,\n", PIXELS, "t.csv:3: 4 fields, expected 3");
}

static void test_row_of_an_unwanted_split_is_checked(void **state)
{
    (void)state;
    assert_row_refused("1,%s,PrivateTest\n", 5, "t.csv:3: 5 pixels, expected 2304");
}

static void test_blank_line_between_rows_is_refused(void **state)
{
    (void)state;
    struct recipe recipe = OFFICIAL;
    recipe.last = "\n\nx\n";
    char *text = make_csv(&recipe, 2);
    assert_refused(text, strlen(text), "t.csv:4: the line is empty");
    free(text);
}

static void test_line_without_end_is_refused(void **state)
{
    (void)state;
    const size_t size = 3 << 20;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, '1', size);
    assert_refused(text, size, "t.csv:1: the line is longer than 65536 bytes");
    memcpy(text, "emotion,pixels,Usage\n", 21);
    assert_refused(text, size, "t.csv:2: the line is longer than 65536 bytes");
    text[21 + 65537] = '\n';
    assert_refused(text, 21 + 65538, "t.csv:2: the line is longer than 65536 bytes");
    free(text);
}

static void test_zero_bytes_are_refused(void **state)
{
    (void)state;
    assert_refused("emotion,pixels,Usage\n1,1 \0 2,Training\n", 38,
                   "t.csv:2: pixel 2 is '?', expected a number");
}

static void test_file_without_a_wanted_row_is_refused(void **state)
{
    (void)state;
    struct dataset d;
    struct err e;
    char *text = make_csv(&OFFICIAL, 1);
    assert_refused(text, 21, "t.csv' has no row of Training");
    assert_int_equal(read_text(&d, text, strlen(text), SPLIT_PUBLIC_TEST | SPLIT_PRIVATE_TEST, &e),
                     -1);
    assert_non_null(strstr(e.text, "t.csv' has no row of PublicTest, PrivateTest"));
    free(text);
}

static void test_files_that_are_none_are_refused(void **state)
{
    (void)state;
    struct dataset d;
    struct names names;
    struct err e;
    assert_refused("", 0, "t.csv' is empty");
    names_init_fer(&names, &e);
    assert_int_equal(dataset_read_fer_csv(&d, scratch_file("absent"), ALL, &names, &e), -1);
    assert_non_null(strstr(e.text, "absent': No such file or directory"));
    assert_int_equal(dataset_read_fer_csv(&d, scratch_file("."), ALL, &names, &e), -1);
    assert_non_null(strstr(e.text, "/.': Is a directory"));
    names_release(&names);
}

/* A gzip file of 40 rows, in memory. */
static char *make_gzip(size_t *size)
{
    char *text = make_csv(&OFFICIAL, 40), *bytes;
    const char *path = scratch_file("whole.gz");
    struct err e;
    gzFile stream = gzopen(path, "wb");
    assert_int_equal(gzwrite(stream, text, (unsigned)strlen(text)), strlen(text));
    gzclose_w(stream);
    assert_int_equal(file_read(path, 1 << 24, &bytes, size, &e), 0);
    free(text);
    return bytes;
}

static void test_gzip_file_cut_short_is_refused(void **state)
{
    (void)state;
    size_t size;
    char *bytes = make_gzip(&size);
    assert_refused(bytes, size / 2, "the gzip data ends here: the file is cut short");
    assert_refused(bytes, 9, "t.csv:1: the gzip data ends here: the file is cut short");
    assert_refused(bytes, size - 1, "t.csv:42: the gzip data ends here: the file is cut short");
    free(bytes);
}

static void test_damaged_gzip_file_is_refused(void **state)
{
    (void)state;
    size_t size;
    char *bytes = make_gzip(&size);
    bytes[size - 6] ^= 1; /* of the checksum */
    assert_refused(bytes, size, "incorrect data check");
    free(bytes);
}

static void test_names_without_a_class_are_refused(void **state)
{
    (void)state;
    struct names names;
    struct dataset d;
    struct err e;
    const char *path = scratch_write("t.names", "angry\ndisgust\nfear\nhappy\nsad\nneutral\n", 37);
    assert_int_equal(names_read(&names, path, &e), 0);
    assert_int_equal(dataset_read_fer_csv(&d, scratch_file("t.csv"), ALL, &names, &e), -1);
    assert_string_equal(e.text, "FER-2013 has the class 'surprise', the model only: angry, "
                                "disgust, fear, happy, sad, neutral");
    names_release(&names);
}

/* ---- splits
 * -------------------------------------------------------------------------------------- */

static void test_splits_are_parsed(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(splits_parse("PublicTest", &e), SPLIT_PUBLIC_TEST);
    assert_int_equal(splits_parse("PrivateTest,Training", &e), SPLIT_TRAINING | SPLIT_PRIVATE_TEST);
    assert_int_equal(splits_parse("Training,PublicTest,PrivateTest", &e), ALL);
}

static void test_other_splits_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",          "Public",          "PublicTest,",
                                        ",Training", "Training Public", "PublicTest,,Training"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct err e = {""};
        assert_int_equal(splits_parse(wrong[i], &e), 0);
        assert_non_null(strstr(e.text, "is not a split: Training, PublicTest or PrivateTest"));
    }
    struct err e;
    assert_int_equal(splits_parse("Training,Training", &e), 0);
    assert_string_equal(e.text, "the split 'Training' is named twice");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_official_layout_is_read),
        cmocka_unit_test(test_kaggles_second_layout_is_read),
        cmocka_unit_test(test_quotes_blanks_and_crlf_are_read),
        cmocka_unit_test(test_blank_lines_at_the_end_are_passed_over),
        cmocka_unit_test(test_last_row_without_line_feed_is_read),
        cmocka_unit_test(test_only_wanted_splits_are_kept),
        cmocka_unit_test(test_labels_follow_the_order_of_the_names),
        cmocka_unit_test(test_gzip_gives_what_plain_text_gives),
        cmocka_unit_test(test_many_rows_are_read_across_buffers),
        cmocka_unit_test(test_wrong_header_is_refused),
        cmocka_unit_test(test_wrong_label_is_refused_with_its_line),
        cmocka_unit_test(test_wrong_pixel_is_refused_with_its_number),
        cmocka_unit_test(test_short_row_is_refused_with_its_line),
        cmocka_unit_test(test_long_row_is_refused_with_its_line),
        cmocka_unit_test(test_unknown_usage_is_refused),
        cmocka_unit_test(test_wrong_number_of_fields_is_refused),
        cmocka_unit_test(test_row_of_an_unwanted_split_is_checked),
        cmocka_unit_test(test_blank_line_between_rows_is_refused),
        cmocka_unit_test(test_line_without_end_is_refused),
        cmocka_unit_test(test_zero_bytes_are_refused),
        cmocka_unit_test(test_file_without_a_wanted_row_is_refused),
        cmocka_unit_test(test_files_that_are_none_are_refused),
        cmocka_unit_test(test_gzip_file_cut_short_is_refused),
        cmocka_unit_test(test_damaged_gzip_file_is_refused),
        cmocka_unit_test(test_names_without_a_class_are_refused),
        cmocka_unit_test(test_splits_are_parsed),
        cmocka_unit_test(test_other_splits_are_refused),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
