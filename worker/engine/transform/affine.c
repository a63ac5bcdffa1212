#include "worker/engine/transform/affine.h"

#include <math.h>
#include <stdlib.h>

#include "common/owner.h"

enum { SCALE, OFFSET, FILL };

static double apply(const double *state, double x)
{
    return isnan(x) ? state[FILL] : state[SCALE] * x + state[OFFSET];
}

struct column_map affine_compose(const struct column_map *first, const double *then_state)
{
    return (struct column_map){.scale = first->scale * then_state[SCALE],
                               .offset = first->offset * then_state[SCALE] + then_state[OFFSET],
                               .fill = apply(then_state, first->fill)};
}

void affine_map(const double *state, int64_t n_state, double *x, int64_t n)
{
    (void)n_state;
    for (int64_t i = 0; i < n; i++)
        x[i] = apply(state, x[i]);
}

void affine_unmap(const double *state, int64_t n_state, double *x, int64_t n)
{
    (void)n_state;
    for (int64_t i = 0; i < n; i++)
        x[i] = (x[i] - state[OFFSET]) / state[SCALE];
}

bool affine_fit(struct fitting *fitting,
                void (*fit)(const void *config, const struct column_figures *figures,
                            struct column_map *ret_map),
                struct error *error)
{
    struct transform *transform = fitting->transform;
    scoped(memory_free) struct column_figures *figures =
        calloc((size_t)transform->n_columns + 1, sizeof(*figures));

    if (!figures)
        return error_set(error, ERROR_NO_MEMORY, "fitting transforms");
    if (!transform_give_state(transform, AFFINE_STATE, error) ||
        !row_stream_figures(fitting->rows, transform->column, transform->n_columns, figures, error))
        return false;
    for (int64_t i = 0; i < transform->n_columns; i++) {
        struct layout_column *column = &fitting->layout->column[transform->column[i]];
        double *state = transform_state(transform, i);
        struct column_map map;

        if (figures[i].n == 0)
            return error_set_at(error, ERROR_INVALID, "data.features",
                                "'%s' has no value in any training row", column->name);
        fit(fitting->config, &figures[i], &map);
        state[SCALE] = map.scale;
        state[OFFSET] = map.offset;
        state[FILL] = map.fill;
        column->may_miss = column->may_miss && isnan(map.fill);
    }
    return true;
}
