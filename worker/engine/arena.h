/* Memory for weights and activations: zeroed, and aligned as vectors want it. */
#ifndef NIGHTJAR_WORKER_ENGINE_ARENA_H
#define NIGHTJAR_WORKER_ENGINE_ARENA_H

#include "worker/engine/tensor.h"

#include <stdint.h>

int64_t arena_align(int64_t n);  /* elements, rounded up to whole cache lines */
real *arena_allocate(int64_t n); /* for free(); NULL: no memory */

#endif
