/* Metrics against scikit-learn's values (tests/golden/make_numeric.py), to 1e-9; naive scores. */
#include "tests/support/golden.h"
#include "tests/support/near.h"
#include "tests/unit/engine/fixture.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/file.h"
#include "worker/engine/metric/bootstrap.h"
#include "worker/engine/report.h"

static double *numbers(const cJSON *list)
{
    double *value = calloc((size_t)cJSON_GetArraySize(list), sizeof(*value));
    const cJSON *item;
    int i = 0;

    assert_non_null(value);
    cJSON_ArrayForEach(item, list) value[i++] = item->valuedouble;
    return value;
}

static void parse_metrics(struct fixture_spec *spec, const char *list)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *json = NULL;
    scoped(buffer_release) struct buffer text = {0};
    struct error error;

    assert_true(buffer_append_format(&text, &error, "{\"metrics\": [%s]}", list));
    assert_true(json_parse(text.data, text.size, &json, &error));
    if (!settings_parse(fixture_settings, json, "", spec, &diagnostics))
        fail_msg("%s: %s", diagnostics.item[0].path, diagnostics.item[0].message);
}

/* All metrics of the task that points have. */
static void all_metrics(enum task task, struct fixture_spec *spec)
{
    scoped(buffer_release) struct buffer list = {0};
    struct error error;

    for (size_t i = 0; metric_registry.kind[i]; i++) {
        const struct metric_kind *kind = (const struct metric_kind *)metric_registry.kind[i];

        if ((task == TASK_CLASSIFICATION ? kind->classification : kind->regression) &&
            kind->needs == METRIC_NEEDS_NOTHING)
            assert_true(buffer_append_format(&list, &error, "%s\"%s\"", list.size ? ", " : "",
                                             kind->kind.name));
    }
    parse_metrics(spec, list.data);
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
    struct fixture_spec spec = {0};
    struct fixture fixture;
    struct error error;

    all_metrics(task, &spec);
    fixture_set_up(&fixture, task, n, 1, width);
    for (int64_t i = 0; i < (classes ? n : n * width); i++) {
        if (classes)
            fixture.label[i] = (int32_t)truth[i];
        else
            fixture.target[i] = truth[i];
    }
    assert_true(metric_evaluate(&spec.metrics, &fixture.set, NULL, fixture.row, n, prediction, NULL,
                                &evaluation, &error));
    compare_values(&evaluation, golden);
    if (classes)
        compare_confusion(&evaluation, json_member(golden, "confusion"));
    settings_release(fixture_settings, &spec);
    fixture_tear_down(&fixture);
}

static void metrics_agree_with_scikit_learn(void **state)
{
    scoped(json_free) cJSON *golden = golden_read("tests/golden/metrics.json");
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

/* ---- distributions ---- */

/* Two rows of a target: a mixture of two log-normal densities each, as a model would give them. */
static void distributions_are_measured_beside_a_fitted_one(void **state)
{
    const struct distribution_shape shape = {.family = DISTRIBUTION_LOG_NORMAL, .n = 2};
    const double prediction[2][7] = {{60, 0.5, 0.5, 4.2, 4.2, 0.3, 0.3},
                                     {120, 1, 0, 4.5, 9, 0.5, 1}};
    scoped(evaluation_release) struct evaluation evaluation = {0};
    struct fixture_spec spec = {0};
    struct fixture fixture;
    struct error error;
    double naive[7];

    (void)state;
    parse_metrics(&spec, "\"crps\", \"nll\", \"interval\", \"pinball\", \"mae\"");
    fixture_set_up(&fixture, TASK_REGRESSION, 4, 1, 1);
    fixture.target[0] = fixture.target[2] = 60;
    fixture.target[1] = fixture.target[3] = 120;
    fixture.split.part[SPLIT_TRAIN].n = 4;
    assert_int_equal(metric_width(&fixture.set, &shape), 7);
    assert_true(
        metric_naive_row(&fixture.set, &shape, &fixture.split.part[SPLIT_TRAIN], naive, &error));
    assert_true(fabs(naive[0] - 90) < 1e-12);
    assert_true(fabs(naive[3] - (log(60) + log(120)) / 2) < 1e-12);
    assert_true(metric_check(&spec.metrics, TASK_REGRESSION, &shape, "evaluate.metrics", &error));
    assert_true(metric_evaluate(&spec.metrics, &fixture.set, &shape, fixture.row, 2, prediction[0],
                                naive, &evaluation, &error));
    assert_true(fabs(evaluation_find(&evaluation, "crps")->value - (5.64492464 + 17.88072112) / 2) <
                1e-8);
    assert_true(evaluation_find(&evaluation, "crps")->naive > 1);
    assert_true(isfinite(evaluation_find(&evaluation, "nll")->value));
    assert_true(evaluation_find(&evaluation, "coverage[0.9]")->value == 1);
    assert_true(evaluation_find(&evaluation, "width[0.9]")->value > 50);
    assert_true(evaluation_find(&evaluation, "mae")->value == 0);
    settings_release(fixture_settings, &spec);
    fixture_tear_down(&fixture);
}

/* Log-normal mixtures by their closed form; what lies beyond the limits is not seen. */
static void integrals_come_to_the_closed_form(void **state)
{
    const struct distribution_shape shape = {.family = DISTRIBUTION_LOG_NORMAL, .n = 2};
    const double prediction[2][7] = {{60, 0.5, 0.5, 4.2, 2.2, 0.3, 0.01},
                                     {120, 1, 0, 4.5, 9, 0.5, 1}};
    struct fixture_spec spec = {0};
    struct fixture fixture;
    struct error error;

    (void)state;
    fixture_set_up(&fixture, TASK_REGRESSION, 4, 1, 1);
    fixture.target[0] = 60;
    fixture.target[1] = 120;
    for (int i = 0; i < 3; i++) {
        static const char *const metric[] = {
            "\"crps\", {\"type\": \"crps_quadrature\", \"tolerance\": 1e-9}",
            "\"crps\", \"crps_quadrature\"",
            "\"crps\", {\"type\": \"crps_quadrature\", \"low\": 100, \"high\": 101}"};
        static const double far[] = {1e-8, 0.1, 0};
        scoped(evaluation_release) struct evaluation evaluation = {0};
        double exact, found;

        parse_metrics(&spec, metric[i]);
        assert_true(metric_evaluate(&spec.metrics, &fixture.set, &shape, fixture.row, 2,
                                    prediction[0], NULL, &evaluation, &error));
        exact = evaluation_find(&evaluation, "crps")->value;
        found = evaluation_find(&evaluation, "crps_quadrature")->value;
        if (far[i] > 0)
            assert_true(fabs(found - exact) <= far[i]);
        else
            assert_true(found < 1);
        settings_release(fixture_settings, &spec);
        spec = (struct fixture_spec){0};
    }
    fixture_tear_down(&fixture);
}

static void metrics_of_distributions_need_one(void **state)
{
    const double level[] = {0.05, 0.5, 0.95};
    const struct distribution_shape quantiles = {
        .family = DISTRIBUTION_QUANTILES, .n = 3, .level = level};
    struct fixture_spec spec = {0};
    struct error error;

    (void)state;
    parse_metrics(&spec, "\"crps\", \"nll\"");
    assert_false(metric_check(&spec.metrics, TASK_REGRESSION, NULL, "evaluate.metrics", &error));
    assert_string_equal(error.path, "evaluate.metrics[1]");
    assert_non_null(strstr(error.message, "nll needs a loss that predicts a distribution"));
    assert_false(
        metric_check(&spec.metrics, TASK_REGRESSION, &quantiles, "evaluate.metrics", &error));
    settings_release(fixture_settings, &spec);
    parse_metrics(&spec, "\"interval\"");
    assert_true(
        metric_check(&spec.metrics, TASK_REGRESSION, &quantiles, "evaluate.metrics", &error));
    settings_release(fixture_settings, &spec);
}

static void quantiles_beyond_those_predicted_are_refused(void **state)
{
    static const char *const metrics[] = {
        "\"crps\", {\"type\": \"interval\", \"level\": 0.9}",
        "\"crps\", {\"type\": \"interval\", \"level\": 0.99}",
        "\"crps\", {\"type\": \"pinball\", \"level\": 0.01}",
        "\"crps\", {\"type\": \"pinball\", \"level\": 0.96}",
    };
    const double level[] = {0.05, 0.5, 0.95};
    const struct distribution_shape quantiles = {
        .family = DISTRIBUTION_QUANTILES, .n = 3, .level = level};
    const struct distribution_shape normal = {.family = DISTRIBUTION_NORMAL, .n = 1};

    (void)state;
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
        struct fixture_spec spec = {0};
        struct error error;

        parse_metrics(&spec, metrics[i]);
        assert_true(
            metric_check(&spec.metrics, TASK_REGRESSION, &normal, "evaluate.metrics", &error));
        if (metric_check(&spec.metrics, TASK_REGRESSION, &quantiles, "evaluate.metrics", &error)) {
            assert_int_equal(i, 0);
        } else {
            assert_string_equal(error.path, "evaluate.metrics[1]");
            assert_non_null(strstr(error.message, "the loss predicts none outside 0.05 to 0.95"));
        }
        settings_release(fixture_settings, &spec);
    }
}

/* ---- rows drawn again ---- */

/* Twelve rows, three classes 0 0 0 0 0 0 1 1 1 1 2 2; training: all of them. */
static void set_labels(struct fixture *fixture)
{
    fixture_set_up(fixture, TASK_CLASSIFICATION, 12, 1, 3);
    for (int i = 0; i < 12; i++)
        fixture->label[i] = i < 6 ? 0 : (i < 10 ? 1 : 2);
    fixture->split.part[SPLIT_TRAIN].n = 12;
}

static void intervals_hold_the_value_and_are_the_same_again(void **state)
{
    scoped(evaluation_release) struct evaluation evaluation = {0};
    scoped(memory_free) char *first = NULL;
    char path[] = "/tmp/nightjar-metric-XXXXXX";
    double prediction[80];
    struct fixture fixture;
    struct error error;
    size_t size;

    (void)state;
    fixture_set_up(&fixture, TASK_CLASSIFICATION, 40, 1, 2);
    for (int i = 0; i < 40; i++) { /* three of four are right */
        prediction[2 * i] = (fixture.label[i] == 0) == (i % 4 > 0) ? 0.8 : 0.2;
        prediction[2 * i + 1] = 1 - prediction[2 * i];
    }
    close(mkstemp(path));
    setenv("NIGHTJAR_EVENTS", path, 1);
    assert_true(report_start(&error));
    assert_true(metric_evaluate(NULL, &fixture.set, NULL, fixture.row, 40, prediction, NULL,
                                &evaluation, &error));
    for (int i = 0; i < 2; i++) {
        const struct bootstrap bootstrap = {.set = &fixture.set,
                                            .row = fixture.row,
                                            .n = 40,
                                            .prediction = prediction,
                                            .seed = 7,
                                            .times = 100};

        assert_true(bootstrap_report(&bootstrap, &evaluation, "test", &error));
    }
    report_stop();
    unsetenv("NIGHTJAR_EVENTS");
    assert_true(file_read(AT_FDCWD, path, 1 << 20, &first, &size, &error));
    {
        scoped(json_free) cJSON *line = NULL;
        const char *second = strchr(first, '\n') + 1;
        const cJSON *row;

        assert_string_equal(strstr(first, "\"rows\"") ? "rows" : "", "rows");
        assert_int_equal(strncmp(strstr(first, "\"rows\""), strstr(second, "\"rows\""), 60), 0);
        assert_true(json_parse(second, strlen(second), &line, &error));
        row = cJSON_GetArrayItem(json_member(line, "rows"), 0);
        assert_string_equal(cJSON_GetArrayItem(row, 0)->valuestring, "accuracy");
        assert_true(cJSON_GetArrayItem(row, 1)->valuedouble == 0.75);
        assert_true(cJSON_GetArrayItem(row, 2)->valuedouble > 0.5 &&
                    cJSON_GetArrayItem(row, 2)->valuedouble < 0.7);
        assert_true(cJSON_GetArrayItem(row, 3)->valuedouble > 0.8 &&
                    cJSON_GetArrayItem(row, 3)->valuedouble < 0.95);
    }
    assert_int_equal(unlink(path), 0);
    fixture_tear_down(&fixture);
}

static void balanced_rows_have_each_class_as_often(void **state)
{
    scoped(memory_free) int64_t *at = NULL;
    struct fixture fixture;
    struct error error;
    int count[3] = {0};
    int64_t n;

    (void)state;
    set_labels(&fixture);
    assert_true(bootstrap_balance(&fixture.set, fixture.row, 12, 5, &at, &n, &error));
    assert_int_equal(n, 6);
    for (int64_t i = 0; i < n; i++)
        count[fixture.label[at[i]]]++;
    assert_true(count[0] == 2 && count[1] == 2 && count[2] == 2);
    fixture_tear_down(&fixture);
}

static double measure(enum task task, const char *metric, int64_t n, int64_t outputs,
                      const int32_t *label, const double *target, const double *prediction)
{
    const struct distribution_shape none = {0};
    struct fixture_spec spec = {0};
    struct evaluation evaluation = {0};
    struct fixture fixture;
    struct error error;
    double value;

    fixture_set_up(&fixture, task, n, 1, outputs);
    for (int64_t i = 0; i < n && label; i++)
        fixture.label[i] = label[i];
    for (int64_t i = 0; i < n * outputs && target; i++)
        fixture.target[i] = target[i];
    parse_metrics(&spec, metric);
    if (!metric_evaluate(&spec.metrics, &fixture.set, &none, fixture.row, n, prediction, NULL,
                         &evaluation, &error))
        fail_msg("%s", error.message);
    assert_int_equal(evaluation.n_values, 1);
    value = evaluation.value[0].value;
    evaluation_release(&evaluation);
    settings_release(fixture_settings, &spec);
    fixture_tear_down(&fixture);
    return value;
}

/* By hand: bins of (0.8, 1], (0.6, 0.8] and (0.4, 0.6] hold 0.9 - 1, 0.8 - 0 and 0.6 - 1 + 0.55 -
 * 0. */
static void calibration_error_has_its_value(void **state)
{
    const int32_t label[] = {0, 0, 1, 0};
    const double prediction[] = {0.9, 0.1, 0.2, 0.8, 0.4, 0.6, 0.45, 0.55};

    (void)state;
    assert_near(measure(TASK_CLASSIFICATION, "{\"type\": \"ece\", \"bins\": 5}", 4, 2, label, NULL,
                        prediction),
                (0.1 + 0.8 + 0.15) / 4, 1e-12);
    assert_near(measure(TASK_CLASSIFICATION, "{\"type\": \"ece\", \"bins\": 1}", 4, 2, label, NULL,
                        prediction),
                (-0.1 + 0.8 - 0.4 + 0.55) / 4, 1e-12);
}

/* 10^4 - 2 10^6 sum w t |y - t| / sum w, whose weights are of all rows and targets. */
static void exoplanet_score_has_its_value(void **state)
{
    const double target[] = {0.02, 0.05, 0.1, 0.03};
    const double constant[] = {0.06, 0.06, 0.06, 0.06};
    const double more[] = {0.02 * 1.01, 0.05 * 1.01, 0.1 * 1.01, 0.03 * 1.01};

    (void)state;
    assert_near(measure(TASK_REGRESSION, "\"exoplanet_score\"", 2, 2, NULL, target, constant), 6900,
                1e-9);
    assert_near(measure(TASK_REGRESSION, "{\"type\": \"exoplanet_score\", \"weights\": [1, 3]}", 2,
                        2, NULL, target, constant),
                7750, 1e-9);
    assert_near(measure(TASK_REGRESSION, "\"exoplanet_score\"", 2, 2, NULL, target, more), 9931,
                1e-9);
    assert_near(measure(TASK_REGRESSION, "\"exoplanet_score\"", 2, 2, NULL, target, target), 10000,
                1e-9);
    /* 3100 points of two rows of two targets; weights are not divided by */
    assert_near(measure(TASK_REGRESSION, "\"exoplanet_numerator\"", 2, 2, NULL, target, constant),
                4 * 3100, 1e-6);
    assert_near(measure(TASK_REGRESSION, "{\"type\": \"exoplanet_numerator\", \"weights\": [2, 2]}",
                        2, 2, NULL, target, constant),
                8 * 3100, 1e-6);
}

static void output_that_stands_out_is_named(void **state)
{
    scoped(evaluation_release) struct evaluation evaluation = {0};
    struct fixture_spec spec = {0};
    struct fixture fixture;
    double prediction[48];
    struct error error;

    (void)state;
    parse_metrics(&spec, "\"per_output\", \"quantiles\"");
    fixture_set_up(&fixture, TASK_REGRESSION, 12, 3, 4);
    for (int i = 0; i < 48; i++)
        prediction[i] = fixture.target[i] + (i % 4 == 2 ? 12 : 2) * (i % 8 < 4 ? 1 : -1);
    assert_true(metric_evaluate(&spec.metrics, &fixture.set, NULL, fixture.row, 12, prediction,
                                NULL, &evaluation, &error));
    assert_int_equal(evaluation.n_tables, 2);
    for (int target = 0; target < 4; target++) {
        const double *row = evaluation.table[0].cell + target * 5;

        assert_string_equal(evaluation.table[0].row[target], fixture.name[target]);
        assert_true(fabs(row[0] - (target == 2 ? 12 : 2)) < 1e-9); /* rmse */
        assert_true(row[4] == (target == 2));
    }
    settings_release(fixture_settings, &spec);
    fixture_tear_down(&fixture);
}

static void naive_scores_are_those_of_the_classes_shares(void **state)
{
    scoped(evaluation_release) struct evaluation evaluation = {0};
    struct fixture fixture;
    struct fixture_spec spec = {0};
    struct error error;
    double naive[3], prediction[36];

    (void)state;
    all_metrics(TASK_CLASSIFICATION, &spec);
    set_labels(&fixture);
    for (int i = 0; i < 36; i++)
        prediction[i] = i % 3 == fixture.label[i / 3];
    assert_true(
        metric_naive_row(&fixture.set, NULL, &fixture.split.part[SPLIT_TRAIN], naive, &error));
    assert_true(fabs(naive[0] - 0.5) < 1e-15 && fabs(naive[1] - 1.0 / 3) < 1e-15);
    assert_true(metric_evaluate(&spec.metrics, &fixture.set, NULL, fixture.row, 12, prediction,
                                naive, &evaluation, &error));
    assert_true(evaluation_find(&evaluation, "accuracy")->value == 1);
    assert_true(evaluation_find(&evaluation, "accuracy")->naive == 0.5); /* the majority */
    assert_true(fabs(evaluation_find(&evaluation, "balanced_accuracy")->naive - 1.0 / 3) < 1e-15);
    assert_true(evaluation_find(&evaluation, "auc")->naive == 0.5);
    assert_true(fabs(evaluation_find(&evaluation, "log_loss")->naive -
                     (6 * log(2) + 4 * log(3) + 2 * log(6)) / 12) < 1e-12);
    assert_true(fabs(evaluation_find(&evaluation, "log_loss_class[c2]")->naive - log(6)) < 1e-12);
    settings_release(fixture_settings, &spec);
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
    assert_true(
        metric_naive_row(&fixture.set, NULL, &fixture.split.part[SPLIT_TRAIN], &naive, &error));
    assert_true(naive == 3);
    assert_true(metric_evaluate(NULL, &fixture.set, NULL, fixture.row, 4, prediction, &naive,
                                &evaluation, &error));
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
    struct fixture_spec spec = {0};
    struct error error;
    double prediction[18];

    (void)state;
    all_metrics(TASK_CLASSIFICATION, &spec);
    set_labels(&fixture);
    for (int i = 0; i < 18; i++)
        prediction[i] = 1.0 / 3;
    assert_true(metric_evaluate(&spec.metrics, &fixture.set, NULL, fixture.row, 6, prediction, NULL,
                                &evaluation, &error)); /* class c0 alone */
    assert_true(isnan(evaluation_find(&evaluation, "auc")->value));
    assert_true(isnan(evaluation_find(&evaluation, "log_loss_class[c1]")->value));
    assert_true(fabs(evaluation_find(&evaluation, "log_loss_class[c0]")->value - log(3)) < 1e-12);
    assert_true(evaluation_find(&evaluation, "accuracy")->value == 1);
    assert_null(evaluation_find(&evaluation, "accuracies"));
    settings_release(fixture_settings, &spec);
    fixture_tear_down(&fixture);
}

static void metrics_of_the_other_task_are_refused_with_their_place(void **state)
{
    struct kind_choice item[2] = {{.kind = kind_find(&metric_registry, "accuracy")},
                                  {.kind = kind_find(&metric_registry, "rmse")}};
    const struct kind_choices metrics = {.item = item, .n = 2};
    struct error error;

    (void)state;
    assert_false(metric_check(&metrics, TASK_CLASSIFICATION, NULL, "evaluate.metrics", &error));
    assert_string_equal(error.path, "evaluate.metrics[1]");
    assert_string_equal(error.message, "rmse is for regression, but the target is classes");
    assert_false(metric_check(&metrics, TASK_REGRESSION, NULL, "evaluate.metrics", &error));
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
    assert_true(
        metric_naive_row(&fixture.set, NULL, &fixture.split.part[SPLIT_TRAIN], naive, &error));
    assert_true(metric_evaluate(NULL, &fixture.set, NULL, fixture.row, 12, prediction, naive,
                                &evaluation, &error));
    assert_true(metric_report(&evaluation, "test", &error));
    report_stop();
    unsetenv("NIGHTJAR_EVENTS");
    assert_true(file_read(AT_FDCWD, path, 1 << 20, &lines, &size, &error));
    assert_non_null(strstr(lines, "\"name\":\"test.accuracy\",\"goal\":\"maximize\""));
    assert_non_null(strstr(lines, "\"name\":\"test.log_loss\",\"goal\":\"minimize\""));
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
        cmocka_unit_test(distributions_are_measured_beside_a_fitted_one),
        cmocka_unit_test(integrals_come_to_the_closed_form),
        cmocka_unit_test(metrics_of_distributions_need_one),
        cmocka_unit_test(quantiles_beyond_those_predicted_are_refused),
        cmocka_unit_test(calibration_error_has_its_value),
        cmocka_unit_test(exoplanet_score_has_its_value),
        cmocka_unit_test(output_that_stands_out_is_named),
        cmocka_unit_test(intervals_hold_the_value_and_are_the_same_again),
        cmocka_unit_test(balanced_rows_have_each_class_as_often),
        cmocka_unit_test(naive_scores_are_those_of_the_classes_shares),
        cmocka_unit_test(naive_regression_predicts_the_training_mean),
        cmocka_unit_test(undefined_values_are_not_numbers),
        cmocka_unit_test(metrics_of_the_other_task_are_refused_with_their_place),
        cmocka_unit_test(scores_no_better_than_naive_are_warned_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
