#include "worker/engine/transform/element.h"
#include "worker/engine/transform/kinds.h"
#include "worker/engine/transform/row_stream.h"

#include <math.h>

struct winsorise_config {
    struct transform_config base;
    double low, high;
};

static const struct setting winsorise_settings[] = {
    TRANSFORM_SETTINGS(struct winsorise_config),
    TRANSFORM_FIT_ON(struct winsorise_config),
    SETTING_REAL(struct winsorise_config, low, 0.01, 0, 1, 0, "",
                 "The quantile of the training values, interpolated between neighbours, that lower "
                 "ones become."),
    SETTING_REAL(struct winsorise_config, high, 0.99, 0, 1, 0, "",
                 "The one that higher ones become."),
    {0},
};

static bool check(const void *config, const char *path, struct error *error)
{
    const struct winsorise_config *winsorise = config;

    if (winsorise->low < winsorise->high)
        return true;
    return error_set_at(error, ERROR_INVALID, path, "low (%g) is not below high (%g)",
                        winsorise->low, winsorise->high);
}

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct winsorise_config *config = fitting->config;
    struct transform *transform = fitting->transform;
    const double fraction[] = {config->low, config->high};

    if (!transform_give_state(transform, 2, error) ||
        !row_stream_quantiles(fitting->rows, transform->column, transform->n_columns, fraction, 2,
                              transform->state, error))
        return false;
    for (int64_t i = 0; i < transform->n_columns; i++)
        if (isnan(transform_state(transform, i)[0]))
            return row_stream_refuse_empty(fitting, i, error);
    return true;
}

const struct transform_kind transform_winsorise = {
    .kind = {.name = "winsorise",
             .help = "Values are kept between two quantiles of the training rows.",
             .config_size = sizeof(struct winsorise_config),
             .settings = winsorise_settings,
             .check = check},
    .n_state = 2,
    .fit = fit,
    .map = element_clip,
};
