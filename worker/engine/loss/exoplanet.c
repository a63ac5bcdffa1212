/*
 * What the score of the light-curve challenge loses, of 10000 points:
 *
 *   2e6 sum w t |y - t| / sum w      (w: a weight for each target; all values in their own units)
 *
 * taken by 10000, so that 0 is perfect and 1 loses all.
 */
#include "worker/engine/loss/loss.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

struct exoplanet_config {
    struct setting_reals weights;
};

static const struct setting exoplanet_settings[] = {
    SETTING_REALS(struct exoplanet_config, weights, 0, 1e9, 0, 1 << 16,
                  "A weight for each target, in their order; none: all 1."),
    {0},
};

#define POINTS 200 /* 2e6 / 1e4 */

static bool exoplanet_build(struct loss *loss, const char *path, struct error *error)
{
    const struct exoplanet_config *config = loss->config;
    char place[128];

    loss->n_outputs = loss->task.n_targets;
    if (config->weights.n == 0 || (int64_t)config->weights.n == loss->task.n_targets)
        return true;
    (void)snprintf(place, sizeof(place), "%s.weights", path);
    return error_set_at(error, ERROR_INVALID, place, "%zu weights for %" PRId64 " targets",
                        config->weights.n, loss->task.n_targets);
}

/* By the mean over the targets that loss_value_parts takes: sum w / n goes under each. */
static double relative_weight(const struct loss *loss, int64_t target)
{
    const struct setting_reals *weights = &((const struct exoplanet_config *)loss->config)->weights;
    double sum = 0;

    for (size_t i = 0; i < weights->n; i++)
        sum += weights->item[i];
    if (weights->n == 0)
        return 1;
    return sum > 0 ? weights->item[target] * (double)weights->n / sum : 0;
}

static double exoplanet_part(const struct loss *loss, int64_t target, const real *y, double t,
                             double *ret_slope)
{
    double scale = loss_scale(loss, target), difference = (double)*y - t;
    double depth = t * scale + loss_offset(loss, target);
    double weight = POINTS * relative_weight(loss, target) * depth * scale;

    *ret_slope = difference > 0 ? weight : (difference < 0 ? -weight : 0);
    return weight * fabs(difference);
}

static void exoplanet_value(const struct loss *loss, const struct kernel *kernel,
                            const struct tensor *y, const struct loss_truth *truth,
                            struct tensor *dy, double *row_loss, struct loss_sum *sum)
{
    (void)kernel;
    loss_value_parts(loss, exoplanet_part, 1, y, truth, dy, row_loss, sum);
}

const struct loss_kind loss_exoplanet = {
    .kind = {.name = "exoplanet",
             .help =
                 "What the light-curve challenge's score loses of its 10000 points, as a share.",
             .config_size = sizeof(struct exoplanet_config),
             .settings = exoplanet_settings},
    .regression = true,
    .build = exoplanet_build,
    .value = exoplanet_value,
    .predict = loss_predict_points,
};
