/* What the metrics of the light-curve challenge have in common. */
#ifndef NIGHTJAR_WORKER_ENGINE_METRIC_EXOPLANET_H
#define NIGHTJAR_WORKER_ENGINE_METRIC_EXOPLANET_H

#include "worker/engine/metric/outcome.h"

struct exoplanet_metric_config {
    struct setting_reals weights;
};
extern const struct setting exoplanet_metric_settings[];

/* 2 10^6 sum w t |y - t|, and sum w. INVALID where there is not a weight for each target; `name`:
 * the metric's. */
bool exoplanet_sums(const struct exoplanet_metric_config *config, const struct outcome *outcome,
                    const char *name, double *ret_lost, double *ret_weight, struct error *error);

#endif
