/* Pictures from a stream: paths and frames, whole and broken, and how a stream ends. */
#include "cli/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "scratch.h"

static int ends[2]; /* of the pipe that is standard input */

static int open_pipe(void **state)
{
    (void)state;
    if (pipe(ends) || dup2(ends[0], STDIN_FILENO) < 0)
        return -1;
    return close(ends[0]);
}

static int close_pipe(void **state)
{
    (void)state;
    if (ends[1] >= 0)
        close(ends[1]);
    return 0;
}

static void put(const char *bytes, size_t size)
{
    assert_int_equal(write(ends[1], bytes, size), (ssize_t)size);
}

#define PUT(text) put(text, sizeof(text) - 1)

static void end_pipe(void)
{
    close(ends[1]);
    ends[1] = -1;
}

static void open_source(struct source *s, struct input_options o)
{
    static const struct common_options common = COMMON_DEFAULTS;
    struct err e = {""};
    if (source_open(s, &common, &o, 0, NULL, &e))
        fail_msg("%s", e.text);
}

static void assert_path(struct source *s, const char *path, const char *problem)
{
    struct input input = {0};
    assert_int_equal(source_take(s, &input, true), PIPELINE_TAKEN);
    assert_string_equal(input.path, path);
    if (problem && (!input.problem || !strstr(input.problem, problem)))
        fail_msg("'%s' does not contain '%s'", input.problem ? input.problem : "", problem);
    if (!problem)
        assert_null(input.problem);
    input_release(&input);
}

static void assert_taken(struct source *s, enum pipeline_taken expected, bool wait)
{
    struct input input = {0};
    assert_int_equal(source_take(s, &input, wait), expected);
    assert_null(input.path);
}

static void test_a_path_is_there_with_its_line_end(void **state)
{
    (void)state;
    struct source s;
    open_source(&s, (struct input_options){.stream = true});
    assert_taken(&s, PIPELINE_NOT_YET, false);
    PUT("a.p");
    assert_taken(&s, PIPELINE_NOT_YET, false);
    PUT("ng\nb.png\n\n\nc");
    assert_path(&s, "a.png", NULL);
    assert_path(&s, "b.png", NULL);
    assert_taken(&s, PIPELINE_NOT_YET, false);
    end_pipe();
    assert_path(&s, "c", NULL);
    assert_taken(&s, PIPELINE_END, false);
    assert_taken(&s, PIPELINE_END, true);
    source_close(&s);
}

static void test_with_null_a_line_end_is_part_of_the_path(void **state)
{
    (void)state;
    struct source s;
    open_source(&s, (struct input_options){.stream = true, .nul = true});
    PUT("a\nb\0c\0");
    assert_path(&s, "a\nb", NULL);
    assert_path(&s, "c", NULL);
    end_pipe();
    assert_taken(&s, PIPELINE_END, true);
    source_close(&s);
}

static void test_nul_bytes_in_a_line_are_told(void **state)
{
    (void)state;
    struct source s;
    open_source(&s, (struct input_options){.stream = true});
    PUT("a\0b\nc\n");
    assert_path(&s, "a", "the list of paths has NUL bytes in it: add -0");
    assert_path(&s, "c", NULL);
    source_close(&s);
}

/* Memory is bounded: the rest of the line is dropped. */
static void test_a_line_without_an_end_is_one_path_that_is_none(void **state)
{
    (void)state;
    struct source s;
    char line[10000], shown[257] = "";
    memset(line, 'x', sizeof(line));
    memset(shown, 'x', 256);
    open_source(&s, (struct input_options){.stream = true});
    for (int i = 0; i < 6; i++)
        put(line, sizeof(line));
    assert_taken(&s, PIPELINE_NOT_YET, false);
    put(line, sizeof(line));
    assert_path(&s, shown, "a line of more than 65536 bytes is no path");
    for (int i = 0; i < 100; i++) {
        put(line, sizeof(line));
        assert_taken(&s, PIPELINE_NOT_YET, false);
    }
    assert_true(s.stream.capacity < 400000);
    PUT("\nnext\n");
    assert_path(&s, "next", NULL);
    source_close(&s);
}

static void test_a_wait_ends_when_it_is_told_to(void **state)
{
    (void)state;
    struct source s;
    open_source(&s, (struct input_options){.stream = true});
    PUT("begun");
    source_stop(&s);
    assert_taken(&s, PIPELINE_END, true); /* what was begun is no path */
    assert_taken(&s, PIPELINE_END, false);
    source_close(&s);
    open_source(&s, (struct input_options){.stream = true});
    interrupted = 2;
    assert_taken(&s, PIPELINE_END, true);
    interrupted = 0;
    source_close(&s);
}

/* Frames without a picture in them will do here. */
#define FRAME "\xff\xd8\xff\xfe\x00\x03x\xff\xd9"

static void test_frames_are_numbered_from_1_damaged_ones_too(void **state)
{
    (void)state;
    struct source s;
    struct input input = {0};
    open_source(&s, (struct input_options){.mjpeg = "-"});
    assert_taken(&s, PIPELINE_NOT_YET, false);
    PUT(FRAME "\xff\xd8\xff");
    assert_int_equal(source_take(&s, &input, false), PIPELINE_TAKEN);
    assert_string_equal(input.path, "frame-000001");
    assert_int_equal(input.size, sizeof(FRAME) - 1);
    assert_memory_equal(input.bytes, FRAME, sizeof(FRAME) - 1);
    input_release(&input);
    assert_taken(&s, PIPELINE_NOT_YET, false);
    PUT(FRAME FRAME);
    assert_path(&s, "frame-000002", "cannot read 'frame-000002': the frame is cut short");
    assert_path(&s, "frame-000003", NULL);
    end_pipe();
    assert_path(&s, "frame-000004", NULL);
    assert_taken(&s, PIPELINE_END, true);
    source_close(&s);
}

static void test_frames_of_a_file_have_its_name(void **state)
{
    (void)state;
    struct source s;
    const char *path = scratch_write("a.mjpeg", FRAME FRAME, 2 * sizeof(FRAME) - 2);
    char expected[4200];
    open_source(&s, (struct input_options){.mjpeg = path});
    snprintf(expected, sizeof(expected), "%s/frame-000001", path);
    assert_path(&s, expected, NULL);
    snprintf(expected, sizeof(expected), "%s/frame-000002", path);
    assert_path(&s, expected, NULL);
    assert_taken(&s, PIPELINE_END, true);
    source_close(&s);
}

static void assert_one_problem(const char *path, const char *problem)
{
    struct source s;
    open_source(&s, (struct input_options){.mjpeg = path});
    assert_path(&s, path, problem);
    assert_taken(&s, PIPELINE_END, true);
    source_close(&s);
}

static void test_a_stream_without_a_frame_is_one_input_with_a_problem(void **state)
{
    (void)state;
    assert_one_problem(scratch_write("empty", "", 0), "there is no JPEG frame in it");
    assert_one_problem(scratch_file("nowhere"), "No such file or directory");
    assert_int_equal(mkdir(scratch_file("folder"), 0777), 0);
    assert_one_problem(scratch_file("folder"), "Is a directory");
}

static void refuse(struct input_options o, int count, const char *first, const char *reason)
{
    char *operands[] = {(char *)(uintptr_t)first, (char *)(uintptr_t)first};
    struct err e = {""};
    assert_int_equal(inputs_check(&o, count, operands, &e), -1);
    if (!strstr(e.text, reason))
        fail_msg("'%s' does not contain '%s'", e.text, reason);
}

static void test_a_stream_is_refused_with_what_needs_a_list(void **state)
{
    (void)state;
    char *dash[] = {(char[]){"-"}};
    struct err e;
    assert_int_equal(inputs_check(&(struct input_options){.stream = true}, 0, NULL, &e), 0);
    assert_int_equal(inputs_check(&(struct input_options){.stream = true}, 1, dash, &e), 0);
    assert_int_equal(
        inputs_check(&(struct input_options){.stream = true, .nul = true}, 0, NULL, &e), 0);
    assert_int_equal(inputs_check(&(struct input_options){.mjpeg = "x"}, 0, NULL, &e), 0);
    refuse((struct input_options){.stream = true, .mjpeg = "-"}, 0, NULL, "exclude each other");
    refuse((struct input_options){.stream = true}, 1, "a.png", "no INPUT such as 'a.png'");
    refuse((struct input_options){.stream = true}, 2, "-", "no INPUT such as '-'");
    refuse((struct input_options){.mjpeg = "x"}, 1, "-", "no INPUT such as '-' goes with it");
    refuse((struct input_options){.stream = true, .resume = true}, 0, NULL,
           "--resume does not go with --stream");
    refuse((struct input_options){.stream = true, .shard = "1/2"}, 0, NULL,
           "--shard does not go with --stream");
    refuse((struct input_options){.mjpeg = "x", .files_from = "y"}, 0, NULL,
           "--files-from does not go with --stream-mjpeg");
    refuse((struct input_options){.mjpeg = "x", .nul = true}, 0, NULL,
           "--null does not go with --stream-mjpeg");
}

#define WITH_PIPE(test) cmocka_unit_test_setup_teardown(test, open_pipe, close_pipe)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PIPE(test_a_path_is_there_with_its_line_end),
        WITH_PIPE(test_with_null_a_line_end_is_part_of_the_path),
        WITH_PIPE(test_nul_bytes_in_a_line_are_told),
        WITH_PIPE(test_a_line_without_an_end_is_one_path_that_is_none),
        WITH_PIPE(test_a_wait_ends_when_it_is_told_to),
        WITH_PIPE(test_frames_are_numbered_from_1_damaged_ones_too),
        cmocka_unit_test(test_frames_of_a_file_have_its_name),
        cmocka_unit_test(test_a_stream_without_a_frame_is_one_input_with_a_problem),
        cmocka_unit_test(test_a_stream_is_refused_with_what_needs_a_list),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
