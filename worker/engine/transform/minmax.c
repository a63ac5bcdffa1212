#include "worker/engine/transform/affine.h"
#include "worker/engine/transform/kinds.h"

#include <math.h>

struct minmax_config {
    struct transform_config base;
    double low, high;
};

static const struct setting minmax_settings[] = {
    TRANSFORM_SETTINGS(struct minmax_config),
    TRANSFORM_FIT_ON(struct minmax_config),
    TRANSFORM_TOGETHER(struct minmax_config),
    SETTING_REAL(struct minmax_config, low, 0, -1e6, 1e6, 0, "",
                 "What the smallest training value becomes."),
    SETTING_REAL(struct minmax_config, high, 1, -1e6, 1e6, 0, "",
                 "What the largest training value becomes."),
    {0},
};

static bool check(const void *config, const char *path, struct error *error)
{
    const struct minmax_config *minmax = config;

    if (minmax->low < minmax->high)
        return true;
    return error_set_at(error, ERROR_INVALID, path, "low (%g) is not below high (%g)", minmax->low,
                        minmax->high);
}

static void choose(const void *config, const struct column_figures *figures,
                   struct column_map *ret_map)
{
    const struct minmax_config *minmax = config;
    double range = figures->maximum - figures->minimum;
    double scale = (minmax->high - minmax->low) / (range > 0 ? range : 1);

    *ret_map = (struct column_map){
        .scale = scale, .offset = minmax->low - figures->minimum * scale, .fill = (double)NAN};
}

static bool fit(struct fitting *fitting, struct error *error)
{
    return affine_fit(fitting, choose, error);
}

const struct transform_kind transform_minmax = {
    .kind = {.name = "minmax",
             .help = "The range of the training rows becomes [low, high]. Has an inverse.",
             .config_size = sizeof(struct minmax_config),
             .settings = minmax_settings,
             .check = check},
    .n_state = AFFINE_STATE,
    .fit = fit,
    .map = affine_map,
    .unmap = affine_unmap,
};
