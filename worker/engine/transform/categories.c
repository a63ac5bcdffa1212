#include "worker/engine/transform/categories.h"

#include <stdlib.h>

#include "worker/engine/transform/row_stream.h"

static bool give_state(struct fitting *fitting, int64_t before, struct error *error)
{
    struct transform *transform = fitting->transform;
    int64_t n = 0;

    transform->first = calloc((size_t)transform->n_columns + 1, sizeof(*transform->first));
    if (!transform->first)
        return error_set(error, ERROR_NO_MEMORY, "fitting transforms");
    for (int64_t i = 0; i < transform->n_columns; i++)
        transform->first[i + 1] = n +=
            before + fitting->layout->column[transform->column[i]].n_categories;
    transform->state = calloc((size_t)n + 1, sizeof(*transform->state));
    return transform->state || error_set(error, ERROR_NO_MEMORY, "fitting transforms");
}

bool categories_count(struct fitting *fitting, int64_t before, int64_t *ret_rows,
                      struct error *error)
{
    struct transform *transform = fitting->transform;
    const struct block *block;
    int64_t at = 0, rows = 0;

    if (!give_state(fitting, before, error))
        return false;
    while ((block = row_stream_next(fitting->rows, &at, NULL))) {
        rows += block_rows(block);
        for (int64_t i = 0; i < transform->n_columns; i++) {
            const double *x = block_column(block, transform->column[i]);

            for (int64_t k = 0; k < block_rows(block); k++)
                if (x[k] >= 0)
                    transform_state(transform, i)[before + (int64_t)x[k]]++;
        }
    }
    for (int64_t i = 0; i < transform->n_columns; i++)
        fitting->layout->column[transform->column[i]].categorical = false;
    *ret_rows = rows;
    return true;
}
