/*
 * exoplanet_score: that of the light-curve challenge, of 10000 points.
 *
 *   10^4 - 2 10^6 sum w t |y - t| / sum w      over all rows and targets; w: a weight a target
 */
#include "worker/engine/metric/exoplanet.h"

#include <math.h>

const struct setting exoplanet_metric_settings[] = {
    SETTING_REALS(struct exoplanet_metric_config, weights, 0, 1e9, 0, 1 << 16,
                  "A weight for each target, in their order; none: all 1."),
    {0},
};

bool exoplanet_sums(const struct exoplanet_metric_config *config, const struct outcome *outcome,
                    const char *name, double *ret_lost, double *ret_weight, struct error *error)
{
    const struct setting_reals *weights = &config->weights;

    if (weights->n > 0 && (int64_t)weights->n != outcome->n_targets)
        return error_set_at(error, ERROR_INVALID, "evaluate.metrics",
                            "%s: %zu weights for %lld targets", name, weights->n,
                            (long long)outcome->n_targets);
    *ret_lost = *ret_weight = 0;
    for (int64_t i = 0; i < outcome->n * outcome->n_targets; i++) {
        double weight = weights->n ? weights->item[i % outcome->n_targets] : 1;

        *ret_lost +=
            weight * outcome->target[i] * fabs(outcome->prediction[i] - outcome->target[i]);
        *ret_weight += weight;
    }
    *ret_lost *= 2e6;
    return true;
}

static bool exoplanet_score_measure(const void *config, const struct outcome *outcome,
                                    struct evaluation *evaluation, struct error *error)
{
    static const char name[] = "exoplanet_score";
    double lost, weight;

    return exoplanet_sums(config, outcome, name, &lost, &weight, error) &&
           evaluation_add(evaluation, GOAL_MAXIMIZE, 1e4 - lost / weight, error, name);
}

const struct metric_kind metric_exoplanet_score = {
    .kind = {.name = "exoplanet_score",
             .help = "The light-curve challenge's score, of 10000 points.",
             .config_size = sizeof(struct exoplanet_metric_config),
             .settings = exoplanet_metric_settings},
    .regression = true,
    .goal = GOAL_MAXIMIZE,
    .measure = exoplanet_score_measure,
};
