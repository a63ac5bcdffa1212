/*
 * exoplanet_score: that of the light-curve challenge, of 10000 points.
 *
 *   10^4 - 2 10^6 sum w t |y - t| / sum w      over all rows and targets; w: a weight a target
 */
#include "worker/engine/metric/outcome.h"

#include <math.h>
#include <stdio.h>

struct exoplanet_score_config {
    struct setting_reals weights;
};

static const struct setting exoplanet_score_settings[] = {
    SETTING_REALS(struct exoplanet_score_config, weights, 0, 1e9, 0, 1 << 16,
                  "A weight for each target, in their order; none: all 1."),
    {0},
};

static bool exoplanet_score_measure(const void *config, const struct outcome *outcome,
                                    struct evaluation *evaluation, struct error *error)
{
    const struct setting_reals *weights = &((const struct exoplanet_score_config *)config)->weights;
    double sum = 0, total = 0;

    if (weights->n > 0 && (int64_t)weights->n != outcome->n_targets)
        return error_set_at(error, ERROR_INVALID, "evaluate.metrics",
                            "exoplanet_score: %zu weights for %lld targets", weights->n,
                            (long long)outcome->n_targets);
    for (int64_t i = 0; i < outcome->n * outcome->n_targets; i++) {
        double weight = weights->n ? weights->item[i % outcome->n_targets] : 1;

        sum += weight * outcome->target[i] * fabs(outcome->prediction[i] - outcome->target[i]);
        total += weight;
    }
    return evaluation_add(evaluation, GOAL_MAXIMIZE, 1e4 - 2e6 * sum / total, error,
                          "exoplanet_score");
}

const struct metric_kind metric_exoplanet_score = {
    .kind = {.name = "exoplanet_score",
             .help = "The light-curve challenge's score, of 10000 points.",
             .config_size = sizeof(struct exoplanet_score_config),
             .settings = exoplanet_score_settings},
    .regression = true,
    .goal = GOAL_MAXIMIZE,
    .measure = exoplanet_score_measure,
};
