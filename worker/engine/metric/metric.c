/*
 * From predictions to a list of figures. The naive scores come from the same code, with a
 * prediction that is the same for every row.
 */
#include "worker/engine/metric/metric.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/json.h"
#include "common/owner.h"

/* ---- evaluations ---- */

void evaluation_release(struct evaluation *evaluation)
{
    for (int64_t i = 0; i < evaluation->n_tables; i++)
        free(evaluation->table[i].cell);
    free(evaluation->table);
    free(evaluation->value);
    *evaluation = (struct evaluation){0};
}

const struct metric_value *evaluation_find(const struct evaluation *evaluation, const char *name)
{
    for (int64_t i = 0; i < evaluation->n_values; i++)
        if (strcmp(evaluation->value[i].name, name) == 0)
            return &evaluation->value[i];
    return NULL;
}

bool evaluation_add(struct evaluation *evaluation, enum goal goal, double value,
                    struct error *error, const char *format, ...)
{
    struct metric_value *list = reallocarray(evaluation->value, (size_t)evaluation->n_values + 1,
                                             sizeof(*evaluation->value));
    struct metric_value *added;
    va_list arguments;

    if (!list)
        return error_set(error, ERROR_NO_MEMORY, "measuring");
    evaluation->value = list;
    added = &list[evaluation->n_values++];
    *added = (struct metric_value){.value = value, .naive = NAN, .goal = goal};
    va_start(arguments, format);
    (void)vsnprintf(added->name, sizeof(added->name), format, arguments);
    va_end(arguments);
    return true;
}

bool evaluation_add_table(struct evaluation *evaluation, const char *name,
                          const char *const *column, const char *const *row, int64_t n_rows,
                          int64_t n_columns, double **cell, struct error *error)
{
    scoped(memory_free) double *owned = take(cell);
    struct metric_table *list = reallocarray(evaluation->table, (size_t)evaluation->n_tables + 1,
                                             sizeof(*evaluation->table));

    if (!list)
        return error_set(error, ERROR_NO_MEMORY, "measuring");
    evaluation->table = list;
    list[evaluation->n_tables] = (struct metric_table){.column = column,
                                                       .row = row,
                                                       .n_rows = n_rows,
                                                       .n_columns = n_columns,
                                                       .cell = take(&owned)};
    (void)snprintf(list[evaluation->n_tables].name, METRIC_NAME_SIZE, "%s", name);
    evaluation->n_tables++;
    return true;
}

/* ---- which metrics ---- */

static bool has_what_it_needs(enum metric_needs needs, const struct distribution_shape *shape)
{
    if (needs == METRIC_NEEDS_NOTHING)
        return true;
    return shape && shape->family != DISTRIBUTION_NONE &&
           (needs != METRIC_NEEDS_DENSITY || shape->family != DISTRIBUTION_QUANTILES);
}

static bool check_levels(const struct kind_choice *metric, const struct distribution_shape *shape,
                         const char *place, struct error *error)
{
    const struct metric_kind *kind = (const struct metric_kind *)metric->kind;
    double level[2];

    if (!kind->levels || !shape || shape->family != DISTRIBUTION_QUANTILES)
        return true;
    kind->levels(metric->config, level);
    return (distribution_reaches(shape, level[0]) && distribution_reaches(shape, level[1])) ||
           error_set_at(error, ERROR_INVALID, place,
                        "%s asks for quantiles from %g to %g, but the loss predicts none outside "
                        "%g to %g",
                        kind->kind.name, level[0], level[1], shape->level[0],
                        shape->level[shape->n - 1]);
}

bool metric_check(const struct kind_choices *metrics, enum task task,
                  const struct distribution_shape *shape, const char *path, struct error *error)
{
    bool classes = task == TASK_CLASSIFICATION;
    char place[128];

    for (size_t i = 0; i < metrics->n; i++) {
        const struct metric_kind *kind = (const struct metric_kind *)metrics->item[i].kind;

        (void)snprintf(place, sizeof(place), "%s[%zu]", path, i);
        if ((classes ? kind->classification : kind->regression) &&
            has_what_it_needs(kind->needs, shape)) {
            if (!check_levels(&metrics->item[i], shape, place, error))
                return false;
            continue;
        }
        if (classes ? kind->classification : kind->regression)
            return error_set_at(error, ERROR_INVALID, place,
                                "%s needs a loss that predicts a distribution: normal%s",
                                kind->kind.name,
                                kind->needs == METRIC_NEEDS_DENSITY ? " or log_normal"
                                                                    : ", log_normal or quantile");
        return error_set_at(error, ERROR_INVALID, place, "%s is for %s, but the target is %s",
                            kind->kind.name, classes ? "regression" : "classification",
                            classes ? "classes" : "numbers");
    }
    return true;
}

#define DEFAULTS_MAX 4

static struct kind_choices default_metrics(enum task task, struct kind_choice item[DEFAULTS_MAX])
{
    static const char *const of_classes[DEFAULTS_MAX + 1] = {"accuracy", "balanced_accuracy",
                                                             "confusion", "log_loss", NULL};
    static const char *const of_numbers[DEFAULTS_MAX + 1] = {"mae", "r2", "rmse", NULL};
    const char *const *name = task == TASK_CLASSIFICATION ? of_classes : of_numbers;
    struct kind_choices metrics = {.item = item};

    for (; name[metrics.n]; metrics.n++)
        item[metrics.n] =
            (struct kind_choice){.kind = kind_find(&metric_registry, name[metrics.n])};
    return metrics;
}

/* ---- measuring ---- */

static int64_t width_of(const struct sample_set *set)
{
    return set->task == TASK_CLASSIFICATION ? set->n_classes : set->n_targets;
}

int64_t metric_width(const struct sample_set *set, const struct distribution_shape *shape)
{
    return width_of(set) + (shape ? set->n_targets * distribution_width(shape) : 0);
}

/* Each target's distribution over the training rows. */
static bool naive_distributions(const struct sample_set *set,
                                const struct distribution_shape *shape, const struct row_list *told,
                                double *ret_row, struct error *error)
{
    int64_t n = set->n_targets, width = distribution_width(shape);
    scoped(memory_free) double *value = calloc((size_t)told->n, sizeof(*value));

    for (int64_t k = 0; k < n; k++) {
        int64_t i = 0;

        for (struct row_walk at = {.list = told}; value && row_walk(&at);)
            value[i++] = sample_target(set, at.row)[k];
        if (!value || !distribution_fit(shape, value, told->n, ret_row + k * width))
            return error_set(error, ERROR_NO_MEMORY, "measuring naive scores");
    }
    return true;
}

static void naive_points(const struct sample_set *set, const struct row_list *told, double *ret_row)
{
    int64_t width = width_of(set);

    for (int64_t k = 0; k < width; k++)
        ret_row[k] = 0;
    for (struct row_walk at = {.list = told}; row_walk(&at);) {
        if (set->task == TASK_CLASSIFICATION)
            ret_row[set->label[at.row]]++;
        else
            for (int64_t k = 0; k < width; k++)
                ret_row[k] += sample_target(set, at.row)[k];
    }
    for (int64_t k = 0; k < width; k++)
        ret_row[k] /= (double)told->n;
}

bool metric_naive_row(const struct sample_set *set, const struct distribution_shape *shape,
                      const struct row_list *told, double *ret_row, struct error *error)
{
    naive_points(set, told, ret_row);
    return !shape || distribution_width(shape) == 0 || set->task != TASK_REGRESSION ||
           naive_distributions(set, shape, told, ret_row + set->n_targets, error);
}

static bool measure_all(const struct kind_choices *metrics, const struct outcome *outcome,
                        struct evaluation *evaluation, struct error *error)
{
    for (size_t i = 0; i < metrics->n; i++) {
        const struct metric_kind *kind = (const struct metric_kind *)metrics->item[i].kind;

        if (!kind->measure(metrics->item[i].config, outcome, evaluation, error))
            return false;
    }
    return true;
}

/* Wide rows taken apart: points into [n][n_targets], distributions into [n][n_targets][width]. */
struct parts {
    double *point, *distribution; /* owned */
};

static void parts_release(struct parts *parts)
{
    free(parts->point);
    free(parts->distribution);
}

static bool take_apart(const struct outcome *outcome, const double *prediction, int64_t stride,
                       struct parts *parts, struct error *error)
{
    size_t points = (size_t)outcome->n_targets, rest = (size_t)stride - points;
    size_t n = (size_t)outcome->n;

    parts->point = calloc(n * points, sizeof(double));
    parts->distribution = calloc(n * rest, sizeof(double));
    if (!parts->point || !parts->distribution)
        return error_set(error, ERROR_NO_MEMORY, "measuring");
    for (size_t i = 0; i < n; i++) {
        const double *row = prediction + i * (size_t)stride;

        memcpy(parts->point + i * points, row, points * sizeof(double));
        memcpy(parts->distribution + i * rest, row + points, rest * sizeof(double));
    }
    return true;
}

/* The metrics of an outcome whose predictions are wide rows. */
static bool measure_rows(const struct kind_choices *metrics, const struct outcome *outcome,
                         const double *prediction, int64_t width, struct evaluation *evaluation,
                         struct error *error)
{
    scoped(parts_release) struct parts parts = {0};
    struct outcome measured = *outcome;

    measured.prediction = prediction;
    if (outcome->task == TASK_REGRESSION && width > outcome->n_targets) {
        if (!take_apart(outcome, prediction, width, &parts, error))
            return false;
        measured.prediction = parts.point;
        measured.distribution = parts.distribution;
    }
    return measure_all(metrics, &measured, evaluation, error);
}

/* The naive evaluation has the same values in the same order. */
static bool add_naive(const struct kind_choices *metrics, const struct outcome *outcome,
                      const double *naive_row, int64_t width, struct evaluation *evaluation,
                      struct error *error)
{
    scoped(evaluation_release) struct evaluation naive = {0};
    scoped(memory_free) double *prediction =
        calloc((size_t)(outcome->n * width), sizeof(*prediction));

    if (!prediction)
        return error_set(error, ERROR_NO_MEMORY, "measuring naive scores");
    for (int64_t i = 0; i < outcome->n; i++)
        memcpy(prediction + i * width, naive_row, (size_t)width * sizeof(*prediction));
    if (!measure_rows(metrics, outcome, prediction, width, &naive, error))
        return false;
    for (int64_t i = 0; i < evaluation->n_values; i++)
        evaluation->value[i].naive = naive.value[i].value;
    return true;
}

struct truth {
    int32_t *label; /* owned */
    double *target; /* owned */
};

static void truth_release(struct truth *truth)
{
    free(truth->label);
    free(truth->target);
}

static bool gather_truth(const struct sample_set *set, const int64_t *row, int64_t n,
                         struct truth *truth, struct error *error)
{
    int64_t width = set->n_targets;
    bool classes = set->task == TASK_CLASSIFICATION;

    truth->label = calloc((size_t)n, sizeof(*truth->label));
    truth->target = calloc((size_t)(classes ? 1 : n * width), sizeof(*truth->target));
    if (!truth->label || !truth->target)
        return error_set(error, ERROR_NO_MEMORY, "measuring");
    for (int64_t i = 0; i < n; i++) {
        if (classes)
            truth->label[i] = set->label[row[i]];
        else
            memcpy(truth->target + i * width, sample_target(set, row[i]),
                   (size_t)width * sizeof(*truth->target));
    }
    return true;
}

bool metric_evaluate(const struct kind_choices *metrics, const struct sample_set *set,
                     const struct distribution_shape *shape, const int64_t *row, int64_t n,
                     const double *prediction, const double *naive_row,
                     struct evaluation *ret_evaluation, struct error *error)
{
    scoped(evaluation_release) struct evaluation evaluation = {0};
    scoped(truth_release) struct truth truth = {0};
    struct kind_choice item[DEFAULTS_MAX];
    const struct kind_choices defaults = default_metrics(set->task, item);
    const struct kind_choices *wanted = metrics && metrics->n > 0 ? metrics : &defaults;
    int64_t width = metric_width(set, shape);
    struct outcome outcome = {
        .task = set->task,
        .n = n,
        .n_classes = set->n_classes,
        .class_name = set->class_name,
        .n_targets = set->n_targets,
        .target_name = set->target_name,
    };

    if (shape)
        outcome.shape = *shape;
    if (n > 0) {
        if (!gather_truth(set, row, n, &truth, error))
            return false;
        outcome.label = truth.label;
        outcome.target = truth.target;
        if (!measure_rows(wanted, &outcome, prediction, width, &evaluation, error) ||
            (naive_row && !add_naive(wanted, &outcome, naive_row, width, &evaluation, error)))
            return false;
    }
    *ret_evaluation = evaluation;
    evaluation = (struct evaluation){0};
    return true;
}

#define REHEARSAL_ROWS 64

bool metric_rehearse(const struct kind_choices *metrics, const struct sample_set *set,
                     const struct distribution_shape *shape, const struct row_list *train,
                     const struct row_list *rows, struct evaluation *ret_evaluation,
                     struct error *error)
{
    size_t width = (size_t)metric_width(set, shape);
    int64_t n = rows->n < REHEARSAL_ROWS ? rows->n : REHEARSAL_ROWS;
    scoped(row_array_release) struct row_array array = {0};
    scoped(memory_free) double *naive = calloc(width, sizeof(*naive));
    scoped(memory_free) double *prediction = calloc(width * (size_t)n + 1, sizeof(*prediction));

    if (!naive || !prediction)
        return error_set(error, ERROR_NO_MEMORY, "looking for a metric");
    if (!metric_naive_row(set, shape, train, naive, error))
        return false;
    for (int64_t i = 0; i < n; i++)
        memcpy(prediction + (size_t)i * width, naive, width * sizeof(*naive));
    return row_array_open(rows, &array, error) &&
           metric_evaluate(metrics, set, shape, array.row, n, prediction, NULL, ret_evaluation,
                           error);
}

/* ---- reporting ---- */

/* A row's name, where it has one, is its first cell. */
static bool add_row(cJSON *rows, const struct metric_table *table, int64_t i)
{
    cJSON *row = cJSON_CreateDoubleArray(table->cell + i * table->n_columns, (int)table->n_columns);

    return cJSON_AddItemToArray(rows, row) &&
           (!table->row || cJSON_InsertItemInArray(row, 0, cJSON_CreateString(table->row[i])));
}

static bool report_table(const struct metric_table *table, const char *part, struct error *error)
{
    scoped(json_free) cJSON *fields = cJSON_CreateObject();
    char name[METRIC_NAME_SIZE + 32];
    cJSON *columns = NULL, *rows = NULL;
    bool made;

    (void)snprintf(name, sizeof(name), "%s.%s", part, table->name);
    made = fields && json_add_text(fields, "name", name) &&
           (columns = json_add_array(fields, "columns")) &&
           (rows = json_add_array(fields, "rows")) &&
           (!table->row || cJSON_AddItemToArray(columns, cJSON_CreateString("target")));
    for (int64_t i = 0; made && i < table->n_columns; i++)
        made = cJSON_AddItemToArray(columns, cJSON_CreateString(table->column[i]));
    for (int64_t i = 0; made && i < table->n_rows; i++)
        made = add_row(rows, table, i);
    if (!made)
        return error_set(error, ERROR_NO_MEMORY, "reporting %s", name);
    return report_event("table", &fields, error);
}

static bool no_better(const struct metric_value *value)
{
    if (value->goal == GOAL_NONE || strchr(value->name, '[') || isnan(value->naive))
        return false;
    return value->goal == GOAL_MAXIMIZE ? !(value->value > value->naive)
                                        : !(value->value < value->naive);
}

/* One line for all metrics of a part, the same in every run that has the trouble. */
static bool warn_no_better(const struct evaluation *evaluation, const char *part,
                           struct error *error)
{
    scoped(buffer_release) struct buffer names = {0};
    int64_t n = 0;

    for (int64_t i = 0; i < evaluation->n_values; i++)
        if (no_better(&evaluation->value[i]) &&
            !buffer_append_format(&names, error, "%s%s.%s", n++ ? ", " : "", part,
                                  evaluation->value[i].name))
            return false;
    return n == 0 || report_warning(part, (double)n, error,
                                    "%s: no better than predicting without looking", names.data);
}

bool metric_report(const struct evaluation *evaluation, const char *part, struct error *error)
{
    char name[METRIC_NAME_SIZE + 32];

    for (int64_t i = 0; i < evaluation->n_values; i++) {
        const struct metric_value *value = &evaluation->value[i];

        (void)snprintf(name, sizeof(name), "%s.%s", part, value->name);
        if (!report_metric(name, value->goal, value->value, REPORT_FINAL, value->naive, error))
            return false;
    }
    for (int64_t i = 0; i < evaluation->n_tables; i++)
        if (!report_table(&evaluation->table[i], part, error))
            return false;
    return warn_no_better(evaluation, part, error);
}
