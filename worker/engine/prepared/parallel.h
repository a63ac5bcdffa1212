/* Tasks 0 .. n - 1 on several threads. */
#ifndef NIGHTJAR_WORKER_ENGINE_PREPARED_PARALLEL_H
#define NIGHTJAR_WORKER_ENGINE_PREPARED_PARALLEL_H

#include "common/error.h"

#include <stdint.h>

/* The processors that this process was given: OMP_NUM_THREADS, else those it may run on. */
int parallel_threads(void);
/* Stops at the first error; of several the one of the lowest task is told. */
bool parallel_run(int threads, int64_t n,
                  bool (*task)(void *context, int64_t i, struct error *error), void *context,
                  struct error *error);

#endif
