/* mae: mean |t - y|. */
#include "worker/engine/metric/outcome.h"

#include <math.h>

static double mae_column(const struct outcome *outcome, int64_t target)
{
    double sum = 0;

    for (int64_t i = target; i < outcome->n * outcome->n_targets; i += outcome->n_targets)
        sum += fabs(outcome->target[i] - outcome->prediction[i]);
    return sum / (double)outcome->n;
}

static bool mae_measure(const void *config, const struct outcome *outcome,
                        struct evaluation *evaluation, struct error *error)
{
    (void)config;
    return outcome_columns(outcome, "mae", GOAL_MINIMIZE, mae_column, evaluation, error);
}

const struct metric_kind metric_mae = {
    .kind = {.name = "mae", .help = "Mean absolute error, averaged over the targets."},
    .regression = true,
    .goal = GOAL_MINIMIZE,
    .measure = mae_measure,
};
