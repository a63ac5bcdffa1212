#include "worker/engine/transform/affine.h"
#include "worker/engine/transform/kinds.h"

#include <math.h>

struct scale_config {
    struct transform_config base;
    double add, multiply;
};

static const struct setting scale_settings[] = {
    TRANSFORM_SETTINGS(struct scale_config),
    SETTING_REAL(struct scale_config, add, 0, -1e30, 1e30, 0, "", "Added first."),
    SETTING_REAL(struct scale_config, multiply, 1, -1e30, 1e30, 0, "", "The factor after that."),
    {0},
};

static bool check(const void *config, const char *path, struct error *error)
{
    const struct scale_config *scale = config;

    return scale->multiply != 0 || error_set_at(error, ERROR_INVALID, path, "multiply is 0");
}

static void choose(const void *config, const struct column_figures *figures,
                   struct column_map *ret_map)
{
    const struct scale_config *scale = config;

    (void)figures;
    *ret_map = (struct column_map){
        .scale = scale->multiply, .offset = scale->add * scale->multiply, .fill = (double)NAN};
}

static bool fit(struct fitting *fitting, struct error *error)
{
    return affine_fit(fitting, choose, error);
}

const struct transform_kind transform_scale = {
    .kind = {.name = "scale",
             .help = "By figures of one's own: multiply * (value + add). Has an inverse.",
             .config_size = sizeof(struct scale_config),
             .settings = scale_settings,
             .check = check},
    .n_state = AFFINE_STATE,
    .grows = true,
    .fit = fit,
    .map = affine_map,
    .unmap = affine_unmap,
};
