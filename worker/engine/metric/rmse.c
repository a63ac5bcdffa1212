/* rmse: sqrt(mean (t - y)^2). */
#include "worker/engine/metric/outcome.h"

#include <math.h>

static double rmse_column(const struct outcome *outcome, int64_t target)
{
    double sum = 0;

    for (int64_t i = target; i < outcome->n * outcome->n_targets; i += outcome->n_targets) {
        double difference = outcome->target[i] - outcome->prediction[i];

        sum += difference * difference;
    }
    return sqrt(sum / (double)outcome->n);
}

static bool rmse_measure(const void *config, const struct outcome *outcome,
                         struct evaluation *evaluation, struct error *error)
{
    (void)config;
    return outcome_columns(outcome, "rmse", GOAL_MINIMIZE, rmse_column, evaluation, error);
}

const struct metric_kind metric_rmse = {
    .kind = {.name = "rmse", .help = "Root of the mean squared error, averaged over the targets."},
    .regression = true,
    .goal = GOAL_MINIMIZE,
    .measure = rmse_measure,
};
