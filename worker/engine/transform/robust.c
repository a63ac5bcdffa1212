#include "worker/engine/transform/affine.h"
#include "worker/engine/transform/kinds.h"

#include <math.h>
#include <stdlib.h>

#include "common/owner.h"

struct robust_config {
    struct transform_config base;
    double low, high;
};

static const struct setting robust_settings[] = {
    TRANSFORM_SETTINGS(struct robust_config),
    TRANSFORM_FIT_ON(struct robust_config),
    SETTING_REAL(struct robust_config, low, 0.25, 0, 1, 0, "", "Share of the values below."),
    SETTING_REAL(struct robust_config, high, 0.75, 0, 1, 0, "", "Share of the values below."),
    {0},
};

static bool check(const void *config, const char *path, struct error *error)
{
    const struct robust_config *robust = config;

    if (robust->low < robust->high)
        return true;
    return error_set_at(error, ERROR_INVALID, path, "low (%g) is not below high (%g)", robust->low,
                        robust->high);
}

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct robust_config *config = fitting->config;
    struct transform *transform = fitting->transform;
    const double fraction[] = {config->low, 0.5, config->high};
    scoped(memory_free) double *quantile =
        calloc(3 * (size_t)transform->n_columns + 1, sizeof(*quantile));

    if (!quantile)
        return error_set(error, ERROR_NO_MEMORY, "fitting transforms");
    if (!transform_give_state(transform, AFFINE_STATE, error) ||
        !row_stream_quantiles(fitting->rows, transform->column, transform->n_columns, fraction, 3,
                              quantile, error))
        return false;
    for (int64_t i = 0; i < transform->n_columns; i++) {
        const double *q = quantile + 3 * i;
        double range = q[2] - q[0];

        if (isnan(q[1]))
            return row_stream_refuse_empty(fitting, i, error);
        affine_set(transform, i,
                   &(struct column_map){.scale = 1 / (range > 0 ? range : 1),
                                        .offset = -q[1] / (range > 0 ? range : 1),
                                        .fill = (double)NAN});
    }
    return true;
}

const struct transform_kind transform_robust = {
    .kind = {.name = "robust",
             .help = "The median becomes 0, and the range between two quantiles 1: outliers do not "
                     "count. Has an inverse.",
             .config_size = sizeof(struct robust_config),
             .settings = robust_settings,
             .check = check},
    .n_state = AFFINE_STATE,
    .fit = fit,
    .map = affine_map,
    .unmap = affine_unmap,
};
