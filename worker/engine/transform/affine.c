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

bool affine_centre(const struct column_map *map, struct centred_map *ret_centred)
{
    double centre = -map->offset / map->scale;

    /* Room enough on both sides that nothing on the way is beyond a float. */
    if (!(fabs(map->scale) > 0x1p-100 && fabs(map->scale) < 0x1p100 && fabs(centre) < 0x1p100))
        return false;
    *ret_centred = (struct centred_map){.centre = (real)centre, .scale = (real)map->scale};
    ret_centred->offset = (real)((double)ret_centred->centre * map->scale + map->offset);
    return true;
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

void affine_set(struct transform *transform, int64_t i, const struct column_map *map)
{
    double *state = transform_state(transform, i);

    state[SCALE] = map->scale;
    state[OFFSET] = map->offset;
    state[FILL] = map->fill;
}

/* All columns as if they were one. */
static void pool(struct column_figures *figures, int64_t n)
{
    struct column_figures all = {.minimum = (double)INFINITY, .maximum = -(double)INFINITY};
    double squares = 0;

    for (int64_t i = 0; i < n; i++) {
        all.n += figures[i].n;
        all.n_missing += figures[i].n_missing;
        all.mean += figures[i].mean * (double)figures[i].n;
        all.minimum = fmin(all.minimum, figures[i].minimum);
        all.maximum = fmax(all.maximum, figures[i].maximum);
    }
    all.mean /= all.n > 0 ? (double)all.n : 1;
    for (int64_t i = 0; i < n; i++) {
        double distance = figures[i].mean - all.mean;

        squares += (figures[i].sd * figures[i].sd + distance * distance) * (double)figures[i].n;
    }
    all.sd = all.n > 0 ? sqrt(squares / (double)all.n) : 0;
    for (int64_t i = 0; i < n; i++)
        figures[i] = all;
}

bool affine_fit(struct fitting *fitting,
                void (*fit)(const void *config, const struct column_figures *figures,
                            struct column_map *ret_map),
                struct error *error)
{
    const struct transform_config *base = fitting->config;
    struct transform *transform = fitting->transform;
    scoped(memory_free) struct column_figures *figures =
        calloc((size_t)transform->n_columns + 1, sizeof(*figures));

    if (!figures)
        return error_set(error, ERROR_NO_MEMORY, "fitting transforms");
    if (!transform_give_state(transform, AFFINE_STATE, error) ||
        !row_stream_figures(fitting->rows, transform->column, transform->n_columns, figures, error))
        return false;
    if (base->together)
        pool(figures, transform->n_columns);
    for (int64_t i = 0; i < transform->n_columns; i++) {
        struct layout_column *column = &fitting->layout->column[transform->column[i]];
        struct column_map map;

        if (figures[i].n == 0)
            return row_stream_refuse_empty(fitting, i, error);
        fit(fitting->config, &figures[i], &map);
        affine_set(transform, i, &map);
        column->may_miss = column->may_miss && isnan(map.fill);
    }
    return true;
}
