#include "worker/engine/transform/affine.h"
#include "worker/engine/transform/kinds.h"

#include <math.h>
#include <stdlib.h>

#include "common/owner.h"

enum { BY_MEAN, BY_CONSTANT, BY_MEDIAN };

struct impute_config {
    struct transform_config base;
    int by;
    double value;
};

static const char *const by_names[] = {"mean", "constant", "median", NULL};

static const struct setting impute_settings[] = {
    TRANSFORM_SETTINGS(struct impute_config),
    TRANSFORM_FIT_ON(struct impute_config),
    SETTING_CHOICE(struct impute_config, by, BY_MEAN, by_names,
                   "What stands for a missing value: the mean or the median of the training rows, "
                   "or value."),
    SETTING_REAL(struct impute_config, value, 0, -1e30, 1e30, 0, "", "The constant."),
    {0},
};

static void choose(const void *config, const struct column_figures *figures,
                   struct column_map *ret_map)
{
    const struct impute_config *impute = config;

    *ret_map = (struct column_map){.scale = 1,
                                   .fill = impute->by == BY_MEAN ? figures->mean : impute->value};
}

static bool fit_median(struct fitting *fitting, struct error *error)
{
    static const double half = 0.5;
    struct transform *transform = fitting->transform;
    scoped(memory_free) double *median = calloc((size_t)transform->n_columns + 1, sizeof(*median));

    if (!median)
        return error_set(error, ERROR_NO_MEMORY, "fitting transforms");
    if (!transform_give_state(transform, AFFINE_STATE, error) ||
        !row_stream_quantiles(fitting->rows, transform->column, transform->n_columns, &half, 1,
                              median, error))
        return false;
    for (int64_t i = 0; i < transform->n_columns; i++) {
        if (isnan(median[i]))
            return row_stream_refuse_empty(fitting, i, error);
        affine_set(transform, i, &(struct column_map){.scale = 1, .fill = median[i]});
        fitting->layout->column[transform->column[i]].may_miss = false;
    }
    return true;
}

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct impute_config *config = fitting->config;

    return config->by == BY_MEDIAN ? fit_median(fitting, error)
                                   : affine_fit(fitting, choose, error);
}

const struct transform_kind transform_impute = {
    .kind = {.name = "impute",
             .help =
                 "Fills in missing values; without it a feature with missing values is refused. "
                 "Say indicator before to keep in mind which were missing. Has an inverse.",
             .config_size = sizeof(struct impute_config),
             .settings = impute_settings},
    .n_state = AFFINE_STATE,
    .fit = fit,
    .map = affine_map,
    .unmap = affine_unmap,
};
