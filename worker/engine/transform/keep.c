#include "worker/engine/transform/kinds.h"
#include "worker/engine/transform/select.h"

#include <stdlib.h>

#include "common/owner.h"

struct keep_config {
    struct transform_config base;
    int64_t every, offset;
};

static const struct setting keep_settings[] = {
    TRANSFORM_SETTINGS(struct keep_config),
    SETTING_INTEGER(struct keep_config, every, 1, 1, 1000000, "columns",
                    "Of those, keep only every so many-th."),
    SETTING_INTEGER(struct keep_config, offset, 0, 0, 1000000, "columns",
                    "The first of those to be kept, from 0."),
    {0},
};

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct keep_config *config = fitting->config;
    const struct transform *chosen = fitting->transform;
    scoped(memory_free) bool *keep = calloc((size_t)fitting->layout->width + 1, sizeof(*keep));

    if (!keep)
        return error_set(error, ERROR_NO_MEMORY, "choosing columns");
    for (int64_t i = config->offset; i < chosen->n_columns; i += config->every)
        keep[chosen->column[i]] = true;
    return select_fit(fitting, keep, error);
}

const struct transform_kind transform_keep = {
    .kind = {.name = "keep",
             .help = "Keeps these columns and drops all others.",
             .config_size = sizeof(struct keep_config),
             .settings = keep_settings},
    .sort = LAYOUT_ANY,
    .fit = fit,
    .apply = select_apply,
};
