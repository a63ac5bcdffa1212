/* Memory for weights and activations: aligned as vectors want it, and in huge pages where it is
 * large, if the system has some. For free(); NULL: no memory. */
#ifndef NIGHTJAR_WORKER_ENGINE_ARENA_H
#define NIGHTJAR_WORKER_ENGINE_ARENA_H

#include "worker/engine/tensor.h"

#include <stddef.h>
#include <stdint.h>

int64_t arena_align(int64_t n);    /* elements, rounded up to whole cache lines */
real *arena_allocate(int64_t n);   /* zeroed */
void *arena_reserve(size_t bytes); /* with whatever is in it */

#endif
