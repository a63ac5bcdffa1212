/*
 * Quantiles: an output for each level, by the pinball loss.
 *
 *   level q: q (t - y) where t >= y, else (1 - q) (y - t); the mean over the levels
 */
#include "worker/engine/loss/loss.h"

#include <math.h>
#include <stdio.h>

struct quantile_config {
    struct setting_reals levels;
};

static const struct setting quantile_settings[] = {
    SETTING_REALS(struct quantile_config, levels, 0, 1, 0, DISTRIBUTION_PARTS_MAX,
                  "Which quantiles, between 0 and 1, rising; left out: 0.1, 0.5, 0.9."),
    {0},
};

static const double usual[] = {0.1, 0.5, 0.9};

static const double *levels_of(const struct quantile_config *config, int64_t *ret_n)
{
    *ret_n = config->levels.n > 0 ? (int64_t)config->levels.n : 3;
    return config->levels.n > 0 ? config->levels.item : usual;
}

static bool quantile_check(const void *config, const char *path, struct error *error)
{
    int64_t n;
    const double *level = levels_of(config, &n);
    char place[128];

    (void)snprintf(place, sizeof(place), "%s.levels", path);
    for (int64_t i = 0; i < n; i++)
        if (level[i] <= 0 || level[i] >= 1 || (i > 0 && level[i] <= level[i - 1]))
            return error_set_at(error, ERROR_INVALID, place,
                                "levels lie between 0 and 1 and rise, but number %d is %g",
                                (int)i + 1, level[i]);
    return true;
}

static bool quantile_build(struct loss *loss, const char *path, struct error *error)
{
    (void)path, (void)error;
    loss->distribution.family = DISTRIBUTION_QUANTILES;
    loss->distribution.level = levels_of(loss->config, &loss->distribution.n);
    loss->n_outputs = loss->task.n_targets * loss->distribution.n;
    return true;
}

static double quantile_part(const struct loss *loss, int64_t target, const real *y, double t,
                            double *ret_slope)
{
    const struct distribution_shape *shape = &loss->distribution;
    double sum = 0;

    (void)target;
    for (int64_t i = 0; i < shape->n; i++) {
        double slope = t >= (double)y[i] ? -shape->level[i] : 1 - shape->level[i];

        ret_slope[i] = slope / (double)shape->n;
        sum += slope * ((double)y[i] - t);
    }
    return sum / (double)shape->n;
}

static void quantile_value(const struct loss *loss, const struct kernel *kernel,
                           const struct tensor *y, const struct loss_truth *truth,
                           struct tensor *dy, double *row_loss, struct loss_sum *sum)
{
    (void)kernel;
    loss_value_parts(loss, quantile_part, loss->distribution.n, y, truth, dy, row_loss, sum);
}

/* Outputs that cross are put in order: a quantile is never above a higher one. */
static void put_in_order(double *value, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        for (int64_t k = i; k > 0 && value[k] < value[k - 1]; k--) {
            double swapped = value[k];

            value[k] = value[k - 1];
            value[k - 1] = swapped;
        }
}

static void quantile_predict(const struct loss *loss, const struct tensor *y, double *prediction)
{
    const struct distribution_shape *shape = &loss->distribution;
    int64_t n = loss->task.n_targets;
    const real *output = y->data;

    for (int64_t row = 0; row < loss_rows(y); row++, prediction += loss->n_predicted) {
        for (int64_t k = 0; k < n; k++, output += shape->n) {
            double *value = prediction + n + k * shape->n;

            for (int64_t i = 0; i < shape->n; i++)
                value[i] = (double)output[i] * loss_scale(loss, k) + loss_offset(loss, k);
            put_in_order(value, shape->n);
            prediction[k] = distribution_quantile(shape, value, 0.5);
        }
    }
}

const struct loss_kind loss_quantile = {
    .kind = {.name = "quantile",
             .help = "Quantiles of what the target may be, an output for each.",
             .config_size = sizeof(struct quantile_config),
             .settings = quantile_settings,
             .check = quantile_check},
    .regression = true,
    .build = quantile_build,
    .value = quantile_value,
    .predict = quantile_predict,
};
