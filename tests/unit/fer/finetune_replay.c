/* Tuning with a model's replay set instead of the general data. */
#include "tuning_setup.h"

static enum finetune_result make_set(const char *model, const struct dataset *general,
                                     const char *name, struct replay_summary *made, struct err *e)
{
    struct model m;
    char path[PATH_MAX];
    const struct finetune_options options = {.seed = 1};
    snprintf(path, sizeof(path), "%s", scratch_file(name));
    if (model_open(&m, scratch_file(model), e))
        fail_msg("%s", e->text);
    const enum finetune_result result = finetune_make_replay(&m, general, path, &options, made, e);
    model_close(&m);
    return result;
}

static void make_set_well(const struct dataset *general, const char *name)
{
    struct replay_summary made;
    struct err e = {""};
    if (make_set("general", general, name, &made, &e) != FINETUNE_DONE)
        fail_msg("%s", e.text);
    assert_int_equal(made.training, 256);
    assert_int_equal(made.held_out, 100);
    size_t count;
    char *bytes = read_part("general", ".replay", &count);
    assert_int_equal(made.bytes, count);
    free(bytes);
}

static void test_a_set_holds_training_rows_and_even_rows_of_publictest(void **state)
{
    (void)state;
    struct dataset general = make_general();
    struct replay set;
    struct err e = {""};
    for (size_t i = 0; i < general.count; i++)
        general.label[i] = (unsigned char)(i < 256 ? 0 : 1 + i % 2);
    make_set_well(&general, "general.replay");
    assert_int_equal(replay_read(&set, scratch_file("general.replay"), &e), 0);
    for (size_t i = 0; i < 356; i++)
        assert_int_equal(set.label[i], i < 256 ? 0 : 1);
    assert_int_equal(set.layer, FROZEN);
    replay_release(&set);
    dataset_release(&general);
}

static void test_a_set_does_what_the_general_data_do(void **state)
{
    (void)state;
    struct dataset user = make_pictures(80, true, 21), general = make_general();
    struct dataset unseen = make_pictures(200, true, 22), others = make_pictures(200, false, 23);
    char path[PATH_MAX];
    make_set_well(&general, "general.replay");
    snprintf(path, sizeof(path), "%s", scratch_file("general.replay"));
    struct run run = make_run(&user, NULL);
    const struct finetune_report *r = &run.report;
    run.data.replay = path;
    run.options.max_forget = 5;
    tune_well(&run, "replayed");
    assert_int_equal(r->n_replay, 256);
    assert_int_equal(r->general, FINETUNE_HELD_OUT);
    assert_int_equal(r->general_after.n, 100);
    assert_true(r->general_before.accuracy > 0.9);
    assert_true(r->general_after.accuracy > r->general_before.accuracy - 0.05);
    assert_true(r->user_after.accuracy > r->user_before.accuracy + 0.2);
    assert_true(accuracy("replayed", &unseen) > accuracy("general", &unseen) + 0.2);
    assert_true(accuracy("replayed", &others) > accuracy("general", &others) - 0.08);
    dataset_release(&user);
    dataset_release(&general);
    dataset_release(&unseen);
    dataset_release(&others);
}

static void test_a_set_of_other_weights_is_refused(void **state)
{
    (void)state;
    struct dataset user = make_pictures(20, true, 21), general = make_general();
    char path[PATH_MAX];
    make_set_well(&general, "general.replay");
    snprintf(path, sizeof(path), "%s", scratch_file("general.replay"));
    struct run run = make_run(&user, NULL);
    run.options.epochs = 2;
    tune_well(&run, "other");
    run.data.replay = path;
    assert_int_equal(tune(&run, "other", "never"), FINETUNE_FAILED);
    assert_non_null(strstr(run.e.text, "fit only the weights"));
    size_t count;
    assert_null(read_part("never", ".weights", &count));
    dataset_release(&user);
    dataset_release(&general);
}

static void test_a_set_that_cannot_be_made_or_read_is_refused(void **state)
{
    (void)state;
    struct dataset general = make_general(), user = make_pictures(20, true, 21);
    struct replay_summary made;
    struct err e = {""};
    assert_int_equal(make_set("general", &general, "no/a.replay", &made, &e), FINETUNE_NOT_WRITTEN);
    assert_non_null(strstr(e.text, "no/a.replay"));
    memset(general.split, SPLIT_TRAINING, general.count);
    assert_int_equal(make_set("general", &general, "b.replay", &made, &e), FINETUNE_FAILED);
    assert_non_null(strstr(e.text, "needs Training and PublicTest"));
    struct run run = make_run(&user, NULL);
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s", scratch_file("none.replay"));
    run.data.replay = path;
    assert_int_equal(tune(&run, "general", "never"), FINETUNE_FAILED);
    assert_non_null(strstr(run.e.text, "none.replay"));
    dataset_release(&general);
    dataset_release(&user);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_set_holds_training_rows_and_even_rows_of_publictest),
        cmocka_unit_test(test_a_set_does_what_the_general_data_do),
        cmocka_unit_test(test_a_set_of_other_weights_is_refused),
        cmocka_unit_test(test_a_set_that_cannot_be_made_or_read_is_refused),
    };
    return cmocka_run_group_tests(tests, make_model, scratch_teardown);
}
