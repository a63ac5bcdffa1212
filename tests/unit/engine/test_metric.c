/* Metrics against scikit-learn's values (tests/golden/make_numeric.py), to 1e-9; naive scores. */
#include "tests/unit/engine/fixture.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/file.h"
#include "worker/engine/report.h"

static cJSON *read_golden(void)
{
    scoped(memory_free) char *data = NULL;
    struct error error;
    cJSON *json = NULL;
    size_t size;

    if (!file_read(AT_FDCWD, "tests/golden/metrics.json", 1 << 24, &data, &size, &error) ||
        !json_parse(data, size, &json, &error))
        fail_msg("%s", error.message);
    return json;
}

static double *numbers(const cJSON *list)
{
    double *value = calloc((size_t)cJSON_GetArraySize(list), sizeof(*value));
    const cJSON *item;
    int i = 0;

    assert_non_null(value);
    cJSON_ArrayForEach(item, list) value[i++] = item->valuedouble;
    return value;
}

/* All metrics of the task. */
static struct kind_choices all_metrics(enum task task, struct kind_choice item[32])
{
    struct kind_choices metrics = {.item = item};

    for (size_t i = 0; metric_registry.kind[i]; i++) {
        const struct metric_kind *kind = (const struct metric_kind *)metric_registry.kind[i];

        if (task == TASK_CLASSIFICATION ? kind->classification : kind->regression)
            item[metrics.n++] = (struct kind_choice){.kind = &kind->kind};
    }
    return metrics;
}

static void compare_values(const struct evaluation *evaluation, const cJSON *golden)
{
    const cJSON *expected;

    cJSON_ArrayForEach(expected, json_member(golden, "values"))
    {
        const struct metric_value *value = evaluation_find(evaluation, expected->string);

        assert_non_null(value);
        if (value && !(fabs(value->value - expected->valuedouble) <=
                       1e-9 * fmax(1, fabs(expected->valuedouble))))
            fail_msg("%s: %s is %.17g, not %.17g", json_text(golden, "name", ""), expected->string,
                     value->value, expected->valuedouble);
    }
}

static void compare_confusion(const struct evaluation *evaluation, const cJSON *expected)
{
    const cJSON *item;
    int i = 0;

    assert_int_equal(evaluation->n_tables, 1);
    assert_string_equal(evaluation->table[0].name, "confusion");
    cJSON_ArrayForEach(item, expected)
        assert_true(evaluation->table[0].cell[i++] == item->valuedouble);
    assert_int_equal(i, evaluation->table[0].n_rows * evaluation->table[0].n_columns);
}

static void check_case(const cJSON *golden, enum task task)
{
    bool classes = task == TASK_CLASSIFICATION;
    int64_t width = json_integer(golden, classes ? "classes" : "targets", 0);
    scoped(evaluation_release) struct evaluation evaluation = {0};
    scoped(memory_free) double *prediction = numbers(json_member(golden, "prediction"));
    scoped(memory_free) double *truth = numbers(json_member(golden, classes ? "label" : "target"));
    int64_t n = cJSON_GetArraySize(json_member(golden, "prediction")) / width;
    struct kind_choice item[32];
    struct kind_choices metrics = all_metrics(task, item);
    struct fixture fixture;
    struct error error;

    fixture_set_up(&fixture, task, n, 1, width);
    for (int64_t i = 0; i < (classes ? n : n * width); i++) {
        if (classes)
            fixture.label[i] = (int32_t)truth[i];
        else
            fixture.target[i] = truth[i];
    }
    assert_true(metric_evaluate(&metrics, &fixture.set, fixture.row, n, prediction, NULL,
                                &evaluation, &error));
    compare_values(&evaluation, golden);
    if (classes)
        compare_confusion(&evaluation, json_member(golden, "confusion"));
    fixture_tear_down(&fixture);
}

static void metrics_agree_with_scikit_learn(void **state)
{
    scoped(json_free) cJSON *golden = read_golden();
    const cJSON *item;
    int n = 0;

    (void)state;
    cJSON_ArrayForEach(item, json_member(golden, "classification"))
    {
        check_case(item, TASK_CLASSIFICATION);
        n++;
    }
    cJSON_ArrayForEach(item, json_member(golden, "regression"))
    {
        check_case(item, TASK_REGRESSION);
        n++;
    }
    assert_int_equal(n, 9);
}

/* ---- by hand ---- */

/* Twelve rows, three classes 0 0 0 0 0 0 1 1 1 1 2 2; training: all of them. */
static void set_labels(struct fixture *fixture)
{
    fixture_set_up(fixture, TASK_CLASSIFICATION, 12, 1, 3);
    for (int i = 0; i < 12; i++)
        fixture->label[i] = i < 6 ? 0 : (i < 10 ? 1 : 2);
    fixture->split.part[SPLIT_TRAIN].n = 12;
}

static void naive_scores_are_those_of_the_classes_shares(void **state)
{
    scoped(evaluation_release) struct evaluation evaluation = {0};
    struct fixture fixture;
    struct kind_choice item[32];
    struct kind_choices metrics = all_metrics(TASK_CLASSIFICATION, item);
    struct error error;
    double naive[3], prediction[36];

    (void)state;
    set_labels(&fixture);
    for (int i = 0; i < 36; i++)
        prediction[i] = i % 3 == fixture.label[i / 3];
    metric_naive_row(&fixture.set, &fixture.split.part[SPLIT_TRAIN], naive);
    assert_true(fabs(naive[0] - 0.5) < 1e-15 && fabs(naive[1] - 1.0 / 3) < 1e-15);
    assert_true(metric_evaluate(&metrics, &fixture.set, fixture.row, 12, prediction, naive,
                                &evaluation, &error));
    assert_true(evaluation_find(&evaluation, "accuracy")->value == 1);
    assert_true(evaluation_find(&evaluation, "accuracy")->naive == 0.5); /* the majority */
    assert_true(fabs(evaluation_find(&evaluation, "balanced_accuracy")->naive - 1.0 / 3) < 1e-15);
    assert_true(evaluation_find(&evaluation, "auc")->naive == 0.5);
    assert_true(fabs(evaluation_find(&evaluation, "log_loss")->naive -
                     (6 * log(2) + 4 * log(3) + 2 * log(6)) / 12) < 1e-12);
    assert_true(fabs(evaluation_find(&evaluation, "log_loss_class[c2]")->naive - log(6)) < 1e-12);
    fixture_tear_down(&fixture);
}

static void naive_regression_predicts_the_training_mean(void **state)
{
    scoped(evaluation_release) struct evaluation evaluation = {0};
    const double prediction[4] = {2, 4, 6, 8};
    struct fixture fixture;
    struct error error;
    double naive;

    (void)state;
    fixture_set_up(&fixture, TASK_REGRESSION, 4, 1, 1);
    for (int i = 0; i < 4; i++)
        fixture.target[i] = 2 * (i + 1);
    fixture.split.part[SPLIT_TRAIN].n = 2;
    metric_naive_row(&fixture.set, &fixture.split.part[SPLIT_TRAIN], &naive);
    assert_true(naive == 3);
    assert_true(metric_evaluate(NULL, &fixture.set, fixture.row, 4, prediction, &naive, &evaluation,
                                &error));
    assert_true(evaluation_find(&evaluation, "mae")->value == 0);
    assert_true(evaluation_find(&evaluation, "mae")->naive == (1 + 1 + 3 + 5) / 4.0);
    assert_true(fabs(evaluation_find(&evaluation, "rmse")->naive - 3) < 1e-15);
    assert_true(fabs(evaluation_find(&evaluation, "r2")->naive - (1 - 36.0 / 20)) < 1e-12);
    fixture_tear_down(&fixture);
}

static void undefined_values_are_not_numbers(void **state)
{
    scoped(evaluation_release) struct evaluation evaluation = {0};
    struct fixture fixture;
    struct kind_choice item[32];
    struct kind_choices metrics = all_metrics(TASK_CLASSIFICATION, item);
    struct error error;
    double prediction[18];

    (void)state;
    set_labels(&fixture);
    for (int i = 0; i < 18; i++)
        prediction[i] = 1.0 / 3;
    assert_true(metric_evaluate(&metrics, &fixture.set, fixture.row, 6, prediction, NULL,
                                &evaluation, &error)); /* class c0 alone */
    assert_true(isnan(evaluation_find(&evaluation, "auc")->value));
    assert_true(isnan(evaluation_find(&evaluation, "log_loss_class[c1]")->value));
    assert_true(fabs(evaluation_find(&evaluation, "log_loss_class[c0]")->value - log(3)) < 1e-12);
    assert_true(evaluation_find(&evaluation, "accuracy")->value == 1);
    assert_null(evaluation_find(&evaluation, "accuracies"));
    fixture_tear_down(&fixture);
}

static void metrics_of_the_other_task_are_refused_with_their_place(void **state)
{
    struct kind_choice item[2] = {{.kind = kind_find(&metric_registry, "accuracy")},
                                  {.kind = kind_find(&metric_registry, "rmse")}};
    const struct kind_choices metrics = {.item = item, .n = 2};
    struct error error;

    (void)state;
    assert_false(metric_check(&metrics, TASK_CLASSIFICATION, "evaluate.metrics", &error));
    assert_string_equal(error.path, "evaluate.metrics[1]");
    assert_string_equal(error.message, "rmse is for regression, but the target is classes");
    assert_false(metric_check(&metrics, TASK_REGRESSION, "evaluate.metrics", &error));
    assert_string_equal(error.path, "evaluate.metrics[0]");
}

static void scores_no_better_than_naive_are_warned_of(void **state)
{
    scoped(evaluation_release) struct evaluation evaluation = {0};
    scoped(memory_free) char *lines = NULL;
    char path[] = "/tmp/nightjar-metric-XXXXXX";
    int fd = mkstemp(path);
    struct fixture fixture;
    struct error error;
    double naive[3], prediction[36];
    size_t size;

    (void)state;
    assert_true(fd >= 0);
    setenv("NIGHTJAR_EVENTS", path, 1);
    assert_true(report_start(&error));
    set_labels(&fixture);
    for (int i = 0; i < 36; i++)
        prediction[i] = i % 3 == 0 ? 0.6 : 0.2; /* always the majority */
    metric_naive_row(&fixture.set, &fixture.split.part[SPLIT_TRAIN], naive);
    assert_true(metric_evaluate(NULL, &fixture.set, fixture.row, 12, prediction, naive, &evaluation,
                                &error));
    assert_true(metric_report(&evaluation, "test", &error));
    report_stop();
    unsetenv("NIGHTJAR_EVENTS");
    assert_true(file_read(AT_FDCWD, path, 1 << 20, &lines, &size, &error));
    assert_non_null(strstr(lines, "\"name\":\"test.accuracy\""));
    assert_non_null(strstr(lines,
                           "test.accuracy, test.balanced_accuracy, test.log_loss: no better than "
                           "predicting without looking"));
    assert_non_null(strstr(lines, "\"test.confusion\",\"columns\":[\"c0\",\"c1\",\"c2\"],"
                                  "\"rows\":[[6,0,0],[4,0,0],[2,0,0]]"));
    fixture_tear_down(&fixture);
    (void)unlink(path);
    descriptor_close(&fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_agree_with_scikit_learn),
        cmocka_unit_test(naive_scores_are_those_of_the_classes_shares),
        cmocka_unit_test(naive_regression_predicts_the_training_mean),
        cmocka_unit_test(undefined_values_are_not_numbers),
        cmocka_unit_test(metrics_of_the_other_task_are_refused_with_their_place),
        cmocka_unit_test(scores_no_better_than_naive_are_warned_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
