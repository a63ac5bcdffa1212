/* What affine kinds share: a state of (scale, offset, fill), y = scale * x + offset, and fill where
 * x is missing. Such transforms fold into one. */
#ifndef NIGHTJAR_WORKER_ENGINE_TRANSFORM_AFFINE_H
#define NIGHTJAR_WORKER_ENGINE_TRANSFORM_AFFINE_H

#include "worker/engine/tensor.h"
#include "worker/engine/transform/row_stream.h"
#include "worker/engine/transform/transform.h"

struct column_map {
    double scale, offset; /* y = scale * x + offset; scale is never 0 */
    double fill;          /* y for a missing x; NAN: stays missing */
};

/* The same in floats: y = (x - centre) * scale + offset. The difference is exact where x is near
 * the centre, so that y has nearly all digits that a float has, where x * scale + offset in floats
 * would lose those that cancel: at most two units in the last place beside y or the offset's, which
 * is next to nothing. */
struct centred_map {
    real centre, scale, offset;
};

#define AFFINE_STATE 3

struct column_map affine_compose(const struct column_map *first, const double *then_state);
/* False where a float is too small or large for it. */
bool affine_centre(const struct column_map *map, struct centred_map *ret_centred);

static inline real affine_centred(const struct centred_map *map, float x)
{
    return ((real)x - map->centre) * map->scale + map->offset;
}

/* The state of the transform's i-th column. */
void affine_set(struct transform *transform, int64_t i, const struct column_map *map);

/* fit() by the figures of each column, or of all where they are
 * fitted together: INVALID where it has no value. */
bool affine_fit(struct fitting *fitting,
                void (*fit)(const void *config, const struct column_figures *figures,
                            struct column_map *ret_map),
                struct error *error);
void affine_map(const double *state, int64_t n_state, double *x, int64_t n);
void affine_unmap(const double *state, int64_t n_state, double *x, int64_t n);

#endif
