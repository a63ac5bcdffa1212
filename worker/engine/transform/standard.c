#include "worker/engine/transform/affine.h"
#include "worker/engine/transform/kinds.h"

#include <math.h>

struct standard_config {
    struct transform_config base;
};

static const struct setting standard_settings[] = {
    TRANSFORM_SETTINGS(struct standard_config),
    {0},
};

static void choose(const void *config, const struct column_figures *figures,
                   struct column_map *ret_map)
{
    double sd = figures->sd > 0 ? figures->sd : 1;

    (void)config;
    *ret_map =
        (struct column_map){.scale = 1 / sd, .offset = -figures->mean / sd, .fill = (double)NAN};
}

static bool fit(struct fitting *fitting, struct error *error)
{
    return affine_fit(fitting, choose, error);
}

const struct transform_kind transform_standard = {
    .kind = {.name = "standard",
             .help = "Mean 0 and standard deviation 1 over the training rows.",
             .config_size = sizeof(struct standard_config),
             .settings = standard_settings},
    .n_state = AFFINE_STATE,
    .fit = fit,
    .map = affine_map,
    .unmap = affine_unmap,
};
