/* General training that is interrupted: the same run gives the same bytes. */
#include "train_setup.h"

static void test_same_seed_gives_the_same_bytes_and_another_seed_others(void **state)
{
    (void)state;
    struct setup a = setup_of("a"), b = setup_of("b"), c = setup_of("c");
    c.options.seed = 6;
    train_well(&a, TRAINING_DONE);
    train_well(&b, TRAINING_DONE);
    train_well(&c, TRAINING_DONE);
    assert_same_run("a", "b");
    assert_false(same_file("a", "c", ".weights"));
    assert_false(same_file("a", "c", ".history.csv"));
    remove_run("a");
    remove_run("b");
    remove_run("c");
}

/* Stops after updates 1, 1 + stride ... and resumes. */
static void check_stops(const char *cfg, int stride)
{
    struct setup whole = setup_of("whole");
    whole.cfg = cfg;
    train_well(&whole, TRAINING_DONE);
    for (int k = 1; k <= EPOCHS * UPDATES; k += stride) {
        struct setup s = setup_of("parts");
        s.cfg = cfg;
        s.stop_at = k;
        train_well(&s, TRAINING_STOPPED);
        assert_int_equal(s.updates, k);
        assert_int_equal(s.epochs, (k - 1) / UPDATES);
        s.options.resume = true;
        s.stop_at = 0;
        train_well(&s, TRAINING_DONE);
        assert_int_equal(s.updates, EPOCHS * UPDATES - k);
        assert_int_equal(s.epochs, EPOCHS);
        assert_same_run("whole", "parts");
        remove_run("parts");
    }
    remove_run("whole");
}

static void test_stop_after_any_update_and_resume_gives_the_same_bytes(void **state)
{
    (void)state;
    check_stops(CFG, 1);
}

static void test_stop_and_resume_with_adam_and_averaged_weights(void **state)
{
    (void)state;
    check_stops(CFG_ADAM, 3);
}

static void test_stop_after_every_update_gives_the_same_bytes(void **state)
{
    (void)state;
    struct setup whole = setup_of("whole"), s = setup_of("parts");
    train_well(&whole, TRAINING_DONE);
    s.stop_at = 1;
    for (int k = 0; k < EPOCHS * UPDATES; k++) {
        train_well(&s, TRAINING_STOPPED);
        s.options.resume = true;
    }
    train_well(&s, TRAINING_DONE);
    assert_int_equal(s.updates, 0);
    assert_same_run("whole", "parts");
    remove_run("whole");
    remove_run("parts");
}

static void test_kill_at_any_update_and_resume_gives_the_same_bytes(void **state)
{
    (void)state;
    struct setup whole = setup_of("whole");
    train_well(&whole, TRAINING_DONE);
    for (int k = 1; k <= EPOCHS * UPDATES; k++) {
        struct setup s = setup_of("killed");
        s.kill_at = k;
        train_and_die(&s);
        if (k > UPDATES)
            accuracy_of_files("killed");
        s.kill_at = 0;
        s.options.resume = true;
        train_well(&s, TRAINING_DONE);
        assert_int_equal(s.updates, EPOCHS * UPDATES - (k - 1) / UPDATES * UPDATES);
        assert_same_run("whole", "killed");
        remove_run("killed");
    }
    remove_run("whole");
}

/* A kill between the files of an epoch: some are already those of the next epoch. */
static void test_files_ahead_of_the_state_do_no_harm(void **state)
{
    (void)state;
    struct setup whole = setup_of("whole"), s = setup_of("mixed"), next = setup_of("next");
    train_well(&whole, TRAINING_DONE);
    s.stop_at = UPDATES + 1;
    train_well(&s, TRAINING_STOPPED);
    next.stop_at = 2 * UPDATES + 1;
    train_well(&next, TRAINING_STOPPED);
    size_t count;
    char *kept = slurp("mixed", ".state", &count);
    copy_run("next", "mixed");
    spill("mixed", ".state", kept, count);
    free(kept);
    s.options.resume = true;
    s.stop_at = 0;
    train_well(&s, TRAINING_DONE);
    assert_same_run("whole", "mixed");
    remove_run("whole");
    remove_run("mixed");
    remove_run("next");
}

static void test_resuming_a_finished_run_changes_nothing(void **state)
{
    (void)state;
    struct setup s = setup_of("done"), copy = setup_of("copy");
    train_well(&s, TRAINING_DONE);
    copy_run("done", "copy");
    copy.options.resume = true;
    train_well(&copy, TRAINING_DONE);
    assert_int_equal(copy.updates, 0);
    assert_non_null(strstr(copy.note, "all 3 epochs are done"));
    assert_same_run("done", "copy");
    remove_run("done");
    remove_run("copy");
}

static void test_resume_says_where_it_goes_on(void **state)
{
    (void)state;
    struct setup s = setup_of("notes");
    s.stop_at = UPDATES + 2;
    train_well(&s, TRAINING_STOPPED);
    s.options.resume = true;
    s.stop_at = 1;
    train_well(&s, TRAINING_STOPPED);
    assert_non_null(strstr(s.note, "epoch 2 of 3 after 2 of 4 updates"));
    assert_null(strstr(s.note, "threads"));
    nn_set_threads(2);
    train_well(&s, TRAINING_STOPPED);
    assert_non_null(strstr(s.note, "written with 1 threads, now there are 2"));
    nn_set_threads(1);
    train_well(&s, TRAINING_STOPPED);
    assert_non_null(strstr(s.note, "written with 2 threads, now there are 1"));
    remove_run("notes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_gives_the_same_bytes_and_another_seed_others),
        cmocka_unit_test(test_stop_after_any_update_and_resume_gives_the_same_bytes),
        cmocka_unit_test(test_stop_and_resume_with_adam_and_averaged_weights),
        cmocka_unit_test(test_stop_after_every_update_gives_the_same_bytes),
        cmocka_unit_test(test_kill_at_any_update_and_resume_gives_the_same_bytes),
        cmocka_unit_test(test_files_ahead_of_the_state_do_no_harm),
        cmocka_unit_test(test_resuming_a_finished_run_changes_nothing),
        cmocka_unit_test(test_resume_says_where_it_goes_on),
    };
    return cmocka_run_group_tests(tests, make_data, remove_dir);
}
