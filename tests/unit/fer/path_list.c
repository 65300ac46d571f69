/* Lists of paths and the walk through folders, on trees made in a scratch folder that is the
 * working directory. */
#include "fer.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static char dir[256], start[4096];

static int make_dir(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof(dir), "%s/fercli-paths.XXXXXX", tmp ? tmp : "/tmp");
    if (!getcwd(start, sizeof(start)) || !mkdtemp(dir))
        return -1;
    return chdir(dir);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

static int remove_dir(void **state)
{
    (void)state;
    const int result = nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return result ? result : chdir(start);
}

/* Makes a file and the folders above it; a name that ends in a slash is a folder. */
static void make(const char *path)
{
    char part[512];
    struct err e = {""};
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
        mkdir(part, 0777);
    }
    if (path[strlen(path) - 1] != '/')
        assert_int_equal(file_write(path, "x", 1, &e), 0);
}

static void assert_paths(const struct path_list *list, const char *const *expected, size_t count)
{
    for (size_t i = 0; i < list->count && i < count; i++)
        assert_string_equal(list->entry[i].path, expected[i]);
    assert_int_equal(list->count, count);
}

#define ASSERT_PATHS(list, ...)                                                                    \
    do {                                                                                           \
        static const char *const expected[] = {__VA_ARGS__};                                       \
        assert_paths(list, expected, sizeof(expected) / sizeof(expected[0]));                      \
    } while (0)

static void walk(struct path_list *list, const char *path, struct path_list *passed_over)
{
    struct err e = {""};
    if (path_list_walk(list, path, passed_over, &e))
        fail_msg("%s", e.text);
}

static void test_added_paths_are_copies_in_order(void **state)
{
    (void)state;
    struct path_list list = {0};
    struct err e = {""};
    char path[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(path, sizeof(path), "%d", i * 7 % 1000);
        assert_int_equal(path_list_add(&list, path, &e), 0);
    }
    assert_int_equal(list.count, 1000);
    assert_string_equal(list.entry[1].path, "7");
    assert_string_equal(list.entry[999].path, "993");
    path_list_release(&list);
    assert_null(list.entry);
    assert_int_equal(list.count, 0);
    path_list_release(&list);
}

static void test_a_named_file_is_itself_whatever_its_name(void **state)
{
    (void)state;
    make("named/notes.txt");
    struct path_list list = {0}, over = {0};
    walk(&list, "named/notes.txt", &over);
    walk(&list, "./named//notes.txt", &over);
    ASSERT_PATHS(&list, "named/notes.txt", "./named//notes.txt");
    assert_int_equal(over.count, 0);
    path_list_release(&list);
}

static void test_a_named_path_that_does_not_exist_stays_in_the_list(void **state)
{
    (void)state;
    struct path_list list = {0};
    walk(&list, "nowhere.jpg", NULL);
    walk(&list, "no/where", NULL);
    walk(&list, "", NULL);
    ASSERT_PATHS(&list, "nowhere.jpg", "no/where", "");
    path_list_release(&list);
}

static void test_a_folder_yields_its_pictures_in_byte_order_of_the_path(void **state)
{
    (void)state;
    make("order/b.png");
    make("order/a/z.JPG");
    make("order/a/c/d.jpeg");
    make("order/a-b/x.jpg");
    make("order/a.jpg");
    make("order/B.jpg");
    make("order/10.jpg");
    make("order/9.jpg");
    make("order/\xc3\xa4.jpe");
    make("order/~.jfif");
    struct path_list list = {0};
    walk(&list, "order", NULL);
    ASSERT_PATHS(&list, "order/10.jpg", "order/9.jpg", "order/B.jpg", "order/a-b/x.jpg",
                 "order/a.jpg", "order/a/c/d.jpeg", "order/a/z.JPG", "order/b.png", "order/~.jfif",
                 "order/\xc3\xa4.jpe");
    path_list_release(&list);
}

static void test_other_files_are_passed_over_and_named(void **state)
{
    (void)state;
    make("mixed/p.png");
    make("mixed/notes.txt");
    make("mixed/jpg");
    make("mixed/in/.hidden");
    make("mixed/in/folder.jpg/");
    assert_int_equal(mkfifo("mixed/pipe.jpg", 0600), 0);
    struct path_list list = {0}, over = {0};
    walk(&list, "mixed", &over);
    ASSERT_PATHS(&list, "mixed/p.png");
    ASSERT_PATHS(&over, "mixed/in/.hidden", "mixed/jpg", "mixed/notes.txt", "mixed/pipe.jpg");
    path_list_release(&list);
    path_list_release(&over);
}

static void test_a_slash_after_the_folder_is_not_doubled(void **state)
{
    (void)state;
    make("slash/p.png");
    struct path_list list = {0};
    walk(&list, "slash/", NULL);
    ASSERT_PATHS(&list, "slash/p.png");
    path_list_release(&list);
}

static void test_walks_are_sorted_each_by_itself(void **state)
{
    (void)state;
    make("second/a.png");
    make("second/b.png");
    make("first/c.png");
    struct path_list list = {0}, over = {0};
    walk(&list, "zzz.png", &over);
    walk(&list, "second", &over);
    walk(&list, "first", &over);
    ASSERT_PATHS(&list, "zzz.png", "second/a.png", "second/b.png", "first/c.png");
    path_list_release(&list);
}

static void test_an_empty_folder_yields_nothing(void **state)
{
    (void)state;
    make("hollow/in/");
    struct path_list list = {0}, over = {0};
    walk(&list, "hollow", &over);
    assert_int_equal(list.count, 0);
    assert_int_equal(over.count, 0);
    path_list_release(&list);
}

static void test_links_are_followed_but_not_in_circles(void **state)
{
    (void)state;
    make("linked/in/p.png");
    make("aside/q.png");
    assert_int_equal(symlink("..", "linked/in/up"), 0);
    assert_int_equal(symlink(".", "linked/self"), 0);
    assert_int_equal(symlink("../aside", "linked/beside"), 0);
    assert_int_equal(symlink("in/p.png", "linked/again.png"), 0);
    struct path_list list = {0}, over = {0};
    walk(&list, "linked", &over);
    ASSERT_PATHS(&list, "linked/again.png", "linked/beside/q.png", "linked/in/p.png");
    ASSERT_PATHS(&over, "linked/in/up", "linked/self");
    path_list_release(&list);
    path_list_release(&over);
}

static void test_a_picture_linked_to_nowhere_is_left_for_its_reader(void **state)
{
    (void)state;
    make("dangling/");
    assert_int_equal(symlink("gone.png", "dangling/p.png"), 0);
    assert_int_equal(symlink("loop.png", "dangling/loop.png"), 0);
    assert_int_equal(symlink("gone", "dangling/other"), 0);
    struct path_list list = {0}, over = {0};
    walk(&list, "dangling", &over);
    ASSERT_PATHS(&list, "dangling/loop.png", "dangling/p.png");
    ASSERT_PATHS(&over, "dangling/other");
    path_list_release(&list);
    path_list_release(&over);
}

static void assert_problem(const struct path_list *list, size_t i, const char *problem)
{
    assert_non_null(list->entry[i].problem);
    assert_string_equal(list->entry[i].problem, problem);
}

/* Without a free file descriptor no folder opens, for root neither. */
static void test_an_unreadable_folder_is_listed_with_its_problem(void **state)
{
    (void)state;
    make("closed/p.png");
    make("closed/notes.txt");
    struct path_list list = {0}, over = {0};
    walk(&list, "before.png", &over);
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit none = {0, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct err e = {""};
    const int result = path_list_walk(&list, "closed", &over, &e);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(result, 0);
    ASSERT_PATHS(&list, "before.png", "closed");
    assert_null(list.entry[0].problem);
    assert_problem(&list, 1, "cannot read the folder 'closed': Too many open files");
    assert_int_equal(over.count, 0);
    path_list_release(&list);
}

/* A path too long for the system, far below. */
static void test_what_is_too_deep_is_listed_among_the_rest(void **state)
{
    (void)state;
    make("deep/a.png");
    make("deep/notes.txt");
    make("deep/z.png");
    char name[201];
    memset(name, 'n', 200);
    name[200] = '\0';
    assert_int_equal(chdir("deep"), 0);
    for (int i = 0; i < 25; i++) {
        assert_int_equal(mkdir(name, 0777), 0);
        assert_int_equal(chdir(name), 0);
    }
    assert_int_equal(chdir(dir), 0);
    struct path_list list = {0}, over = {0};
    walk(&list, "deep", &over);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.entry[0].path, "deep/a.png");
    assert_non_null(strstr(list.entry[1].path, "deep/nnn"));
    assert_non_null(strstr(list.entry[1].problem, "cannot read"));
    assert_string_equal(list.entry[2].path, "deep/z.png");
    assert_null(list.entry[0].problem);
    assert_null(list.entry[2].problem);
    ASSERT_PATHS(&over, "deep/notes.txt");
    path_list_release(&list);
    path_list_release(&over);
    /* nftw could not name the deepest either: take the tree apart from inside. */
    assert_int_equal(chdir("deep"), 0);
    for (int i = 0; i < 24; i++)
        assert_int_equal(chdir(name), 0);
    for (int i = 0; i < 25; i++) {
        assert_int_equal(rmdir(name), 0);
        assert_int_equal(chdir(".."), 0);
    }
    assert_int_equal(chdir(dir), 0);
}

static void test_a_folder_without_permission_takes_nothing_else_along(void **state)
{
    (void)state;
    make("barred/a.png");
    make("barred/in/p.png");
    make("barred/z/p.png");
    assert_int_equal(chmod("barred/in", 0), 0);
    assert_int_equal(chmod(dir, 0755), 0);
    const bool root = geteuid() == 0;
    const bool dropped = root && seteuid(65534) == 0;
    struct path_list list = {0};
    struct err e = {""};
    const int result = path_list_walk(&list, "barred", NULL, &e);
    if (dropped)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod("barred/in", 0755), 0);
    if (root && !dropped)
        skip(); /* nothing is barred to root */
    assert_int_equal(result, 0);
    ASSERT_PATHS(&list, "barred/a.png", "barred/in", "barred/z/p.png");
    assert_problem(&list, 1, "cannot read the folder 'barred/in': Permission denied");
    path_list_release(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_added_paths_are_copies_in_order),
        cmocka_unit_test(test_a_named_file_is_itself_whatever_its_name),
        cmocka_unit_test(test_a_named_path_that_does_not_exist_stays_in_the_list),
        cmocka_unit_test(test_a_folder_yields_its_pictures_in_byte_order_of_the_path),
        cmocka_unit_test(test_other_files_are_passed_over_and_named),
        cmocka_unit_test(test_a_slash_after_the_folder_is_not_doubled),
        cmocka_unit_test(test_walks_are_sorted_each_by_itself),
        cmocka_unit_test(test_an_empty_folder_yields_nothing),
        cmocka_unit_test(test_links_are_followed_but_not_in_circles),
        cmocka_unit_test(test_a_picture_linked_to_nowhere_is_left_for_its_reader),
        cmocka_unit_test(test_an_unreadable_folder_is_listed_with_its_problem),
        cmocka_unit_test(test_what_is_too_deep_is_listed_among_the_rest),
        cmocka_unit_test(test_a_folder_without_permission_takes_nothing_else_along),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
