/* What functions of single values share. */
#ifndef NIGHTJAR_WORKER_ENGINE_TRANSFORM_ELEMENT_H
#define NIGHTJAR_WORKER_ENGINE_TRANSFORM_ELEMENT_H

#include "worker/engine/transform/transform.h"

/* The state of a function of x + offset that is not defined everywhere: (offset, floor), where a
 * lower x + offset counts as floor, the least that a training row has (of log1p its domain).
 * INVALID where that is below `lowest`, or at it where `open`. */
#define ELEMENT_STATE 2
bool element_fit(struct fitting *fitting, double offset, double lowest, bool open,
                 struct error *error);
static inline double element_argument(const double *state, double x)
{
    double argument = x + state[0];

    return argument < state[1] ? state[1] : argument; /* NAN stays */
}

/* State (low, high). */
void element_clip(const double *state, int64_t n_state, double *x, int64_t n);

#endif
