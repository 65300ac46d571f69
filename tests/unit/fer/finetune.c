/* Personal tuning: what it learns, what it forgets, what it refuses. */
#include "tuning_setup.h"

/* ---- accuracy ---- */

static void test_the_users_accuracy_rises_and_the_general_one_stays(void **state)
{
    (void)state;
    struct dataset user = make_pictures(80, true, 21), general = make_general();
    struct dataset unseen = make_pictures(200, true, 22);
    struct run run = make_run(&user, &general);
    run.options.epochs = 150;
    tune_well(&run, "joint");
    const struct finetune_report *r = &run.report;
    assert_int_equal(r->n_user, 80);
    assert_int_equal(r->n_replay, 256);
    assert_int_equal(r->user_after.n, 20);
    assert_int_equal(r->general_after.n, 200);
    assert_true(r->blend == 1);
    assert_true(r->user_before.accuracy < 0.6);
    assert_true(r->user_after.accuracy > 0.8);
    assert_true(r->user_after.low < r->user_after.accuracy);
    assert_true(r->general_before.accuracy > 0.9);
    assert_true(r->general_after.accuracy > r->general_before.accuracy - 0.05);
    /* What is written is what was measured. */
    assert_true(accuracy("joint", &unseen) > 0.8);
    assert_true(accuracy("general", &unseen) < 0.6);
    dataset_release(&unseen);
    dataset_release(&user);
    dataset_release(&general);
}

static void test_the_users_pictures_alone_are_learnt_too(void **state)
{
    (void)state;
    struct dataset user = make_pictures(80, true, 21);
    struct run run = make_run(&user, NULL);
    run.options.folds = 4;
    run.options.epochs = 400;
    tune_well(&run, "alone");
    assert_int_equal(run.report.user_after.n, 80);
    assert_int_equal(run.report.folds, 4);
    assert_int_equal(run.report.general_after.n, 0);
    assert_true(run.report.user_after.accuracy > run.report.user_before.accuracy + 0.2);
    dataset_release(&user);
}

static void test_classes_without_pictures_keep_working(void **state)
{
    (void)state;
    struct dataset user = make_classes(40, 0, 2, true, 21), general = make_general();
    struct dataset other = make_classes(200, 2, 2, false, 31);
    struct run run = make_run(&user, &general);
    tune_well(&run, "classes");
    assert_true(accuracy("classes", &other) > 0.85);
    run.data.general = NULL;
    tune_well(&run, "classes");
    assert_true(accuracy("classes", &other) > 0.5);
    dataset_release(&user);
    dataset_release(&general);
    dataset_release(&other);
}

static void test_one_picture_a_class_is_enough(void **state)
{
    (void)state;
    struct dataset user = make_pictures(CLASSES, true, 21);
    struct run run = make_run(&user, NULL);
    run.options.epochs = 2000;
    tune_well(&run, "few");
    assert_int_equal(run.report.n_user, CLASSES);
    assert_int_equal(run.report.user_before.n, 0);
    assert_int_equal(run.report.user_after.n, 0);
    assert_non_null(strstr(run.notes, "4 pictures in 4 groups"));
    assert_true(accuracy("few", &user) == 1);
    dataset_release(&user);
}

/* A leak of held-out pictures into training would show here as an accuracy far above chance. */
static void test_the_estimate_on_random_labels_is_chance(void **state)
{
    (void)state;
    struct dataset user = make_pictures(48, true, 21);
    struct rng r;
    rng_init(&r, 41, 0, 0);
    for (size_t i = 0; i < user.count * PIXELS; i++)
        user.pixels[i] = (unsigned char)rng_below(&r, 256);
    struct run run = make_run(&user, NULL);
    run.options.folds = 4;
    run.options.epochs = 3000;
    tune_well(&run, "random");
    assert_int_equal(run.report.user_after.n, 48);
    assert_true(run.report.user_after.accuracy < 0.5);
    assert_true(accuracy("random", &user) > 0.8);
    dataset_release(&user);
}

/* The 100 PublicTest rows that choose the blend. */
static struct dataset even_test_rows(const struct dataset *general)
{
    struct dataset d = make_pictures(100, false, 1);
    for (size_t i = 0; i < d.count; i++) {
        memcpy(d.pixels + i * PIXELS, general->pixels + (256 + 2 * i) * PIXELS, PIXELS);
        d.label[i] = general->label[256 + 2 * i];
    }
    return d;
}

/* The user calls the general pictures by other names, and what is learnt beside them is no help, so
 * every gain is a loss on PublicTest. */
static void test_a_limit_on_forgetting_moves_the_head_back(void **state)
{
    (void)state;
    struct dataset user = make_pictures(80, false, 51), general = make_general();
    struct dataset no_help = make_pictures(256, true, 52);
    for (size_t i = 0; i < user.count; i++)
        user.label[i] = (unsigned char)((user.label[i] + 1) % CLASSES);
    memcpy(general.pixels, no_help.pixels, no_help.count * PIXELS);
    struct run run = make_run(&user, &general);
    const struct finetune_report *r = &run.report;
    tune_well(&run, "limited");
    assert_true(r->general_after.accuracy < r->general_before.accuracy - 0.3);
    assert_int_equal(r->general_after.n, 200);
    run.options.max_forget = 20;
    tune_well(&run, "limited");
    const double loose = r->blend;
    run.options.max_forget = 2;
    tune_well(&run, "limited");
    assert_int_equal(r->general_after.n, 100);
    assert_true(r->blend < loose && loose < 1);
    assert_true(r->general_after.accuracy > r->general_before.accuracy - 0.1);
    /* On the rows that chose, the limit holds to the picture. */
    struct dataset even = even_test_rows(&general);
    assert_true(accuracy("limited", &even) >= accuracy("general", &even) - 0.02 - 1e-9);
    dataset_release(&even);
    dataset_release(&user);
    dataset_release(&general);
    dataset_release(&no_help);
}

static int classify(struct classifier *c, const unsigned char *pixels)
{
    float p[CLASSES];
    int best = 0;
    classifier_run(c, pixels, 1, p);
    for (int k = 1; k < CLASSES; k++)
        if (p[k] > p[best])
            best = k;
    return best;
}

/* Makes `pixels` a mixture of itself and `other` that lies as near to the border of its class as
 * bytes allow. */
static void move_to_border(struct classifier *c, unsigned char *pixels, const unsigned char *other)
{
    unsigned char from[PIXELS], mixed[PIXELS];
    int low = 0, high = 1024;
    memcpy(from, pixels, PIXELS);
    const int class = classify(c, from);
    while (high - low > 1) {
        const int part = (low + high) / 2;
        for (int i = 0; i < PIXELS; i++)
            mixed[i] = (unsigned char)((from[i] * (1024 - part) + other[i] * part) / 1024);
        if (classify(c, mixed) == class) {
            low = part;
            memcpy(pixels, mixed, PIXELS);
        } else {
            high = part;
        }
    }
}

/* The old head is right on all of PublicTest, but on each by so little that every change of the
 * head loses some. */
static void test_when_nothing_keeps_the_limit_the_old_head_is_written(void **state)
{
    (void)state;
    struct dataset user = make_pictures(80, false, 51), general = make_general();
    struct run run = make_run(&user, &general);
    struct model m;
    assert_int_equal(model_open(&m, scratch_file("general"), &run.e), 0);
    struct classifier *c = classifier_new(&m, TTA_NONE, &run.e);
    assert_non_null(c);
    for (size_t i = 256; i < general.count; i++) {
        move_to_border(c, general.pixels + i * PIXELS, general.pixels + (i - 255) * PIXELS);
        general.label[i] = (unsigned char)classify(c, general.pixels + i * PIXELS);
    }
    classifier_free(c);
    model_close(&m);
    for (size_t i = 0; i < user.count; i++)
        user.label[i] = (unsigned char)((user.label[i] + 1) % CLASSES);
    run.options.max_forget = 0;
    tune_well(&run, "unchanged");
    assert_true(run.report.blend == 0);
    assert_non_null(strstr(run.notes, "old head is written"));
    assert_true(run.report.user_after.accuracy == run.report.user_before.accuracy);
    assert_true(run.report.general_before.accuracy == 1 && run.report.general_after.accuracy == 1);
    assert_true(same_part("general", "unchanged", ".weights"));
    dataset_release(&user);
    dataset_release(&general);
}

static void test_a_pool_holds_the_picture_its_mirror_image_and_changed_copies(void **state)
{
    (void)state;
    struct dataset d = make_pictures(2, false, 71);
    struct model m;
    struct err e = {""};
    const struct finetune_options none = {0};
    struct finetune_reporter report = {.options = &none};
    struct extractor x = {.report = &report};
    struct pool both, plain;
    const uint32_t rows[] = {0, 1};
    for (int i = 0; i < PIXELS; i++)
        d.pixels[PIXELS + i] = d.pixels[i - i % SIZE + SIZE - 1 - i % SIZE];
    assert_int_equal(model_open(&m, scratch_file("general"), &e), 0);
    assert_int_equal(extractor_init(&x, m.net, FROZEN, &e), 0);
    assert_int_equal(extractor_run(&x, &d, rows, 1, 3, &both, &e), FINETUNE_DONE);
    assert_int_equal(extractor_run(&x, &d, rows, 2, 1, &plain, &e), FINETUNE_DONE);
    assert_memory_equal(both.feature, plain.feature, 2 * both.width * sizeof(float));
    assert_memory_equal(both.prior, plain.prior, 2 * CLASSES * sizeof(float));
    for (size_t variant = 0; variant < 2; variant++)
        assert_memory_not_equal(both.feature + variant * both.width, both.feature + 2 * both.width,
                                both.width * sizeof(float));
    assert_memory_not_equal(both.feature, both.feature + both.width, both.width * sizeof(float));
    pool_release(&both);
    pool_release(&plain);
    extractor_release(&x);
    model_close(&m);
    dataset_release(&d);
}

/* The head of a class whose only other pictures are held out with it has not learnt it. */
static void test_classes_are_told_apart_in_the_report(void **state)
{
    (void)state;
    struct dataset user = make_pictures(40, true, 21), general = make_general();
    struct run run = make_run(&user, &general);
    run.options.folds = 4;
    tune_well(&run, "by-class");
    const struct finetune_report *r = &run.report;
    size_t before = 0, after = 0;
    for (int k = 0; k < CLASSES; k++) {
        assert_int_equal(run.classes[k].pictures, 10);
        assert_int_equal(run.classes[k].n, 10);
        before += run.classes[k].hits_before;
        after += run.classes[k].hits_after;
    }
    assert_int_equal(before, r->user_before.hits);
    assert_int_equal(after, r->user_after.hits);
    assert_int_equal((long)r->gained - (long)r->lost, (long)after - (long)before);
    assert_true(r->common == 0.25);
    assert_true(r->p_value == finetune_mcnemar(r->gained, r->lost));
    dataset_release(&user);
    dataset_release(&general);
}

static void test_mcnemars_test_is_exact(void **state)
{
    (void)state;
    assert_float_equal(finetune_mcnemar(0, 0), 1, 1e-12);
    assert_float_equal(finetune_mcnemar(8, 0), 2.0 / 256, 1e-9);
    assert_float_equal(finetune_mcnemar(2, 10), 2.0 * (1 + 12 + 66) / 4096, 1e-9);
    assert_float_equal(finetune_mcnemar(5, 5), 1, 1e-12);
    assert_true(finetune_mcnemar(5000, 1) < 1e-300);
}

static void test_a_mislabelled_picture_is_the_first_to_look_at(void **state)
{
    (void)state;
    struct dataset user = make_pictures(80, false, 51), general = make_general();
    struct run run = make_run(&user, &general);
    run.options.folds = 4;
    user.label[42] = (unsigned char)((user.label[42] + 1) % CLASSES);
    tune_well(&run, "suspect");
    assert_true(run.report.n_suspects >= 1);
    assert_int_equal(run.suspects[0].row, 42);
    assert_int_equal(run.suspects[0].label, user.label[42]);
    assert_int_equal(run.suspects[0].predicted, (user.label[42] + CLASSES - 1) % CLASSES);
    assert_true(run.suspects[0].label_probability < FINETUNE_UNLIKELY);
    dataset_release(&user);
    dataset_release(&general);
}

static void test_no_more_pictures_of_a_class_are_learnt_than_asked_for(void **state)
{
    (void)state;
    struct dataset user = make_pictures(40, true, 21);
    struct run run = make_run(&user, NULL);
    run.options.per_class = 3;
    run.options.epochs = 2;
    tune_well(&run, "some");
    assert_int_equal(run.report.n_user, 3 * CLASSES);
    assert_int_equal(run.report.user_after.n, 3 * CLASSES);
    dataset_release(&user);
}

static void test_methods_learn_and_differ(void **state)
{
    (void)state;
    static const enum finetune_method methods[] = {FINETUNE_PLAIN, FINETUNE_DISTIL, FINETUNE_L2SP};
    struct dataset user = make_pictures(80, true, 21), general = make_general();
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
        struct run run = make_run(&user, &general);
        run.options.method = methods[i];
        run.options.epochs = 400;
        tune_well(&run, "method");
        assert_int_equal(run.report.method, methods[i]);
        assert_int_equal(run.report.n_replay, 0);
        assert_int_equal(run.report.general_after.n, 200);
        assert_true(run.report.user_after.accuracy > run.report.user_before.accuracy);
        if (i > 0)
            assert_false(same_part("method", "method-before", ".weights"));
        size_t count;
        char *bytes = read_part("method", ".weights", &count);
        scratch_write("method-before.weights", bytes, count);
        free(bytes);
    }
    dataset_release(&user);
    dataset_release(&general);
}

static void test_bad_data_and_options_are_refused(void **state)
{
    (void)state;
    struct dataset user = make_pictures(8, true, 21), general = make_general();
    struct dataset none = {.width = SIZE, .height = SIZE}, wide = user, other = user;
    unsigned char labels[8] = {0, 1, 2, 3, 4, 0, 1, 2};
    wide.width = SIZE / 2;
    other.label = labels;
    const struct {
        const struct dataset *user;
        double holdout, max_forget;
        int folds;
        const char *words;
    } cases[] = {{&none, 0.25, -1, 0, "no picture"},
                 {&wide, 0.25, -1, 0, "the network takes"},
                 {&other, 0.25, -1, 0, "label 4"},
                 {&user, 0.95, -1, 0, "0 to 0.9"},
                 {&user, -0.1, -1, 0, "0 to 0.9"},
                 {&user, 0, -1, 1, "1 folds"},
                 {&user, 0, -1, FINETUNE_MAX_FOLDS + 1, "folds"},
                 {&user, 0, 2, 0, "needs general pictures"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct run run = make_run(cases[i].user, NULL);
        run.options.holdout = cases[i].holdout;
        run.options.max_forget = cases[i].max_forget;
        run.options.folds = cases[i].folds;
        assert_int_equal(tune(&run, "general", "bad"), FINETUNE_FAILED);
        assert_non_null(strstr(run.e.text, cases[i].words));
    }
    struct run run = make_run(&user, &general);
    run.data.replay = "some.replay";
    assert_int_equal(tune(&run, "general", "bad"), FINETUNE_FAILED);
    assert_non_null(strstr(run.e.text, "exclude each other"));
    run.data.replay = NULL;
    memset(general.split, SPLIT_PUBLIC_TEST, general.count);
    assert_int_equal(tune(&run, "general", "bad"), FINETUNE_FAILED);
    assert_non_null(strstr(run.e.text, "no Training picture"));
    dataset_release(&user);
    dataset_release(&general);
}

static void test_a_network_without_a_head_or_without_a_body_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *cfg, *words;
    } cases[] = {{"[net]\nwidth=16\nheight=16\nchannels=1\nbatch=1\n[convolutional]\nfilters=4\n"
                  "size=1\nstride=1\nactivation=linear\n[avgpool]\n[softmax]\n",
                  "nothing to tune"},
                 {"[net]\nwidth=16\nheight=16\nchannels=1\nbatch=1\n[connected]\noutput=4\n"
                  "activation=linear\n[softmax]\n",
                  "nothing would stay"}};
    struct dataset user = make_pictures(8, true, 21);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err e = {""};
        struct run run = make_run(&user, NULL);
        struct nn_net *net = nn_net_parse("odd.cfg", cases[i].cfg, strlen(cases[i].cfg), 1, &e);
        if (!net)
            fail_msg("%s", e.text);
        write_model("odd", cases[i].cfg, net);
        nn_net_free(net);
        assert_int_equal(tune(&run, "odd", "odd-out"), FINETUNE_FAILED);
        assert_non_null(strstr(run.e.text, cases[i].words));
    }
    dataset_release(&user);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_users_accuracy_rises_and_the_general_one_stays),
        cmocka_unit_test(test_the_users_pictures_alone_are_learnt_too),
        cmocka_unit_test(test_classes_without_pictures_keep_working),
        cmocka_unit_test(test_one_picture_a_class_is_enough),
        cmocka_unit_test(test_the_estimate_on_random_labels_is_chance),
        cmocka_unit_test(test_a_limit_on_forgetting_moves_the_head_back),
        cmocka_unit_test(test_when_nothing_keeps_the_limit_the_old_head_is_written),
        cmocka_unit_test(test_a_pool_holds_the_picture_its_mirror_image_and_changed_copies),
        cmocka_unit_test(test_classes_are_told_apart_in_the_report),
        cmocka_unit_test(test_mcnemars_test_is_exact),
        cmocka_unit_test(test_a_mislabelled_picture_is_the_first_to_look_at),
        cmocka_unit_test(test_no_more_pictures_of_a_class_are_learnt_than_asked_for),
        cmocka_unit_test(test_methods_learn_and_differ),
        cmocka_unit_test(test_bad_data_and_options_are_refused),
        cmocka_unit_test(test_a_network_without_a_head_or_without_a_body_is_refused),
    };
    return cmocka_run_group_tests(tests, make_model, scratch_teardown);
}
