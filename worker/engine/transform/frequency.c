#include "worker/engine/transform/categories.h"
#include "worker/engine/transform/kinds.h"

struct frequency_config {
    struct transform_config base;
};

static const struct setting frequency_settings[] = {
    TRANSFORM_SETTINGS(struct frequency_config),
    TRANSFORM_FIT_ON(struct frequency_config),
    {0},
};

/* State: the share of the rows that have category 0, 1, ... */
static bool fit(struct fitting *fitting, struct error *error)
{
    struct transform *transform = fitting->transform;
    int64_t rows;

    if (!categories_count(fitting, 0, &rows, error))
        return false;
    for (int64_t i = 0; i < transform->first[transform->n_columns]; i++)
        transform->state[i] /= (double)rows;
    return true;
}

static void map(const double *state, int64_t n_state, double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = x[i] >= 0 && x[i] < (double)n_state ? state[(int64_t)x[i]] : 0;
}

const struct transform_kind transform_frequency = {
    .kind = {.name = "frequency",
             .help =
                 "A category becomes the share of the training rows that have it; 0 where it is "
                 "missing or was never seen.",
             .config_size = sizeof(struct frequency_config),
             .settings = frequency_settings},
    .sort = LAYOUT_CATEGORIES,
    .n_state = TRANSFORM_STATE_VARIES,
    .fit = fit,
    .map = map,
};
