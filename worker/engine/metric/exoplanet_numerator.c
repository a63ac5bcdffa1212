/*
 * exoplanet_numerator: what the score takes off, before it is divided by the weights.
 *
 *   2 10^6 sum w t |y - t|      over all rows and targets, and so larger the more there are
 */
#include "worker/engine/metric/exoplanet.h"

static bool exoplanet_numerator_measure(const void *config, const struct outcome *outcome,
                                        struct evaluation *evaluation, struct error *error)
{
    static const char name[] = "exoplanet_numerator";
    double lost, weight;

    return exoplanet_sums(config, outcome, name, &lost, &weight, error) &&
           evaluation_add(evaluation, GOAL_MINIMIZE, lost, error, name);
}

const struct metric_kind metric_exoplanet_numerator = {
    .kind = {.name = "exoplanet_numerator",
             .help = "What the light-curve challenge's score takes off, not divided by the sum of "
                     "the weights: it grows with the rows.",
             .config_size = sizeof(struct exoplanet_metric_config),
             .settings = exoplanet_metric_settings},
    .regression = true,
    .goal = GOAL_MINIMIZE,
    .measure = exoplanet_numerator_measure,
};
