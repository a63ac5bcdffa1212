#include "worker/engine/transform/affine.h"
#include "worker/engine/transform/kinds.h"

enum { BY_MEAN, BY_CONSTANT };

struct impute_config {
    struct transform_config base;
    int by;
    double value;
};

static const char *const by_names[] = {"mean", "constant", NULL};

static const struct setting impute_settings[] = {
    TRANSFORM_SETTINGS(struct impute_config),
    SETTING_CHOICE(struct impute_config, by, BY_MEAN, by_names,
                   "What stands for a missing value: the mean of the training rows, or value."),
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

static bool fit(struct fitting *fitting, struct error *error)
{
    return affine_fit(fitting, choose, error);
}

const struct transform_kind transform_impute = {
    .kind = {.name = "impute",
             .help =
                 "Fills in missing values; without it a feature with missing values is refused.",
             .config_size = sizeof(struct impute_config),
             .settings = impute_settings},
    .n_state = AFFINE_STATE,
    .fit = fit,
    .map = affine_map,
    .unmap = affine_unmap,
};
