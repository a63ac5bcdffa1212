/* crps: the mean continuous ranked probability score, in closed form (distribution.c); of a loss
 * that predicts a point it is the mean absolute error. */
#include "worker/engine/metric/outcome.h"

#include <math.h>

static double crps_column(const struct outcome *outcome, int64_t target)
{
    double sum = 0;

    for (int64_t i = 0; i < outcome->n; i++) {
        int64_t at = i * outcome->n_targets + target;

        sum += outcome->distribution
                   ? distribution_crps(&outcome->shape, outcome_distribution(outcome, i, target),
                                       outcome->target[at])
                   : fabs(outcome->target[at] - outcome->prediction[at]);
    }
    return sum / (double)outcome->n;
}

static bool crps_measure(const void *config, const struct outcome *outcome,
                         struct evaluation *evaluation, struct error *error)
{
    (void)config;
    return outcome_columns(outcome, "crps", GOAL_MINIMIZE, crps_column, evaluation, error);
}

const struct metric_kind metric_crps = {
    .kind = {.name = "crps",
             .help = "Continuous ranked probability score of predicted distributions, averaged "
                     "over the targets; of quantiles as if there were straight lines between them "
                     "and nothing beyond; of points the absolute error."},
    .regression = true,
    .goal = GOAL_MINIMIZE,
    .measure = crps_measure,
};
