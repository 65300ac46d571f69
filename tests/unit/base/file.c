/* Files written atomically and read whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "scratch.h"

static void assert_content(const char *path, const char *expected)
{
    struct err e = {""};
    char *bytes;
    size_t count;
    if (file_read(path, 1000, &bytes, &count, &e))
        fail_msg("%s", e.text);
    assert_int_equal(count, strlen(expected));
    assert_string_equal(bytes, expected); /* a NUL stands behind the last byte */
    free(bytes);
}

/* Entries of the folder of `path`, without . and .. */
static int count_entries(const char *path)
{
    char *folder = strdup(path);
    int count = -2;
    *strrchr(folder, '/') = '\0';
    DIR *stream = opendir(folder);
    assert_non_null(stream);
    while (readdir(stream))
        count++;
    closedir(stream);
    free(folder);
    return count;
}

static void test_a_file_appears_only_when_it_is_complete(void **state)
{
    (void)state;
    struct err e = {""};
    struct atomic_file f;
    const char *path = scratch_write("a/x", "old", 3);
    assert_int_equal(atomic_open(&f, path, &e), 0);
    fputs("new content", f.stream);
    fflush(f.stream);
    assert_content(path, "old");
    assert_int_equal(atomic_commit(&f, &e), 0);
    assert_content(path, "new content");
    assert_int_equal(count_entries(path), 1);
}

static void test_an_abandoned_file_leaves_no_trace(void **state)
{
    (void)state;
    struct err e = {""};
    struct atomic_file f;
    const char *path = scratch_write("b/x", "old", 3);
    assert_int_equal(atomic_open(&f, path, &e), 0);
    fputs("new", f.stream);
    atomic_abandon(&f);
    atomic_abandon(&f);
    assert_content(path, "old");
    assert_int_equal(count_entries(path), 1);
}

/* The device of a stream that is always full stands for a full disk. */
static void test_a_write_that_failed_leaves_the_old_file(void **state)
{
    (void)state;
    struct err e = {""};
    struct atomic_file f;
    const char *path = scratch_write("c/x", "old", 3);
    if (access("/dev/full", W_OK))
        skip();
    assert_int_equal(atomic_open(&f, path, &e), 0);
    assert_non_null(freopen("/dev/full", "w", f.stream));
    fputs("new", f.stream);
    assert_int_equal(atomic_commit(&f, &e), -1);
    assert_non_null(strstr(e.text, "No space left on device"));
    assert_non_null(strstr(e.text, path));
    assert_content(path, "old");
    assert_int_equal(count_entries(path), 1);
}

static void test_a_target_that_cannot_be_written_is_refused(void **state)
{
    (void)state;
    struct err e = {""};
    struct atomic_file f;
    scratch_write("d/x", "", 0);
    assert_int_equal(atomic_open(&f, scratch_file("d"), &e), -1);
    assert_non_null(strstr(e.text, "it is a directory"));
    assert_int_equal(atomic_open(&f, scratch_file("none/x"), &e), -1);
    assert_non_null(strstr(e.text, "No such file or directory"));
    atomic_abandon(&f);
}

static void test_a_file_has_the_permissions_of_any_other_or_of_the_one_before(void **state)
{
    (void)state;
    struct err e = {""};
    struct stat status;
    const mode_t mask = umask(027);
    const char *path = scratch_file("mode");
    assert_int_equal(file_write(path, "x", 1, &e), 0);
    umask(mask);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(file_write(path, "y", 1, &e), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

/* Opens files one after another; returns how many had other permissions than 0640. */
static void *open_files(void *path)
{
    intptr_t wrong = 0;
    for (int i = 0; i < 3000; i++) {
        struct err e = {""};
        struct atomic_file f;
        struct stat status;
        if (atomic_open(&f, path, &e)) {
            wrong++;
            continue;
        }
        wrong += fstat(fileno(f.stream), &status) || (status.st_mode & 0777) != 0640;
        atomic_abandon(&f);
    }
    return (void *)wrong;
}

static void test_files_of_several_threads_have_them_too(void **state)
{
    (void)state;
    pthread_t thread[4];
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s", scratch_file("threads"));
    const mode_t mask = umask(027);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, open_files, path), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong;
        assert_int_equal(pthread_join(thread[i], &wrong), 0);
        assert_int_equal((intptr_t)wrong, 0);
    }
    assert_int_equal(umask(mask), 027);
}

static void test_the_limit_is_the_largest_size_read(void **state)
{
    (void)state;
    struct err e = {""};
    char *bytes;
    size_t count;
    const char *path = scratch_write("limit", "12345", 5);
    assert_int_equal(file_read(path, 4, &bytes, &count, &e), -1);
    assert_non_null(strstr(e.text, "larger than the limit of 4 bytes"));
    assert_int_equal(file_read(path, 5, &bytes, &count, &e), 0);
    assert_int_equal(count, 5);
    free(bytes);
    assert_int_equal(file_read(scratch_file("none"), 5, &bytes, &count, &e), -1);
    assert_non_null(strstr(e.text, "No such file or directory"));
    assert_int_equal(file_read("/", 5, &bytes, &count, &e), -1);
    assert_non_null(strstr(e.text, "it is a directory"));
    /* What has no size in advance, and no end. */
    assert_int_equal(file_read("/dev/zero", 1000000, &bytes, &count, &e), -1);
    assert_non_null(strstr(e.text, "larger than the limit"));
}

static void test_paths_are_put_together(void **state)
{
    (void)state;
    static const char *const joined[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}, {"", "b", "b"}};
    for (size_t i = 0; i < sizeof(joined) / sizeof(*joined); i++) {
        char *path = path_join(joined[i][0], joined[i][1]);
        assert_string_equal(path, joined[i][2]);
        free(path);
    }
    char *path = path_with_suffix("a/b", ".cfg");
    assert_string_equal(path, "a/b.cfg");
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_appears_only_when_it_is_complete),
        cmocka_unit_test(test_an_abandoned_file_leaves_no_trace),
        cmocka_unit_test(test_a_write_that_failed_leaves_the_old_file),
        cmocka_unit_test(test_a_target_that_cannot_be_written_is_refused),
        cmocka_unit_test(test_a_file_has_the_permissions_of_any_other_or_of_the_one_before),
        cmocka_unit_test(test_files_of_several_threads_have_them_too),
        cmocka_unit_test(test_the_limit_is_the_largest_size_read),
        cmocka_unit_test(test_paths_are_put_together),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
