/* quantiles: a table of the quantiles of what is true beside those of what was predicted, over all
 * rows of each target: a prediction that cannot reach the ends shows there. */
#include "worker/engine/metric/outcome.h"

#include <stdlib.h>

#include "common/owner.h"

static const double levels[] = {0, 0.05, 0.25, 0.5, 0.75, 0.95, 1};
#define N_LEVELS ((int64_t)(sizeof(levels) / sizeof(levels[0])))
static const char *const columns[] = {"true.min", "true.5%",  "true.25%", "true.median", "true.75%",
                                      "true.95%", "true.max", "min",      "5%",          "25%",
                                      "median",   "75%",      "95%",      "max"};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void fill(const double *value, int64_t n, int64_t stride, double *scratch, double *ret)
{
    for (int64_t i = 0; i < n; i++)
        scratch[i] = value[i * stride];
    qsort(scratch, (size_t)n, sizeof(*scratch), compare);
    for (int64_t i = 0; i < N_LEVELS; i++) {
        double at = levels[i] * (double)(n - 1);
        int64_t below = (int64_t)at, above = below + 1 < n ? below + 1 : below;

        ret[i] = scratch[below] + (at - (double)below) * (scratch[above] - scratch[below]);
    }
}

static bool quantiles_measure(const void *config, const struct outcome *outcome,
                              struct evaluation *evaluation, struct error *error)
{
    int64_t n = outcome->n_targets;
    scoped(memory_free) double *cell = calloc((size_t)(n * 2 * N_LEVELS), sizeof(*cell));
    scoped(memory_free) double *scratch = calloc((size_t)outcome->n, sizeof(*scratch));

    (void)config;
    if (!cell || !scratch)
        return error_set(error, ERROR_NO_MEMORY, "measuring quantiles");
    for (int64_t target = 0; target < n; target++) {
        double *row = cell + target * 2 * N_LEVELS;

        fill(outcome->target + target, outcome->n, n, scratch, row);
        fill(outcome->prediction + target, outcome->n, n, scratch, row + N_LEVELS);
    }
    return evaluation_add_table(evaluation, "quantiles", columns, outcome->target_name, n,
                                2 * N_LEVELS, &cell, error);
}

const struct metric_kind metric_quantiles = {
    .kind = {.name = "quantiles",
             .help = "Table of the quantiles of each target beside those of its predictions."},
    .regression = true,
    .goal = GOAL_NONE,
    .measure = quantiles_measure,
};
