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
#include "worker/engine/report.h"

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
                          const char *const *column, int64_t n_rows, int64_t n_columns,
                          double **cell, struct error *error)
{
    scoped(memory_free) double *owned = take(cell);
    struct metric_table *list = reallocarray(evaluation->table, (size_t)evaluation->n_tables + 1,
                                             sizeof(*evaluation->table));

    if (!list)
        return error_set(error, ERROR_NO_MEMORY, "measuring");
    evaluation->table = list;
    list[evaluation->n_tables] = (struct metric_table){
        .column = column, .n_rows = n_rows, .n_columns = n_columns, .cell = take(&owned)};
    (void)snprintf(list[evaluation->n_tables].name, METRIC_NAME_SIZE, "%s", name);
    evaluation->n_tables++;
    return true;
}

/* ---- which metrics ---- */

bool metric_check(const struct kind_choices *metrics, enum task task, const char *path,
                  struct error *error)
{
    bool classes = task == TASK_CLASSIFICATION;
    char place[128];

    for (size_t i = 0; i < metrics->n; i++) {
        const struct metric_kind *kind = (const struct metric_kind *)metrics->item[i].kind;

        if (classes ? kind->classification : kind->regression)
            continue;
        (void)snprintf(place, sizeof(place), "%s[%zu]", path, i);
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

void metric_naive_row(const struct sample_set *set, const struct row_list *train, double *ret_row)
{
    int64_t width = width_of(set);

    for (int64_t k = 0; k < width; k++)
        ret_row[k] = 0;
    for (int64_t i = 0; i < train->n; i++) {
        if (set->task == TASK_CLASSIFICATION)
            ret_row[set->label[train->row[i]]]++;
        else
            for (int64_t k = 0; k < width; k++)
                ret_row[k] += set->target[train->row[i] * width + k];
    }
    for (int64_t k = 0; k < width; k++)
        ret_row[k] /= (double)train->n;
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

/* The naive evaluation has the same values in the same order. */
static bool add_naive(const struct kind_choices *metrics, const struct outcome *outcome,
                      const double *naive_row, int64_t width, struct evaluation *evaluation,
                      struct error *error)
{
    scoped(evaluation_release) struct evaluation naive = {0};
    scoped(memory_free) double *prediction =
        calloc((size_t)(outcome->n * width), sizeof(*prediction));
    struct outcome guess = *outcome;

    if (!prediction)
        return error_set(error, ERROR_NO_MEMORY, "measuring naive scores");
    for (int64_t i = 0; i < outcome->n; i++)
        memcpy(prediction + i * width, naive_row, (size_t)width * sizeof(*prediction));
    guess.prediction = prediction;
    if (!measure_all(metrics, &guess, &naive, error))
        return false;
    for (int64_t i = 0; i < evaluation->n_values; i++)
        evaluation->value[i].naive = naive.value[i].value;
    return true;
}

static bool measure_rows(const struct kind_choices *metrics, const struct sample_set *set,
                         const int64_t *row, int64_t n, struct outcome *outcome,
                         const double *naive_row, struct evaluation *evaluation,
                         struct error *error)
{
    int64_t width = width_of(set);
    bool classes = set->task == TASK_CLASSIFICATION;
    scoped(memory_free) int32_t *label = calloc((size_t)n, sizeof(*label));
    scoped(memory_free) double *target = calloc((size_t)(classes ? 1 : n * width), sizeof(*target));

    if (!label || !target)
        return error_set(error, ERROR_NO_MEMORY, "measuring");
    for (int64_t i = 0; i < n; i++) {
        if (classes)
            label[i] = set->label[row[i]];
        else
            memcpy(target + i * width, set->target + row[i] * width,
                   (size_t)width * sizeof(*target));
    }
    outcome->label = label;
    outcome->target = target;
    return measure_all(metrics, outcome, evaluation, error) &&
           (!naive_row || add_naive(metrics, outcome, naive_row, width, evaluation, error));
}

bool metric_evaluate(const struct kind_choices *metrics, const struct sample_set *set,
                     const int64_t *row, int64_t n, const double *prediction,
                     const double *naive_row, struct evaluation *ret_evaluation,
                     struct error *error)
{
    scoped(evaluation_release) struct evaluation evaluation = {0};
    struct kind_choice item[DEFAULTS_MAX];
    struct kind_choices defaults = default_metrics(set->task, item);
    struct outcome outcome = {
        .task = set->task,
        .n = n,
        .n_classes = set->n_classes,
        .class_name = set->class_name,
        .n_targets = set->n_targets,
        .target_name = set->target_name,
        .prediction = prediction,
    };

    if (n > 0 && !measure_rows(metrics && metrics->n > 0 ? metrics : &defaults, set, row, n,
                               &outcome, naive_row, &evaluation, error))
        return false;
    *ret_evaluation = evaluation;
    evaluation = (struct evaluation){0};
    return true;
}

/* ---- reporting ---- */

static bool report_table(const struct metric_table *table, const char *part, struct error *error)
{
    scoped(json_free) cJSON *fields = cJSON_CreateObject();
    char name[METRIC_NAME_SIZE + 32];
    cJSON *columns, *rows;

    (void)snprintf(name, sizeof(name), "%s.%s", part, table->name);
    if (!fields || !json_add_text(fields, "name", name) ||
        !(columns = json_add_array(fields, "columns")) || !(rows = json_add_array(fields, "rows")))
        return error_set(error, ERROR_NO_MEMORY, "reporting %s", name);
    for (int64_t i = 0; i < table->n_columns; i++)
        if (!cJSON_AddItemToArray(columns, cJSON_CreateString(table->column[i])))
            return error_set(error, ERROR_NO_MEMORY, "reporting %s", name);
    for (int64_t i = 0; i < table->n_rows; i++) {
        cJSON *row =
            cJSON_CreateDoubleArray(table->cell + i * table->n_columns, (int)table->n_columns);

        if (!cJSON_AddItemToArray(rows, row))
            return error_set(error, ERROR_NO_MEMORY, "reporting %s", name);
    }
    return report_event("table", &fields, error);
}

static bool no_better(const struct metric_value *value)
{
    if (strchr(value->name, '[') || isnan(value->naive))
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
        if (!report_metric(name, value->value, REPORT_FINAL, value->naive, error))
            return false;
    }
    for (int64_t i = 0; i < evaluation->n_tables; i++)
        if (!report_table(&evaluation->table[i], part, error))
            return false;
    return warn_no_better(evaluation, part, error);
}
