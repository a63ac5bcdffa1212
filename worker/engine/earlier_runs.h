/* How the runs before this one of an experiment ended, by their workers' journals. */
#ifndef NIGHTJAR_WORKER_ENGINE_EARLIER_RUNS_H
#define NIGHTJAR_WORKER_ENGINE_EARLIER_RUNS_H

#include "common/error.h"

#include <stdint.h>

/* How many of the runs 1 .. run - 1, whose folders lie beside `folder`, were ended for want of
 * memory. A run whose journal is not there does not count. */
bool earlier_runs_out_of_memory(const char *folder, int64_t run, int64_t *ret_n,
                                struct error *error);

#endif
