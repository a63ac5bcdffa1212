/* One run, from its lock to its exit event. */
#ifndef NIGHTJAR_WORKER_RUN_H
#define NIGHTJAR_WORKER_RUN_H

#include "common/error.h"

#include <stdbool.h>

struct run_handles { /* what the daemon passes; -1: not passed */
    int lock;        /* holds the experiment's lock (taken over in any case); else it is taken here,
                        BUSY where somebody else has it */
    int engine; /* the engine's binary as it was when the daemon started (borrowed); else the one
                   beside this program */
};

/* True: the run's exit event is on disk, whatever it says. The calling
 * process becomes a subreaper, blocks signals, and is to end afterwards. */
bool run_execute(const char *folder, const struct run_handles *handles, char *const *environment,
                 struct error *error);

#endif
