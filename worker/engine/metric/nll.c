/* nll: minus the mean logarithm of the predicted density at what is true, in the targets' units. */
#include "worker/engine/metric/outcome.h"

static double nll_column(const struct outcome *outcome, int64_t target)
{
    double sum = 0;

    for (int64_t i = 0; i < outcome->n; i++)
        sum += distribution_nll(&outcome->shape, outcome_distribution(outcome, i, target),
                                outcome->target[i * outcome->n_targets + target]);
    return sum / (double)outcome->n;
}

static bool nll_measure(const void *config, const struct outcome *outcome,
                        struct evaluation *evaluation, struct error *error)
{
    (void)config;
    return outcome_columns(outcome, "nll", GOAL_MINIMIZE, nll_column, evaluation, error);
}

const struct metric_kind metric_nll = {
    .kind = {.name = "nll",
             .help = "Minus the mean logarithm of the predicted density, averaged over the "
                     "targets."},
    .regression = true,
    .needs = METRIC_NEEDS_DENSITY,
    .goal = GOAL_MINIMIZE,
    .measure = nll_measure,
};
