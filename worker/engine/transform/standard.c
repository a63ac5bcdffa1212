#include "worker/engine/transform/affine.h"
#include "worker/engine/transform/kinds.h"

#include <math.h>

struct standard_config {
    struct transform_config base;
    bool center, divide;
};

static const struct setting standard_settings[] = {
    TRANSFORM_SETTINGS(struct standard_config),
    TRANSFORM_FIT_ON(struct standard_config),
    TRANSFORM_TOGETHER(struct standard_config),
    SETTING_BOOLEAN(struct standard_config, center, true, "Whether the mean becomes 0."),
    SETTING_BOOLEAN(struct standard_config, divide, true,
                    "Whether the standard deviation becomes 1."),
    {0},
};

static void choose(const void *config, const struct column_figures *figures,
                   struct column_map *ret_map)
{
    const struct standard_config *standard = config;
    double sd = figures->sd > 0 && standard->divide ? figures->sd : 1;
    double center = standard->center ? figures->mean : 0;

    *ret_map = (struct column_map){.scale = 1 / sd, .offset = -center / sd, .fill = (double)NAN};
}

static bool fit(struct fitting *fitting, struct error *error)
{
    return affine_fit(fitting, choose, error);
}

const struct transform_kind transform_standard = {
    .kind = {.name = "standard",
             .help = "Mean 0 and standard deviation 1 over the training rows. Has an inverse.",
             .config_size = sizeof(struct standard_config),
             .settings = standard_settings},
    .n_state = AFFINE_STATE,
    .fit = fit,
    .map = affine_map,
    .unmap = affine_unmap,
};
