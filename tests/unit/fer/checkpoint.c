/* PREFIX.state: one that is damaged or of another run is refused, and all files stay as they are.
 */
#include "train_setup.h"

#include <zlib.h>

/* Resuming `s` fails with `text` and leaves the files as they are. */
static void assert_refused(struct setup *s, const char *text)
{
    copy_run(s->name, "before");
    s->options.resume = true;
    assert_int_equal(train(s), TRAINING_FAILED);
    assert_says(s, text);
    assert_int_equal(s->updates, 0);
    for (int i = 0; i < FILES; i++) {
        assert_int_equal(is_there(s->name, SUFFIXES[i]), is_there("before", SUFFIXES[i]));
        if (is_there(s->name, SUFFIXES[i]))
            assert_true(same_file(s->name, "before", SUFFIXES[i]));
    }
    remove_run("before");
}

static void test_state_of_another_run_is_refused_with_what_differs(void **state)
{
    (void)state;
    struct setup s = setup_of("other");
    s.stop_at = UPDATES + 2;
    train_well(&s, TRAINING_STOPPED);

    struct setup seed = setup_of("other");
    seed.options.seed = 6;
    assert_refused(&seed, "the seed differs (5 there, 6 here)");
    struct setup epochs = setup_of("other");
    epochs.options.epochs = 5;
    assert_refused(&epochs, "the number of epochs differs (3 there, 5 here)");
    struct setup batch = setup_of("other");
    batch.options.batch = 16;
    assert_refused(&batch, "the batch differs (8 there, 16 here)");
    struct setup cfg = setup_of("other");
    cfg.cfg = CFG_ADAM;
    assert_refused(&cfg, "the cfg differs (checksum ");
    struct dataset fewer = TRAIN_DATA;
    struct setup count = setup_of("other");
    fewer.count--;
    count.train = &fewer;
    assert_refused(&count, "the number of training pictures differs (33 there, 32 here)");
    struct setup both = setup_of("other");
    both.options.seed = 7;
    both.valid = &fewer;
    assert_refused(&both,
                   "the seed differs (5 there, 7 here); the number of validation pictures differs");

    struct setup pixel = setup_of("other");
    train_pixels[0] ^= 1;
    assert_refused(&pixel, "the training data differs");
    train_pixels[0] ^= 1;
    valid_labels[0] ^= 1;
    assert_refused(&pixel, "the validation data differs");
    valid_labels[0] ^= 1;

    struct setup same = setup_of("other");
    same.options.resume = true;
    train_well(&same, TRAINING_DONE);
    remove_run("other");
}

static void test_state_cut_short_anywhere_is_refused(void **state)
{
    (void)state;
    struct setup s = setup_of("cut");
    size_t count;
    s.stop_at = UPDATES + 2;
    train_well(&s, TRAINING_STOPPED);
    char *bytes = slurp("cut", ".state", &count);
    for (size_t kept = 0; kept < count; kept += kept < 20 ? 1 : 997) {
        struct setup again = setup_of("cut");
        spill("cut", ".state", bytes, kept);
        assert_refused(&again, "cut.state'");
    }
    spill("cut", ".state", bytes, count);
    s.options.resume = true;
    s.stop_at = 0;
    train_well(&s, TRAINING_DONE);
    free(bytes);
    remove_run("cut");
}

static void test_garbage_and_flipped_bits_are_refused(void **state)
{
    (void)state;
    struct setup s = setup_of("garbage");
    size_t count;
    s.stop_at = UPDATES + 2;
    train_well(&s, TRAINING_STOPPED);
    char *bytes = slurp("garbage", ".state", &count);
    for (size_t at = 0; at < count; at += 1 + at / 2) {
        struct setup again = setup_of("garbage");
        bytes[at] ^= 4;
        spill("garbage", ".state", bytes, count);
        assert_refused(&again, at < 8    ? "is not a training state"
                               : at < 12 ? "its format is version"
                                         : "its checksum is wrong");
        bytes[at] ^= 4;
    }
    struct setup again = setup_of("garbage");
    spill("garbage", ".state", "These are no bytes of a state.", 30);
    assert_refused(&again, "is not a training state");
    free(bytes);
    remove_run("garbage");
}

/* Puts another value into the state and makes its checksum right again. */
static void forge(const char *name, size_t at, unsigned char value)
{
    size_t count;
    char *bytes = slurp(name, ".state", &count);
    bytes[at] = (char)value;
    uLong sum = crc32_z(0, (const Bytef *)bytes, count - 4);
    for (int i = 0; i < 4; i++)
        bytes[count - 4 + (size_t)i] = (char)(sum >> (8 * i) & 0xff);
    spill(name, ".state", bytes, count);
    free(bytes);
}

static void test_state_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    struct setup s = setup_of("forged");
    /* Behind magic, version and ten numbers of the key: threads, epoch, step, rate, loss, hits. */
    const size_t threads = 12 + 10 * 8, epoch = threads + 4, step = epoch + 4, hits = step + 24;
    const size_t best_epoch = hits + 8, history = best_epoch + 12;
    const struct {
        size_t at;
        unsigned char value;
        const char *message;
    } cases[] = {
        {epoch, 0, "contradict"},
        {epoch, 1, "contradict"},
        {epoch, 3, "epoch 3 is under way, but 1 are in its history"},
        {epoch + 3, 0xff, "contradict"},
        {step, UPDATES + 1, "is beyond"},
        {step + 7, 0x80, "contradict"},
        {hits + 1, 9, "is beyond"},
        {best_epoch, 2, "contradict"},
        {best_epoch + 11, 0x7f, "contradict"},
        {history + 2, 9, "do not add up"},
        {history + 4, 'E', "history:1: the header"},
        {history + 5, 0, "a NUL"},
    };
    s.stop_at = UPDATES + 2;
    train_well(&s, TRAINING_STOPPED);
    copy_run("forged", "sound");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct setup again = setup_of("forged");
        copy_run("sound", "forged");
        forge("forged", cases[i].at, cases[i].value);
        assert_refused(&again, cases[i].message);
    }
    remove_run("forged");
    remove_run("sound");
}

static void test_missing_state_or_best_weights_are_refused(void **state)
{
    (void)state;
    struct setup s = setup_of("missing");
    assert_refused(&s, "cannot resume: cannot open");
    assert_says(&s, "missing.state'");
    s = setup_of("missing");
    s.stop_at = UPDATES + 2;
    train_well(&s, TRAINING_STOPPED);
    remove_file("missing", ".weights");
    assert_refused(&s, "cannot resume without the best weights so far (epoch 1)");
    assert_says(&s, "missing.weights'");
    spill("missing", ".weights", "short", 5);
    assert_refused(&s, "cannot resume without the best weights so far (epoch 1)");
    remove_run("missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_of_another_run_is_refused_with_what_differs),
        cmocka_unit_test(test_state_cut_short_anywhere_is_refused),
        cmocka_unit_test(test_garbage_and_flipped_bits_are_refused),
        cmocka_unit_test(test_state_that_contradicts_itself_is_refused),
        cmocka_unit_test(test_missing_state_or_best_weights_are_refused),
    };
    return cmocka_run_group_tests(tests, make_data, remove_dir);
}
