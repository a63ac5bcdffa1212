#include "worker/engine/transform/kinds.h"
#include "worker/engine/transform/row_stream.h"

#include <stdlib.h>

struct frequency_config {
    struct transform_config base;
};

static const struct setting frequency_settings[] = {
    TRANSFORM_SETTINGS(struct frequency_config),
    TRANSFORM_FIT_ON(struct frequency_config),
    {0},
};

/* State: the share of the rows that have category 0, 1, ... */
static bool give_state(struct fitting *fitting, struct error *error)
{
    struct transform *transform = fitting->transform;
    int64_t n = 0;

    transform->first = calloc((size_t)transform->n_columns + 1, sizeof(*transform->first));
    if (!transform->first)
        return error_set(error, ERROR_NO_MEMORY, "fitting transforms");
    for (int64_t i = 0; i < transform->n_columns; i++)
        transform->first[i + 1] = n += fitting->layout->column[transform->column[i]].n_categories;
    transform->state = calloc((size_t)n + 1, sizeof(*transform->state));
    return transform->state || error_set(error, ERROR_NO_MEMORY, "fitting transforms");
}

static bool fit(struct fitting *fitting, struct error *error)
{
    struct transform *transform = fitting->transform;
    const struct block *block;
    int64_t at = 0, rows = 0;

    if (!give_state(fitting, error))
        return false;
    while ((block = row_stream_next(fitting->rows, &at, NULL))) {
        rows += block_rows(block);
        for (int64_t i = 0; i < transform->n_columns; i++) {
            const double *x = block_column(block, transform->column[i]);

            for (int64_t k = 0; k < block_rows(block); k++)
                if (x[k] >= 0)
                    transform_state(transform, i)[(int64_t)x[k]]++;
        }
    }
    for (int64_t i = 0; i < transform->first[transform->n_columns]; i++)
        transform->state[i] /= (double)rows;
    for (int64_t i = 0; i < transform->n_columns; i++)
        fitting->layout->column[transform->column[i]].categorical = false;
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
