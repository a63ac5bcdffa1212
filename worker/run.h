/* One run, from its lock to its exit event. */
#ifndef NIGHTJAR_WORKER_RUN_H
#define NIGHTJAR_WORKER_RUN_H

#include "common/error.h"

#include <stdbool.h>

/* `lock_fd` holds the experiment's lock (taken over in any case); -1: it is taken here, BUSY where
 * somebody else has it. True: the run's exit event is on disk, whatever it says. The calling
 * process becomes a subreaper, blocks signals, and is to end afterwards. */
bool run_execute(const char *folder, int lock_fd, char *const *environment, struct error *error);

#endif
