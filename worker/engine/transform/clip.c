#include "worker/engine/transform/element.h"
#include "worker/engine/transform/kinds.h"

struct clip_config {
    struct transform_config base;
    double low, high;
};

static const struct setting clip_settings[] = {
    TRANSFORM_SETTINGS(struct clip_config),
    SETTING_REAL(struct clip_config, low, -1e300, -1e300, 1e300, 0, "",
                 "What is lower becomes it."),
    SETTING_REAL(struct clip_config, high, 1e300, -1e300, 1e300, 0, "",
                 "What is higher becomes it."),
    {0},
};

static bool check(const void *config, const char *path, struct error *error)
{
    const struct clip_config *clip = config;

    if (clip->low < clip->high)
        return true;
    return error_set_at(error, ERROR_INVALID, path, "low (%g) is not below high (%g)", clip->low,
                        clip->high);
}

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct clip_config *config = fitting->config;

    if (!transform_give_state(fitting->transform, 2, error))
        return false;
    for (int64_t i = 0; i < fitting->transform->n_columns; i++) {
        transform_state(fitting->transform, i)[0] = config->low;
        transform_state(fitting->transform, i)[1] = config->high;
    }
    return true;
}

const struct transform_kind transform_clip = {
    .kind = {.name = "clip",
             .help = "Values are kept within limits of one's own.",
             .config_size = sizeof(struct clip_config),
             .settings = clip_settings,
             .check = check},
    .n_state = 2,
    .fit = fit,
    .map = element_clip,
};
