/* Losses beyond their gradients: weights, sums, predictions, what is refused. */
#include "tests/unit/engine/fixture.h"

#include "worker/engine/model/network.h"

#define ROWS 10

static void begin(struct fixture *fixture, enum task task, const char *loss)
{
    char spec[512];

    (void)snprintf(spec, sizeof(spec),
                   "{'model': [{'type': 'dense', 'units': 'classes + targets'}],"
                   " 'train': {'batch': 10, 'loss': %s}}",
                   loss);
    fixture_set_up(fixture, task, ROWS, 4, 3);
    fixture_parse(fixture, spec);
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
                 {TASK_REGRESSION, "'mse'"}};

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
        cmocka_unit_test(equal_outputs_cost_the_logarithm_of_the_classes),
        cmocka_unit_test(losses_that_do_not_fit_the_task_are_refused),
        cmocka_unit_test(loss_is_chosen_by_the_task_where_none_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
