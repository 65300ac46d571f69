/* General training: it learns, lasts as long as it should, keeps the best epoch, and ends with a
 * reason. */
#include "train_setup.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "fer/history.h"

/* ---- learning ---- */

static void test_drawn_patterns_are_learnt(void **state)
{
    (void)state;
    struct setup s = setup_of("learn");
    s.options.epochs = 40;
    train_well(&s, TRAINING_DONE);
    assert_int_equal(s.updates, 40 * UPDATES);
    assert_int_equal(s.epochs, 40);
    assert_true(s.last.valid_accuracy == 1);
    assert_true(s.last.train_accuracy > 0.9);
    assert_true(s.last.train_loss < 0.5);
    assert_int_equal(s.progress.epoch, 40);
    assert_int_equal(s.progress.epochs, 40);
    assert_int_equal(s.progress.done, UPDATES * 8);
    assert_int_equal(s.progress.total, UPDATES * 8);
    remove_run("learn");
}

static void test_weights_are_those_of_the_best_epoch(void **state)
{
    (void)state;
    struct setup s = setup_of("best");
    double best = 0;
    int number = 0;
    s.options.epochs = 8;
    train_well(&s, TRAINING_DONE);
    size_t count;
    char *history = slurp("best", ".history.csv", &count);
    struct epoch *epochs;
    assert_int_equal(history_parse("history", history, &epochs, &count, &s.e), 0);
    free(history);
    assert_int_equal(count, 8);
    for (size_t i = 0; i < count; i++) {
        if (epochs[i].valid_accuracy > best) {
            best = epochs[i].valid_accuracy;
            number = epochs[i].number;
        }
    }
    /* What was reported is what was written. */
    assert_int_equal(epochs[7].number, s.last.number);
    assert_true(epochs[7].train_loss == s.last.train_loss);
    assert_true(epochs[7].train_accuracy == s.last.train_accuracy);
    assert_true(epochs[7].valid_loss == s.last.valid_loss);
    free(epochs);
    assert_int_equal(s.best, number);
    assert_true(accuracy_of_files("best") - best < 1e-6 &&
                accuracy_of_files("best") - best > -1e-6);
    remove_run("best");
}

static void test_first_of_equally_good_epochs_is_kept(void **state)
{
    (void)state;
    struct setup s = setup_of("equal");
    s.cfg = NET "learning_rate=1e-30\n[connected]\noutput=7\nactivation=linear\n[softmax]\n";
    train_well(&s, TRAINING_DONE);
    assert_int_equal(s.epochs, EPOCHS);
    assert_int_equal(s.best, 1);
    /* A network that does not learn does as badly on both. */
    assert_true(s.last.train_loss > s.last.valid_loss - 0.3);
    assert_true(s.last.train_loss < s.last.valid_loss + 0.3);
    remove_run("equal");
}

static void test_model_files_carry_the_cfg_and_the_names(void **state)
{
    (void)state;
    struct setup s = setup_of("files");
    size_t count;
    train_well(&s, TRAINING_DONE);
    assert_cfg("files", CFG);
    char *names = slurp("files", ".names", &count);
    assert_string_equal(names, "angry\ndisgust\nfear\nhappy\nsad\nsurprise\nneutral\n");
    free(names);
    char *png = slurp("files", ".history.png", &count);
    assert_true(count > 100);
    free(png);
    remove_run("files");
}

/* ---- length ---- */

static void test_epochs_follow_from_max_batches_rounded_up(void **state)
{
    (void)state;
    struct setup s = setup_of("length");
    s.options.epochs = 0;
    s.cfg = NET "learning_rate=.01\nmax_batches=9\n" LAYERS;
    train_well(&s, TRAINING_DONE);
    assert_int_equal(s.epochs, 3);
    s.cfg = NET "learning_rate=.01\nmax_batches=8\n" LAYERS;
    s.epochs = 0;
    train_well(&s, TRAINING_DONE);
    assert_int_equal(s.epochs, 2);
    remove_run("length");
}

static void test_unknown_length_is_refused(void **state)
{
    (void)state;
    struct setup s = setup_of("length");
    s.options.epochs = 0;
    assert_int_equal(train(&s), TRAINING_FAILED);
    assert_says(&s, "max_batches");
    assert_false(is_there("length", ".state"));
}

static void test_rate_policy_ends_with_the_last_epoch(void **state)
{
    (void)state;
    struct setup s = setup_of("rate");
    train_well(&s, TRAINING_DONE);
    /* poly with power 1 falls by a twelfth with each of the twelve updates. */
    assert_true(s.last.rate <= 0.05 / 12 * 1.01);
    s = setup_of("other");
    s.options.epochs = 6;
    s.stop_at = 3 * UPDATES + 1;
    train_well(&s, TRAINING_STOPPED);
    assert_true(s.last.rate >= 0.05 / 2 * 0.99);
    remove_run("other");
    remove_run("rate");
}

static void test_batch_of_the_options_replaces_the_cfgs(void **state)
{
    (void)state;
    struct setup s = setup_of("batch");
    s.options.batch = 16;
    train_well(&s, TRAINING_DONE);
    assert_int_equal(s.updates, EPOCHS * 2);
    assert_int_equal(s.progress.total, 32);
    remove_run("batch");
}

static void test_fewer_pictures_than_a_batch_make_one_update_an_epoch(void **state)
{
    (void)state;
    struct setup s = setup_of("few");
    struct dataset few = TRAIN_DATA;
    few.count = 3;
    s.train = &few;
    train_well(&s, TRAINING_DONE);
    assert_int_equal(s.updates, EPOCHS);
    assert_int_equal(s.progress.total, 8);
    remove_run("few");
}

/* ---- refusals and failures ---- */

static void test_data_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct setup s = setup_of("unfit");
    struct dataset bad = TRAIN_DATA;
    bad.count = 0;
    s.train = &bad;
    assert_int_equal(train(&s), TRAINING_FAILED);
    assert_says(&s, "no training picture");
    s.train = &TRAIN_DATA;
    s.valid = &bad;
    assert_int_equal(train(&s), TRAINING_FAILED);
    assert_says(&s, "no validation picture");
    bad = VALID_DATA;
    bad.width = 7;
    bad.height = 28;
    assert_int_equal(train(&s), TRAINING_FAILED);
    assert_says(&s, "1 x 28 x 7 (channels, height, width), the network takes 1 x 14 x 14");
    s.valid = &VALID_DATA;
    valid_labels[3] = 7;
    assert_int_equal(train(&s), TRAINING_FAILED);
    assert_says(&s, "validation picture 3 has label 7 of 7 classes");
    valid_labels[3] = 3;
    s.cfg = NET "learning_rate=.01\n[connected]\noutput=5\nactivation=linear\n[softmax]\n";
    assert_int_equal(train(&s), TRAINING_FAILED);
    assert_says(&s, "7 names for the 5 outputs");
    assert_int_equal(s.updates, 0);
    assert_false(is_there("unfit", ".state"));
}

static void test_unwritable_outputs_are_noticed_before_training(void **state)
{
    (void)state;
    struct setup s = setup_of("no/such/folder");
    assert_int_equal(train(&s), TRAINING_NOT_WRITTEN);
    assert_says(&s, "no/such/folder.cfg'");
    s = setup_of("blocked");
    for (int i = 0; i < FILES; i++) {
        char *path = path_of("blocked", SUFFIXES[i]);
        assert_int_equal(mkdir(path, 0777), 0);
        assert_int_equal(train(&s), TRAINING_NOT_WRITTEN);
        assert_says(&s, path);
        assert_int_equal(rmdir(path), 0);
        free(path);
    }
    assert_int_equal(s.updates, 0);
    struct err e;
    assert_int_equal(training_check_outputs("", &e), -1);
    assert_int_equal(training_check_outputs("/tmp/", &e), -1);
    assert_non_null(strstr(e.text, "needs a name"));
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Runs with a limit on the size of files, which stands for a full disk, in effect during epoch 2.
 */
static void train_with_full_disk(struct setup *s, rlim_t bytes, const char *message)
{
    s->stop_at = UPDATES + 1;
    train_well(s, TRAINING_STOPPED);
    s->options.resume = true;
    s->stop_at = 0;
    limit_files(bytes);
    enum training_result result = train(s);
    limit_files(RLIM_INFINITY);
    assert_int_equal(result, TRAINING_NOT_WRITTEN);
    assert_says(s, message);
    accuracy_of_files(s->name);
}

static void test_full_disk_ends_the_run_and_keeps_what_was_there(void **state)
{
    (void)state;
    /* Wide enough for a state that is larger than the picture of the curves. */
    static const char cfg[] =
        NET "learning_rate=.01\n[convolutional]\nfilters=64\nsize=3\nstride=1\n"
            "pad=1\nactivation=relu\n[connected]\noutput=7\n"
            "activation=linear\n[softmax]\n";
    struct setup whole = setup_of("whole");
    size_t count;
    whole.cfg = cfg;
    train_well(&whole, TRAINING_DONE);
    free(slurp("whole", ".state", &count));
    /* A row of the history more makes the state larger than its limit; or hardly anything can be
     * written. */
    const struct {
        rlim_t bytes;
        const char *message;
    } cases[] = {{count - 100, "full.state': File too large"}, {50, "cannot write '"}};
    for (int i = 0; i < 2; i++) {
        struct setup full = setup_of("full");
        full.cfg = cfg;
        train_with_full_disk(&full, cases[i].bytes, cases[i].message);
        train_well(&full, TRAINING_DONE);
        assert_int_equal(full.updates, EPOCHS * UPDATES - UPDATES - 1);
        assert_same_run("whole", "full");
        remove_run("full");
    }
    remove_run("whole");
}

/* Epoch 2 goes wrong: ends with `message` and leaves the model of epoch 1. */
static void check_explosion(const char *cfg, const char *message)
{
    struct setup s = setup_of("nan"), first = setup_of("first");
    s.cfg = first.cfg = cfg;
    first.stop_at = UPDATES + 1;
    train_well(&first, TRAINING_STOPPED);
    assert_int_equal(train(&s), TRAINING_FAILED);
    assert_says(&s, message);
    assert_says(&s, "the weights of epoch 1 are kept");
    assert_true(same_file("nan", "first", ".weights"));
    assert_true(same_file("nan", "first", ".history.csv"));
    remove_run("nan");
    remove_run("first");
}

#define DENSE "[connected]\noutput=7\nactivation=linear\n[softmax]\n"

static void test_loss_that_is_not_finite_ends_the_run(void **state)
{
    (void)state;
    check_explosion(NET "learning_rate=1\npolicy=steps\nsteps=5,5,5,5,5\n"
                        "scales=1e9,1e9,1e9,1e9,1e9\n" DENSE,
                    "training failed: the loss is not finite in epoch 2, update 2 of 4 ");
}

static void test_outputs_that_are_not_finite_end_the_run(void **state)
{
    (void)state;
    check_explosion(
        NET "learning_rate=1\npolicy=steps\nsteps=8,8,8,8,8\n"
            "scales=1e9,1e9,1e9,1e9,1e9\n" DENSE,
        "training failed: the outputs on the validation pictures are not finite in epoch 2");
}

/* Weights of another network must not be taken for this one's, whenever the program is killed. */
static void test_new_cfg_never_stands_beside_old_weights(void **state)
{
    (void)state;
    struct setup s = setup_of("replaced");
    train_well(&s, TRAINING_DONE);
    s.cfg = CFG_ADAM;
    s.stop_at = 1;
    train_well(&s, TRAINING_STOPPED);
    assert_cfg("replaced", CFG);
    assert_true(is_there("replaced", ".weights"));
    s.stop_at = 0;
    s.options.resume = true;
    train_well(&s, TRAINING_DONE);
    assert_cfg("replaced", CFG_ADAM);

    /* The disk has room for a cfg, not for weights: the old model stays as it is. */
    copy_run("replaced", "old");
    s = setup_of("replaced");
    s.stop_at = 1;
    train_well(&s, TRAINING_STOPPED);
    s.options.resume = true;
    s.stop_at = 0;
    limit_files(sizeof(CFG) + 100);
    assert_int_equal(train(&s), TRAINING_NOT_WRITTEN);
    limit_files(RLIM_INFINITY);
    assert_says(&s, "replaced.weights'");
    for (int i = 0; i < 3; i++)
        assert_true(same_file("replaced", "old", SUFFIXES[i]));
    remove_run("replaced");
    remove_run("old");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drawn_patterns_are_learnt),
        cmocka_unit_test(test_weights_are_those_of_the_best_epoch),
        cmocka_unit_test(test_first_of_equally_good_epochs_is_kept),
        cmocka_unit_test(test_model_files_carry_the_cfg_and_the_names),
        cmocka_unit_test(test_epochs_follow_from_max_batches_rounded_up),
        cmocka_unit_test(test_unknown_length_is_refused),
        cmocka_unit_test(test_rate_policy_ends_with_the_last_epoch),
        cmocka_unit_test(test_batch_of_the_options_replaces_the_cfgs),
        cmocka_unit_test(test_fewer_pictures_than_a_batch_make_one_update_an_epoch),
        cmocka_unit_test(test_data_that_does_not_fit_is_refused),
        cmocka_unit_test(test_unwritable_outputs_are_noticed_before_training),
        cmocka_unit_test(test_full_disk_ends_the_run_and_keeps_what_was_there),
        cmocka_unit_test(test_loss_that_is_not_finite_ends_the_run),
        cmocka_unit_test(test_outputs_that_are_not_finite_end_the_run),
        cmocka_unit_test(test_new_cfg_never_stands_beside_old_weights),
    };
    return cmocka_run_group_tests(tests, make_data, remove_dir);
}
