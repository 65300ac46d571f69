/* Personal tuning: its files, which bytes stay, and what is left when it stops or fails. */
#include "tuning_setup.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_frozen_bytes_stay_and_the_head_changes(void **state)
{
    (void)state;
    struct dataset user = make_pictures(40, true, 21);
    struct err e = {""};
    size_t n, m;
    struct run run = make_run(&user, NULL);
    tune_well(&run, "frozen");
    struct nn_net *net = nn_net_parse("test.cfg", CFG, strlen(CFG), 3, &e);
    const size_t same = HEADER + 4 * nn_net_parameters_upto(net, FROZEN);
    char *old = read_part("general", ".weights", &n), *new = read_part("frozen", ".weights", &m);
    assert_int_equal(run.report.frozen, FROZEN);
    assert_int_equal(n, m);
    assert_in_range(same, HEADER + 4, n - 4);
    assert_memory_equal(old, new, same);
    assert_memory_not_equal(old + same, new + same, n - same);
    assert_true(same_part("general", "frozen", ".cfg"));
    assert_true(same_part("general", "frozen", ".names"));
    free(old);
    free(new);
    nn_net_free(net);
    dataset_release(&user);
}

/* From version 1000 on the header is shorter. */
static void test_a_model_of_transposed_weights_can_be_tuned(void **state)
{
    (void)state;
    enum { SHORT_HEADER = 16 };
    static const int32_t header[SHORT_HEADER / 4] = {1001};
    struct dataset user = make_pictures(40, true, 21);
    struct run run = make_run(&user, NULL);
    struct err e = {""};
    size_t n, m;
    char *bytes = read_part("general", ".weights", &n);
    n -= HEADER - SHORT_HEADER;
    memmove(bytes + SHORT_HEADER, bytes + HEADER, n - SHORT_HEADER);
    memcpy(bytes, header, SHORT_HEADER);
    scratch_write("transposed.weights", bytes, n);
    write_part("transposed", ".cfg", CFG);
    write_part("transposed", ".names", NAMES);
    if (tune(&run, "transposed", "turned") != FINETUNE_DONE)
        fail_msg("%s", run.e.text);
    struct nn_net *net = nn_net_parse("test.cfg", CFG, strlen(CFG), 3, &e);
    const size_t same = SHORT_HEADER + 4 * nn_net_parameters_upto(net, FROZEN);
    char *new = read_part("turned", ".weights", &m);
    assert_int_equal(n, m);
    assert_memory_equal(bytes, new, same);
    assert_memory_not_equal(bytes + same, new + same, n - same);
    free(bytes);
    free(new);
    nn_net_free(net);
    dataset_release(&user);
}

static void test_a_difference_in_frozen_bytes_is_found(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        int result;
        const char *words;
    } cases[] = {
        {HEADER + 39, -1, "frozen layers"}, {HEADER - 1, -1, "header"}, {HEADER + 40, 0, ""}};
    size_t n;
    char *bytes = read_part("general", ".weights", &n);
    const char *old = scratch_file("general.weights");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err e = {""};
        bytes[cases[i].at] ^= 1;
        const char *copy = scratch_write("copy", bytes, n);
        bytes[cases[i].at] ^= 1;
        assert_int_equal(tuned_compare(old, copy, 10, &e), cases[i].result);
        assert_non_null(strstr(e.text, cases[i].words));
        old = scratch_file("general.weights");
    }
    const char *shorter = scratch_write("shorter", bytes, n - 4);
    assert_int_equal(tuned_compare(old, shorter, 10, NULL), -1);
    const char *no_header = scratch_write("no-header", bytes, HEADER - 1);
    assert_int_equal(tuned_compare(no_header, no_header, 0, NULL), -1);
    const char *no_file = scratch_file("no-file");
    assert_int_equal(tuned_compare(old, no_file, 10, NULL), -1);
    free(bytes);
}

static void test_the_same_seed_gives_the_same_bytes(void **state)
{
    (void)state;
    static const char *const names[] = {"seed-a", "seed-b", "seed-c"};
    struct dataset user = make_pictures(40, true, 21), general = make_general();
    for (size_t i = 0; i < 3; i++) {
        struct run run = make_run(&user, &general);
        run.options.seed = i < 2 ? 5 : 6;
        run.options.epochs = 3;
        tune_well(&run, names[i]);
    }
    assert_true(same_part("seed-a", "seed-b", ".weights"));
    assert_false(same_part("seed-a", "seed-c", ".weights"));
    dataset_release(&user);
    dataset_release(&general);
}

static void test_the_estimate_does_not_change_what_is_written(void **state)
{
    (void)state;
    struct dataset user = make_pictures(40, true, 21);
    struct run run = make_run(&user, NULL);
    run.options.folds = 3;
    run.options.epochs = 3;
    tune_well(&run, "with");
    assert_int_equal(run.report.user_after.n, 40);
    run.options.folds = 0;
    run.options.holdout = 0;
    tune_well(&run, "without");
    assert_int_equal(run.report.user_after.n, 0);
    assert_true(same_part("with", "without", ".weights"));
    dataset_release(&user);
}

static void test_a_model_can_be_tuned_in_place(void **state)
{
    (void)state;
    struct dataset user = make_pictures(40, true, 21);
    struct run run = make_run(&user, NULL);
    run.options.epochs = 1;
    tune_well(&run, "place");
    assert_int_equal(tune(&run, "place", "apart"), FINETUNE_DONE);
    assert_int_equal(tune(&run, "place", "place"), FINETUNE_DONE);
    assert_true(same_part("apart", "place", ".weights"));
    dataset_release(&user);
}

static void assert_holds(const char *name, const char *suffix, const char *text)
{
    size_t n;
    char *bytes = read_part(name, suffix, &n);
    assert_non_null(bytes);
    assert_string_equal(bytes, text);
    free(bytes);
}

static void test_an_output_that_cannot_be_written_leaves_the_old_triple(void **state)
{
    (void)state;
    static const char *const suffixes[] = {".cfg", ".names", ".weights"};
    struct dataset user = make_pictures(8, true, 21);
    struct run run = make_run(&user, NULL);
    for (int blocked = 0; blocked < 3; blocked++) {
        char name[16], directory[32];
        snprintf(name, sizeof(name), "blocked-%d", blocked);
        snprintf(directory, sizeof(directory), "%s%s", name, suffixes[blocked]);
        assert_int_equal(mkdir(scratch_file(directory), 0777), 0);
        for (int i = 0; i < 3; i++)
            if (i != blocked)
                write_part(name, suffixes[i], "old");
        assert_int_equal(tune(&run, "general", name), FINETUNE_NOT_WRITTEN);
        assert_non_null(strstr(run.e.text, directory));
        assert_int_equal(run.steps, 0);
        for (int i = 0; i < 3; i++)
            if (i != blocked)
                assert_holds(name, suffixes[i], "old");
    }
    dataset_release(&user);
}

static void test_a_prefix_without_a_folder_or_a_name_is_refused(void **state)
{
    (void)state;
    struct dataset user = make_pictures(8, true, 21);
    struct run run = make_run(&user, NULL);
    assert_int_equal(tune(&run, "general", "no/such"), FINETUNE_NOT_WRITTEN);
    assert_non_null(strstr(run.e.text, "no/such"));
    assert_int_equal(tune(&run, "general", ""), FINETUNE_NOT_WRITTEN);
    assert_non_null(strstr(run.e.text, "needs a name"));
    assert_int_equal(run.steps, 0);
    dataset_release(&user);
}

static bool is_last(const struct finetune_progress *progress)
{
    return strcmp(progress->what, "tuning") == 0 && progress->done == progress->total;
}

static bool block_weights(const struct finetune_progress *progress, void *context)
{
    (void)context;
    if (is_last(progress))
        assert_int_equal(mkdir(scratch_file("late.weights"), 0777), 0);
    return false;
}

static void test_a_failure_at_the_last_moment_leaves_no_rest(void **state)
{
    (void)state;
    struct dataset user = make_pictures(8, true, 21);
    struct run run = make_run(&user, NULL);
    run.options.on_step = block_weights;
    run.options.epochs = 1;
    assert_int_equal(tune(&run, "general", "late"), FINETUNE_NOT_WRITTEN);
    DIR *folder = opendir(scratch_file(""));
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        assert_null(strstr(entry->d_name, "late.weights."));
    closedir(folder);
    dataset_release(&user);
}

static bool block_names(const struct finetune_progress *progress, void *context)
{
    (void)context;
    if (is_last(progress))
        assert_int_equal(mkdir(scratch_file("other.names"), 0777), 0);
    return false;
}

static void test_weights_of_another_model_never_stand_beside_the_new_cfg(void **state)
{
    (void)state;
    struct dataset user = make_pictures(8, true, 21);
    struct run run = make_run(&user, NULL);
    size_t n;
    write_part("other", ".cfg", "[net]\n");
    write_part("other", ".weights", "weights of another model");
    run.options.on_step = block_names;
    run.options.epochs = 1;
    assert_int_equal(tune(&run, "general", "other"), FINETUNE_NOT_WRITTEN);
    assert_true(same_part("general", "other", ".cfg"));
    assert_null(read_part("other", ".weights", &n));
    dataset_release(&user);
}

static bool change_model(const struct finetune_progress *progress, void *context)
{
    (void)context;
    size_t n;
    if (is_last(progress)) {
        char *bytes = read_part("source", ".weights", &n);
        bytes[HEADER + 8] ^= 1;
        scratch_write("source.weights", bytes, n);
        free(bytes);
    }
    return false;
}

static void test_weights_whose_frozen_bytes_are_not_the_models_are_not_kept(void **state)
{
    (void)state;
    struct dataset user = make_pictures(8, true, 21);
    struct run run = make_run(&user, NULL);
    size_t n;
    run.options.epochs = 1;
    tune_well(&run, "source");
    run.options.on_step = change_model;
    assert_int_equal(tune(&run, "source", "changed"), FINETUNE_FAILED);
    assert_non_null(strstr(run.e.text, "frozen layers"));
    assert_null(read_part("changed", ".weights", &n));
    dataset_release(&user);
}

static void test_another_model_at_the_prefix_is_replaced_whole(void **state)
{
    (void)state;
    struct dataset user = make_pictures(8, true, 21);
    struct run run = make_run(&user, NULL);
    write_part("replaced", ".cfg", "[net]\n");
    write_part("replaced", ".names", "a\nb\n");
    write_part("replaced", ".weights", "weights of another model");
    run.options.epochs = 1;
    tune_well(&run, "replaced");
    assert_true(same_part("general", "replaced", ".cfg"));
    assert_true(same_part("general", "replaced", ".names"));
    assert_true(accuracy("replaced", &user) >= 0);
    dataset_release(&user);
}

static void test_stopping_writes_nothing_and_leaves_the_model(void **state)
{
    (void)state;
    static const size_t after[] = {1, 3, 10, 90};
    struct dataset user = make_pictures(40, true, 21);
    for (size_t i = 0; i < sizeof(after) / sizeof(*after); i++) {
        size_t n;
        struct run run = make_run(&user, NULL);
        run.stop_after = after[i];
        assert_int_equal(tune(&run, "general", "stopped"), FINETUNE_STOPPED);
        assert_int_equal(run.steps, after[i]);
        assert_null(read_part("stopped", ".cfg", &n));
        assert_null(read_part("stopped", ".names", &n));
        assert_null(read_part("stopped", ".weights", &n));
    }
    dataset_release(&user);
}

static void test_what_is_written_is_what_the_model_then_holds(void **state)
{
    (void)state;
    struct dataset user = make_pictures(40, true, 21);
    struct run run = make_run(&user, NULL);
    struct model m;
    size_t n;
    char prefix[PATH_MAX];
    snprintf(prefix, sizeof(prefix), "%s", scratch_file("held"));
    run.options.prefix = prefix;
    run.options.context = &run;
    run.options.epochs = 1;
    assert_int_equal(model_open(&m, scratch_file("general"), &run.e), 0);
    assert_int_equal(finetune(&m, &run.data, &run.options, &run.report, &run.e), FINETUNE_DONE);
    finetune_report_release(&run.report);
    char *bytes = read_part("held", ".weights", &n);
    assert_int_equal(n, HEADER + 4 * nn_net_parameters(m.net));
    assert_memory_equal(bytes + HEADER, nn_net_values(m.net), n - HEADER);
    free(bytes);
    model_close(&m);
    dataset_release(&user);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frozen_bytes_stay_and_the_head_changes),
        cmocka_unit_test(test_a_model_of_transposed_weights_can_be_tuned),
        cmocka_unit_test(test_a_difference_in_frozen_bytes_is_found),
        cmocka_unit_test(test_the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(test_the_estimate_does_not_change_what_is_written),
        cmocka_unit_test(test_a_model_can_be_tuned_in_place),
        cmocka_unit_test(test_an_output_that_cannot_be_written_leaves_the_old_triple),
        cmocka_unit_test(test_a_prefix_without_a_folder_or_a_name_is_refused),
        cmocka_unit_test(test_a_failure_at_the_last_moment_leaves_no_rest),
        cmocka_unit_test(test_weights_of_another_model_never_stand_beside_the_new_cfg),
        cmocka_unit_test(test_weights_whose_frozen_bytes_are_not_the_models_are_not_kept),
        cmocka_unit_test(test_another_model_at_the_prefix_is_replaced_whole),
        cmocka_unit_test(test_stopping_writes_nothing_and_leaves_the_model),
        cmocka_unit_test(test_what_is_written_is_what_the_model_then_holds),
    };
    return cmocka_run_group_tests(tests, make_model, scratch_teardown);
}
