/* What kinds that turn categories into numbers have in common. */
#ifndef NIGHTJAR_WORKER_ENGINE_TRANSFORM_CATEGORIES_H
#define NIGHTJAR_WORKER_ENGINE_TRANSFORM_CATEGORIES_H

#include "worker/engine/transform/transform.h"

#include <stdint.h>

/* Gives each column a state of `before` zeros, then how many rows have category 0, 1, ...; from
 * then on the columns hold numbers. *ret_rows: how many rows there are. */
bool categories_count(struct fitting *fitting, int64_t before, int64_t *ret_rows,
                      struct error *error);

#endif
