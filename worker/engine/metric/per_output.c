/*
 * per_output: a table of each target's errors, and a note in it of those that stand out: whose
 * error, by what predicting the mean would give, is more than half as large again as the median
 * target's.
 */
#include "worker/engine/metric/outcome.h"

#include <math.h>
#include <stdlib.h>

#include "common/owner.h"

enum { RMSE, MAE, BIAS, RELATIVE, OUTLIER, N_COLUMNS };
static const char *const columns[N_COLUMNS] = {"rmse", "mae", "bias", "relative", "outlier"};
#define OUTLYING 1.5

static void measure_target(const struct outcome *outcome, int64_t target, double *row)
{
    double n = (double)outcome->n, mean = 0, deviation = 0, squares = 0;

    for (int64_t i = target; i < outcome->n * outcome->n_targets; i += outcome->n_targets)
        mean += outcome->target[i] / n;
    for (int64_t i = target; i < outcome->n * outcome->n_targets; i += outcome->n_targets) {
        double error = outcome->prediction[i] - outcome->target[i];

        squares += error * error / n;
        deviation += (outcome->target[i] - mean) * (outcome->target[i] - mean) / n;
        row[MAE] += fabs(error) / n;
        row[BIAS] += error / n;
    }
    row[RMSE] = sqrt(squares);
    row[RELATIVE] = sqrt(squares / deviation);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static bool mark_outliers(double *cell, int64_t n, struct error *error)
{
    scoped(memory_free) double *sorted = calloc(n > 0 ? (size_t)n : 1, sizeof(*sorted));
    double median;

    if (!sorted)
        return error_set(error, ERROR_NO_MEMORY, "measuring per_output");
    for (int64_t i = 0; i < n; i++)
        sorted[i] = cell[i * N_COLUMNS + RELATIVE];
    qsort(sorted, (size_t)n, sizeof(*sorted), compare);
    median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
    for (int64_t i = 0; i < n; i++)
        cell[i * N_COLUMNS + OUTLIER] =
            n > 2 && cell[i * N_COLUMNS + RELATIVE] > OUTLYING * median ? 1 : 0;
    return true;
}

static bool per_output_measure(const void *config, const struct outcome *outcome,
                               struct evaluation *evaluation, struct error *error)
{
    int64_t n = outcome->n_targets;
    scoped(memory_free) double *cell = calloc((size_t)(n * N_COLUMNS), sizeof(*cell));

    (void)config;
    if (!cell)
        return error_set(error, ERROR_NO_MEMORY, "measuring per_output");
    for (int64_t target = 0; target < n; target++)
        measure_target(outcome, target, cell + target * N_COLUMNS);
    return mark_outliers(cell, n, error) &&
           evaluation_add_table(evaluation, "per_output", columns, outcome->target_name, n,
                                N_COLUMNS, &cell, error);
}

const struct metric_kind metric_per_output = {
    .kind = {.name = "per_output",
             .help = "Table of each target's errors; relative: by the target's own deviation; "
                     "outlier: 1 where that is over 1.5 times the median target's."},
    .regression = true,
    .goal = GOAL_NONE,
    .measure = per_output_measure,
};
