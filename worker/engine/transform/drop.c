#include "worker/engine/transform/kinds.h"
#include "worker/engine/transform/select.h"

#include <stdlib.h>

#include "common/owner.h"

struct drop_config {
    struct transform_config base;
};

static const struct setting drop_settings[] = {
    TRANSFORM_SETTINGS(struct drop_config),
    {0},
};

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct transform *chosen = fitting->transform;
    int64_t width = fitting->layout->width;
    scoped(memory_free) bool *keep = calloc((size_t)width + 1, sizeof(*keep));

    if (!keep)
        return error_set(error, ERROR_NO_MEMORY, "choosing columns");
    for (int64_t i = 0; i < width; i++)
        keep[i] = true;
    for (int64_t i = 0; i < chosen->n_columns; i++)
        keep[chosen->column[i]] = false;
    return select_fit(fitting, keep, error);
}

const struct transform_kind transform_drop = {
    .kind = {.name = "drop",
             .help = "Drops these columns.",
             .config_size = sizeof(struct drop_config),
             .settings = drop_settings},
    .sort = LAYOUT_ANY,
    .fit = fit,
    .apply = select_apply,
};
