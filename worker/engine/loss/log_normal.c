/*
 * A mixture of log-normal densities for each target: x = (ln t - center) / spread is trained on,
 * and the likelihood is that of x. The ranked probability score is in the target's own units.
 */
#include "worker/engine/loss/mixture.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/owner.h"

struct log_normal_config {
    int64_t components; /* as struct mixture_config */
    int sigma, score, point;
    double floor;
    struct setting_reals center, spread; /* [n_targets] once fitted */
};

static const struct setting log_normal_settings[] = {
    MIXTURE_SETTINGS(struct log_normal_config),
    SETTING_REALS(struct log_normal_config, center, -1e300, 1e300, 0, 1 << 16,
                  "For each target the mean of its logarithm; left out: of the training rows."),
    SETTING_REALS(struct log_normal_config, spread, 1e-300, 1e300, 0, 1 << 16,
                  "For each target the deviation of its logarithm; left out: of the training "
                  "rows."),
    {0},
};

static bool check_numbers(const struct loss *loss, const struct setting_reals *reals,
                          const char *path, const char *name, struct error *error)
{
    char place[128];

    if (reals->n == 0 || (int64_t)reals->n == loss->task.n_targets)
        return true;
    (void)snprintf(place, sizeof(place), "%s.%s", path, name);
    return error_set_at(error, ERROR_INVALID, place, "%zu numbers for %" PRId64 " targets",
                        reals->n, loss->task.n_targets);
}

static bool log_normal_build(struct loss *loss, const char *path, struct error *error)
{
    const struct log_normal_config *config = loss->config;

    return check_numbers(loss, &config->center, path, "center", error) &&
           check_numbers(loss, &config->spread, path, "spread", error) &&
           mixture_build(loss, DISTRIBUTION_LOG_NORMAL);
}

static struct mixture_units units_of(const struct loss *loss, int64_t target)
{
    const struct log_normal_config *config = loss->config;

    return (struct mixture_units){config->center.n ? config->center.item[target] : 0,
                                  config->spread.n ? config->spread.item[target] : 1};
}

/* ---- fitting ---- */

static bool fill(struct setting_reals *reals, size_t n, const double *value, struct error *error)
{
    if (reals->n > 0)
        return true;
    reals->item = calloc(n, sizeof(*reals->item));
    if (!reals->item)
        return error_set(error, ERROR_NO_MEMORY, "fitting log_normal");
    reals->n = n;
    for (size_t i = 0; i < n; i++)
        reals->item[i] = value[i];
    return true;
}

static bool fit_target(const struct sample_set *set, const struct row_list *told, int64_t target,
                       double *ret_center, double *ret_spread, struct error *error)
{
    double sum = 0, squares = 0, n = (double)told->n;

    for (int pass = 0; pass < 2; pass++)
        for (struct row_walk at = {.list = told}; row_walk(&at);) {
            double value = sample_target(set, at.row)[target];

            if (!(value > 0))
                return error_set_at(error, ERROR_INVALID, "train.loss",
                                    "log_normal needs targets above 0, but one of %s is %g",
                                    set->target_name[target], value);
            if (pass == 0)
                sum += log(value);
            else
                squares += (log(value) - sum / n) * (log(value) - sum / n);
        }
    *ret_center = sum / n;
    *ret_spread = squares > 0 ? sqrt(squares / n) : 1;
    return true;
}

static bool log_normal_fit(void *config, const struct sample_set *set, const struct row_list *told,
                           struct error *error)
{
    struct log_normal_config *log_normal = config;
    size_t n = (size_t)set->n_targets;
    scoped(memory_free) double *center = calloc(n, sizeof(*center));
    scoped(memory_free) double *spread = calloc(n, sizeof(*spread));

    if (!center || !spread)
        return error_set(error, ERROR_NO_MEMORY, "fitting log_normal");
    for (size_t i = 0; i < n; i++)
        if (!fit_target(set, told, (int64_t)i, &center[i], &spread[i], error))
            return false;
    return fill(&log_normal->center, n, center, error) &&
           fill(&log_normal->spread, n, spread, error);
}

/* ---- values ---- */

static double log_normal_part(const struct loss *loss, int64_t target, const real *y, double t,
                              double *ret_slope)
{
    const struct mixture_units units = units_of(loss, target);

    return mixture_part(loss, y, (log(t) - units.offset) / units.scale, t, units, ret_slope);
}

static void log_normal_value(const struct loss *loss, const struct kernel *kernel,
                             const struct tensor *y, const struct loss_truth *truth,
                             struct tensor *dy, double *row_loss, struct loss_sum *sum)
{
    (void)kernel;
    loss_value_parts(loss, log_normal_part, loss->n_outputs / loss->task.n_targets, y, truth, dy,
                     row_loss, sum);
}

static void log_normal_predict(const struct loss *loss, const struct tensor *y, double *prediction)
{
    mixture_predict(loss, y, units_of, prediction);
}

const struct loss_kind loss_log_normal = {
    .kind = {.name = "log_normal",
             .help = "A mixture of log-normal densities, for targets above 0.",
             .config_size = sizeof(struct log_normal_config),
             .settings = log_normal_settings},
    .regression = true,
    .unscaled = true,
    .build = log_normal_build,
    .fit = log_normal_fit,
    .value = log_normal_value,
    .predict = log_normal_predict,
};
