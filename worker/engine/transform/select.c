#include "worker/engine/transform/select.h"

#include <stdlib.h>
#include <string.h>

bool select_fit(struct fitting *fitting, const bool *keep, struct error *error)
{
    struct transform *transform = fitting->transform;
    int64_t width = fitting->layout->width, n = 0;
    int64_t *column = calloc((size_t)width + 1, sizeof(*column));

    if (!column)
        return error_set(error, ERROR_NO_MEMORY, "choosing columns");
    for (int64_t i = 0; i < width; i++)
        if (keep[i])
            column[n++] = i;
    free(transform->column);
    transform->column = column;
    transform->n_columns = n;
    if (n == 0)
        return error_set_at(error, ERROR_INVALID, fitting->path, "no column is left");
    if (!transform_give_state(transform, 0, error))
        return false;
    layout_keep(fitting->layout, column, n);
    return true;
}

void select_apply(const struct transform *transform, const struct block *in, struct block *out)
{
    for (int64_t i = 0; i < transform->n_columns; i++)
        memcpy(block_column(out, i), block_column(in, transform->column[i]),
               (size_t)block_rows(in) * sizeof(double));
}
