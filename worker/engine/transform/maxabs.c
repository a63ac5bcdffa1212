#include "worker/engine/transform/affine.h"
#include "worker/engine/transform/kinds.h"

#include <math.h>

struct maxabs_config {
    struct transform_config base;
};

static const struct setting maxabs_settings[] = {
    TRANSFORM_SETTINGS(struct maxabs_config),
    TRANSFORM_FIT_ON(struct maxabs_config),
    TRANSFORM_TOGETHER(struct maxabs_config),
    {0},
};

static void choose(const void *config, const struct column_figures *figures,
                   struct column_map *ret_map)
{
    double largest = fmax(fabs(figures->minimum), fabs(figures->maximum));

    (void)config;
    *ret_map = (struct column_map){.scale = 1 / (largest > 0 ? largest : 1), .fill = (double)NAN};
}

static bool fit(struct fitting *fitting, struct error *error)
{
    return affine_fit(fitting, choose, error);
}

const struct transform_kind transform_maxabs = {
    .kind = {.name = "maxabs",
             .help = "The largest training value, whatever its sign, becomes 1 or -1; 0 stays 0. "
                     "Has an inverse.",
             .config_size = sizeof(struct maxabs_config),
             .settings = maxabs_settings},
    .n_state = AFFINE_STATE,
    .fit = fit,
    .map = affine_map,
    .unmap = affine_unmap,
};
