/* r2: 1 - sum (t - y)^2 / sum (t - mean t)^2; of a constant target 1 where all is right, else 0; of
 * one row NAN. */
#include "worker/engine/metric/outcome.h"

#include <math.h>

static double r2_column(const struct outcome *outcome, int64_t target)
{
    double mean = 0, unexplained = 0, all = 0;
    int64_t end = outcome->n * outcome->n_targets;

    if (outcome->n < 2)
        return NAN;
    for (int64_t i = target; i < end; i += outcome->n_targets)
        mean += outcome->target[i];
    mean /= (double)outcome->n;
    for (int64_t i = target; i < end; i += outcome->n_targets) {
        double difference = outcome->target[i] - outcome->prediction[i];
        double deviation = outcome->target[i] - mean;

        unexplained += difference * difference;
        all += deviation * deviation;
    }
    if (all == 0)
        return unexplained == 0 ? 1 : 0;
    return 1 - unexplained / all;
}

static bool r2_measure(const void *config, const struct outcome *outcome,
                       struct evaluation *evaluation, struct error *error)
{
    (void)config;
    return outcome_columns(outcome, "r2", GOAL_MAXIMIZE, r2_column, evaluation, error);
}

const struct metric_kind metric_r2 = {
    .kind = {.name = "r2",
             .help = "Share of the variance that is explained, averaged over the targets."},
    .regression = true,
    .goal = GOAL_MAXIMIZE,
    .measure = r2_measure,
};
