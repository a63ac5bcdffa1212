/* Losses beyond their gradients: weights, sums, predictions, what is refused. */
#include "tests/unit/engine/fixture.h"

#include "worker/engine/model/network.h"

#define ROWS 10

static void begin(struct fixture *fixture, enum task task, const char *loss)
{
    char spec[512];

    (void)snprintf(spec, sizeof(spec),
                   "{'model': [{'type': 'dense', 'units': 'outputs'}],"
                   " 'train': {'batch': 10, 'loss': %s}}",
                   loss);
    fixture_set_up(fixture, task, ROWS, 4, 3);
    fixture_parse(fixture, spec);
    fixture_suit_loss(fixture);
}

static struct loss_sum loss_of(struct fixture *fixture, int64_t first, int64_t n)
{
    struct model *model = fixture_build(fixture);
    const struct model_step step = {
        .set = &fixture->set, .row = fixture->row + first, .n = n, .step = 1};
    struct loss_sum sum = {0};

    network_trip((struct network *)model, &step, false, &sum);
    model_free(&model);
    return sum;
}

static void loss_does_not_depend_on_how_rows_are_batched(void **state)
{
    static const struct {
        enum task task;
        const char *loss;
    } cases[] = {{TASK_CLASSIFICATION, "'cross_entropy'"},
                 {TASK_CLASSIFICATION, "{'type': 'cross_entropy', 'class_weights': [1, 5, 0]}"},
                 {TASK_CLASSIFICATION, "{'type': 'cross_entropy', 'smoothing': 0.1}"},
                 {TASK_CLASSIFICATION, "'binary'"},
                 {TASK_REGRESSION, "'mse'"},
                 {TASK_REGRESSION, "'binary'"},
                 {TASK_REGRESSION, "{'type': 'normal', 'components': 2}"},
                 {TASK_REGRESSION, "{'type': 'log_normal', 'score': 'crps'}"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture fixture;
        struct loss_sum all, one, two;

        begin(&fixture, cases[i].task, cases[i].loss);
        all = loss_of(&fixture, 0, ROWS);
        one = loss_of(&fixture, 0, 7);
        two = loss_of(&fixture, 7, 3);
        assert_true(fabs(all.loss - one.loss - two.loss) < 1e-5 * all.loss);
        assert_true(fabs(all.weight - one.weight - two.weight) < 1e-12);
        assert_true(all.loss > 0 && all.weight > 0);
        fixture_tear_down(&fixture);
    }
}

static void class_of_weight_zero_counts_for_nothing(void **state)
{
    struct fixture fixture;
    struct loss_sum sum;

    (void)state;
    begin(&fixture, TASK_CLASSIFICATION, "{'type': 'cross_entropy', 'class_weights': [0, 1, 1]}");
    for (int i = 0; i < ROWS; i++)
        fixture.label[i] = 0;
    sum = loss_of(&fixture, 0, ROWS);
    assert_true(sum.loss == 0 && sum.weight == 0);
    fixture.label[4] = 2;
    sum = loss_of(&fixture, 0, ROWS);
    assert_true(sum.loss > 0 && sum.weight == 1);
    fixture_tear_down(&fixture);
}

/* ---- values by hand ---- */

/* The loss of given outputs, at rows of given truth. */
static double loss_at(const char *choice, const struct loss_task *task, const real *output,
                      const struct loss_truth *truth, int64_t rows, real *ret_slope)
{
    scoped(loss_release) struct loss loss = {0};
    struct fixture fixture;
    struct loss_sum sum = {0};
    double row_loss[8];
    struct tensor y, dy;
    struct error error;

    begin(&fixture, task->task, choice);
    if (!loss_build(&fixture.spec.train.loss, task, &loss, &error))
        fail_msg("%s", error.message);
    y = (struct tensor){.steps = 1, .rows = rows, .width = loss.n_outputs};
    dy = y;
    y.data = (real *)(uintptr_t)output;
    dy.data = ret_slope;
    loss.kind->value(&loss, kernel_pick(), &y, truth, &dy, row_loss, &sum);
    if (truth->training && loss.kind->learn) {
        loss.kind->learn(&loss, truth, row_loss, rows);
        for (int64_t i = 0; i < loss.n_memory; i++) /* hands out what it learnt */
            ret_slope[i] = (real)loss.memory[i];
    }
    fixture_tear_down(&fixture);
    return sum.loss / sum.weight;
}

static void assert_near_value(double value, double expected, double off)
{
    if (!(fabs(value - expected) <= off))
        fail_msg("%.10g is not %.10g", value, expected);
}

static double cross_entropy_of(const real *output, int32_t label)
{
    const struct loss_task task = {.task = TASK_CLASSIFICATION, .n_classes = 4};
    const struct loss_truth truth = {.label = &label};
    real slope[4];

    return loss_at("'cross_entropy'", &task, output, &truth, 1, slope);
}

static void cross_entropy_has_its_check_values(void **state)
{
    const real one[] = {1, 0, 0, 0}, two[] = {2, 0, 0, 0}, none[] = {0, 0, 0, 0};
    const real nine[] = {9, 0, 0, 0};

    (void)state;
    assert_near_value(cross_entropy_of(one, 0), 0.74366838, 1e-6);
    assert_near_value(cross_entropy_of(two, 0), 0.34075295, 1e-6);
    assert_near_value(cross_entropy_of(none, 0), 1.38629436, 1e-6);
    assert_near_value(cross_entropy_of(nine, 0), 0.00037016, 1e-6);
    assert_near_value(cross_entropy_of(nine, 1), 9.00037016, 1e-5);
}

static void weights_of_rows_and_classes_divide_as_asked(void **state)
{
    const struct loss_task task = {.task = TASK_CLASSIFICATION, .n_classes = 2};
    const real output[] = {0, 0, 0, 0, 0, 0};
    const int32_t label[] = {0, 1, 1};
    const double weight[] = {1, 0.5, 0};
    const struct loss_truth truth = {.label = label, .weight = weight};
    real slope[6];

    (void)state;
    assert_near_value(loss_at("{'type': 'cross_entropy', 'class_weights': [3, 1]}", &task, output,
                              &truth, 3, slope),
                      log(2), 1e-6);
    assert_near_value((double)slope[0], 3 / 3.5 * -0.5, 1e-6);
    assert_true(slope[4] == 0 && slope[5] == 0);
    assert_near_value(loss_at("{'type': 'cross_entropy', 'class_weights': [3, 1], 'reduction': "
                              "'nonzero'}",
                              &task, output, &truth, 3, slope),
                      3.5 / 2 * log(2), 1e-6);
}

static void active_reweighting_follows_its_rule(void **state)
{
    const struct loss_task task = {.task = TASK_CLASSIFICATION, .n_classes = 3};
    const real output[] = {1, 0, 0, 0, 2, 0, 0, 0, 3};
    const int32_t label[] = {0, 0, 1};
    const struct loss_truth truth = {.label = label, .training = true};
    double first = log(exp(1) + 2) - 1, second = log(exp(2) + 2), third = log(exp(3) + 2);
    double of[] = {exp((first + second) / 2), exp(third), 1}; /* class 2 has no rows */
    real weight[9];

    (void)state;
    assert_near_value(loss_at("{'type': 'cross_entropy', 'reweight': true, 'reduction': 'nonzero'}",
                              &task, output, &truth, 3, weight),
                      (first + second + third) / 3, 1e-6);
    for (int i = 0; i < 3; i++)
        assert_near_value((double)weight[i], of[i] / (of[0] + of[1] + of[2]), 1e-6);
}

/* Of two stretches of rows it is the sum of theirs: what batches in parts are put together by. */
static void check_divisor(const struct loss *loss, const struct loss_truth *truth)
{
    struct loss_truth rest = *truth;
    struct loss_sum sum = {0};
    real output[ROWS * 16] = {0}, slope[ROWS * 16];
    double row_loss[ROWS], parts;
    struct tensor y = {.data = output, .steps = 1, .rows = ROWS, .width = loss->n_outputs};
    struct tensor dy = {.data = slope, .steps = 1, .rows = ROWS, .width = loss->n_outputs};

    assert_in_range(loss->n_outputs, 1, 16);
    loss->kind->value(loss, kernel_pick(), &y, truth, &dy, row_loss, &sum);
    assert_near_value(loss_divisor(loss, truth, ROWS), sum.weight, 0);
    rest.label = truth->label ? truth->label + 4 : NULL;
    rest.weight = truth->weight ? truth->weight + 4 : NULL;
    parts = loss_divisor(loss, truth, 4) + loss_divisor(loss, &rest, ROWS - 4);
    assert_near_value(parts, sum.weight, 1e-12 * sum.weight);
    if (!truth->weight && !loss->weighs)
        assert_true(sum.weight == ROWS);
}

static void check_divisor_of(enum task task, const char *choice)
{
    const double weight[ROWS] = {1, 0.5, 0, 2, 0, 0.1, 3, 1, 0, 4};
    scoped(loss_release) struct loss loss = {0};
    struct loss_truth truth = {.training = true};
    struct loss_task of = {.task = task};
    struct fixture fixture;
    struct error error;
    real target[ROWS * 3];

    begin(&fixture, task, choice);
    of.n_classes = fixture.set.n_classes;
    of.n_targets = fixture.set.n_targets;
    for (int i = 0; i < ROWS * 3; i++)
        target[i] = (real)(0.25 * (1 + i % 3));
    truth.label = task == TASK_CLASSIFICATION ? fixture.label : NULL;
    truth.target = target;
    assert_true(loss_build(&fixture.spec.train.loss, &of, &loss, &error));
    check_divisor(&loss, &truth);
    truth.weight = weight;
    check_divisor(&loss, &truth);
    fixture_tear_down(&fixture);
}

static void every_loss_tells_what_it_divides_by(void **state)
{
    static const char *const forms[] = {
        "{'type': 'cross_entropy', 'class_weights': [1, 0, 7]}",
        "{'type': 'cross_entropy', 'class_weights': [1, 0, 7], 'reduction': 'nonzero'}",
        "{'type': 'cross_entropy', 'reweight': true}",
    };

    (void)state;
    for (size_t i = 0; loss_registry.kind[i]; i++) {
        const struct loss_kind *kind = (const struct loss_kind *)loss_registry.kind[i];
        char choice[64];

        (void)snprintf(choice, sizeof(choice), "'%s'", kind->kind.name);
        if (kind->classification)
            check_divisor_of(TASK_CLASSIFICATION, choice);
        if (kind->regression)
            check_divisor_of(TASK_REGRESSION, choice);
    }
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        check_divisor_of(TASK_CLASSIFICATION, forms[i]);
}

static void reweighting_that_is_forgotten_begins_anew(void **state)
{
    const struct loss_task task = {.task = TASK_CLASSIFICATION, .n_classes = 3};
    const int32_t label[] = {0, 1};
    const struct loss_truth truth = {.label = label, .training = true};
    const double lost[] = {1, NAN};
    struct fixture fixture;
    struct loss loss;
    struct error error;

    (void)state;
    begin(&fixture, TASK_CLASSIFICATION, "{'type': 'cross_entropy', 'reweight': true}");
    assert_true(loss_build(&fixture.spec.train.loss, &task, &loss, &error));
    loss.kind->learn(&loss, &truth, lost, 2);
    assert_true(isnan(loss.memory[0]));
    loss_forget(&loss);
    for (int i = 0; i < 3; i++)
        assert_true(loss.memory[i] == 1);
    loss_release(&loss);
    fixture_tear_down(&fixture);
}

static void mixture_likelihood_has_its_check_value(void **state)
{
    const double offset = 0, scale = 1;
    const struct loss_task task = {
        .task = TASK_REGRESSION, .n_targets = 1, .target_offset = &offset, .target_scale = &scale};
    const real output[] = {
        0, 0.5, 0, (real)-1.3862943611198906, (real)-0.916290731874155, (real)-0.5108256237659907};
    const real target = (real)0.3;
    const struct loss_truth truth = {.target = &target};
    real slope[6];

    (void)state;
    assert_near_value(loss_at("{'type': 'normal', 'components': 2, 'sigma': 'exp', 'floor': 0}",
                              &task, output, &truth, 1, slope),
                      0.16509300, 1e-6);
}

/* 10000 times 1 - loss is the score; two targets of which one has no weight. */
static void exoplanet_loss_is_what_the_score_loses(void **state)
{
    const struct loss_task task = {.task = TASK_REGRESSION, .n_targets = 2};
    const real output[] = {(real)0.06, (real)0.5}, target[] = {(real)0.05, (real)0.04};
    const struct loss_truth truth = {.target = target};
    real slope[2];

    (void)state;
    assert_near_value(
        loss_at("{'type': 'exoplanet', 'weights': [2, 0]}", &task, output, &truth, 1, slope),
        2e6 * 0.05 * 0.01 / 1e4, 1e-6);
    assert_true(slope[1] == 0);
}

static void distributions_are_predicted_in_the_targets_units(void **state)
{
    const double offset = 500, scale = 10;
    const struct loss_task task = {
        .task = TASK_REGRESSION, .n_targets = 1, .target_offset = &offset, .target_scale = &scale};
    const real output[] = {(real)1.5, 0};
    const struct tensor y = {.data = (real *)(uintptr_t)output, .steps = 1, .rows = 1, .width = 2};
    scoped(loss_release) struct loss loss = {0};
    struct fixture fixture;
    double prediction[4];
    struct error error;

    (void)state;
    begin(&fixture, TASK_REGRESSION, "{'type': 'normal', 'sigma': 'exp', 'floor': 0}");
    assert_true(loss_build(&fixture.spec.train.loss, &task, &loss, &error));
    assert_int_equal(loss.n_predicted, 4);
    loss.kind->predict(&loss, &y, prediction);
    assert_near_value(prediction[0], 515, 1e-9);
    assert_near_value(prediction[1], 1, 1e-9);
    assert_near_value(prediction[2], 515, 1e-9);
    assert_near_value(prediction[3], 10, 1e-9);
    fixture_tear_down(&fixture);
}

static void log_normal_takes_its_units_from_the_training_rows(void **state)
{
    struct fixture fixture;
    cJSON *json;
    double sum = 0;

    (void)state;
    begin(&fixture, TASK_REGRESSION, "'log_normal'");
    json = settings_json(train_settings, &fixture.spec.train);
    for (int64_t i = 0; i < fixture.split.part[SPLIT_TRAIN].n; i++)
        sum += log(fixture.target[i * 3]);
    assert_near_value(cJSON_GetArrayItem(json_at(json, "loss.center"), 0)->valuedouble,
                      sum / (double)fixture.split.part[SPLIT_TRAIN].n, 1e-12);
    assert_int_equal(cJSON_GetArraySize(json_at(json, "loss.spread")), 3);
    cJSON_Delete(json);
    fixture_tear_down(&fixture);
}

static void targets_that_a_loss_cannot_have_are_refused(void **state)
{
    static const char *const losses[] = {"'binary'", "'poisson'", "'log_normal'"};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct fixture fixture;
        struct error error;

        begin(&fixture, TASK_REGRESSION, losses[i]);
        fixture.target[5] = -3;
        if (i == 2) /* what was fitted would be kept */
            fixture_parse(&fixture, "{'model': [], 'train': {'loss': 'log_normal'}}");
        assert_false(loss_fit(&fixture.spec.train.loss, &fixture.set,
                              &fixture.split.part[SPLIT_TRAIN], &error));
        assert_string_equal(error.path, "train.loss");
        assert_non_null(strstr(error.message, "-3"));
        fixture_tear_down(&fixture);
    }
}

static void equal_outputs_cost_the_logarithm_of_the_classes(void **state)
{
    struct fixture fixture;
    struct model *model;
    struct loss_sum sum = {0};
    struct error error;
    double prediction[3 * ROWS];

    (void)state;
    begin(&fixture, TASK_CLASSIFICATION, "'cross_entropy'");
    model = fixture_build(&fixture);
    memset(((struct network *)model)->value, 0,
           (size_t)((struct network *)model)->n_elements * sizeof(real));
    assert_true(model_predict(model, &fixture.set, fixture.row, ROWS, prediction, &sum, &error));
    assert_true(fabs(sum.loss / sum.weight - log(3)) < 1e-6);
    for (int i = 0; i < 3 * ROWS; i++)
        assert_true(fabs(prediction[i] - 1.0 / 3) < 1e-15);
    model_free(&model);
    fixture_tear_down(&fixture);
}

static void assert_refused(enum task task, const char *loss, const char *path, const char *message)
{
    struct fixture fixture;
    struct model *model = NULL;
    struct model_plan plan;
    struct error error;

    begin(&fixture, task, loss);
    plan = fixture_plan(&fixture);
    assert_false(model_build(&plan, &model, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_string_equal(error.path, path);
    if (!strstr(error.message, message))
        fail_msg("%s", error.message);
    fixture_tear_down(&fixture);
}

static void losses_that_do_not_fit_the_task_are_refused(void **state)
{
    (void)state;
    assert_refused(TASK_REGRESSION, "'cross_entropy'", "train.loss",
                   "cross_entropy is for classification, but the target is numbers");
    assert_refused(TASK_CLASSIFICATION, "'mse'", "train.loss", "mse is for regression");
    assert_refused(TASK_CLASSIFICATION, "{'type': 'cross_entropy', 'class_weights': [1, 2]}",
                   "train.loss.class_weights", "2 weights for 3 classes");
    assert_refused(TASK_CLASSIFICATION, "{'type': 'cross_entropy', 'class_weights': [0, 0, 0]}",
                   "train.loss.class_weights", "all weights are 0");
    assert_refused(TASK_REGRESSION, "{'type': 'exoplanet', 'weights': [1]}", "train.loss.weights",
                   "1 weights for 3 targets");
}

static void targets_that_were_scaled_are_refused_where_units_matter(void **state)
{
    struct fixture fixture;
    struct model *model = NULL;
    struct model_plan plan;
    struct error error;

    (void)state;
    begin(&fixture, TASK_REGRESSION, "'log_normal'");
    fixture.scale[1] = 2;
    plan = fixture_plan(&fixture);
    assert_false(model_build(&plan, &model, &error));
    assert_non_null(strstr(error.message, "leave out data.target_transform"));
    fixture_tear_down(&fixture);
}

static void loss_is_chosen_by_the_task_where_none_is_named(void **state)
{
    struct fixture fixture;

    (void)state;
    for (int task = 0; task < 2; task++) {
        fixture_set_up(&fixture, (enum task)task, ROWS, 4, 3);
        fixture_parse(&fixture, "{'model': []}");
        assert_string_equal(fixture.spec.train.loss.kind->name,
                            task == TASK_CLASSIFICATION ? "cross_entropy" : "mse");
        fixture_tear_down(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_does_not_depend_on_how_rows_are_batched),
        cmocka_unit_test(class_of_weight_zero_counts_for_nothing),
        cmocka_unit_test(cross_entropy_has_its_check_values),
        cmocka_unit_test(weights_of_rows_and_classes_divide_as_asked),
        cmocka_unit_test(active_reweighting_follows_its_rule),
        cmocka_unit_test(every_loss_tells_what_it_divides_by),
        cmocka_unit_test(reweighting_that_is_forgotten_begins_anew),
        cmocka_unit_test(mixture_likelihood_has_its_check_value),
        cmocka_unit_test(exoplanet_loss_is_what_the_score_loses),
        cmocka_unit_test(distributions_are_predicted_in_the_targets_units),
        cmocka_unit_test(log_normal_takes_its_units_from_the_training_rows),
        cmocka_unit_test(targets_that_a_loss_cannot_have_are_refused),
        cmocka_unit_test(equal_outputs_cost_the_logarithm_of_the_classes),
        cmocka_unit_test(losses_that_do_not_fit_the_task_are_refused),
        cmocka_unit_test(targets_that_were_scaled_are_refused_where_units_matter),
        cmocka_unit_test(loss_is_chosen_by_the_task_where_none_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
