/*
 * Starting the daemon for a process of the run that misses it.
 *
 * What descends from the worker is the run's: it has its processors, is in its control group, and
 * ends with it. So the process that starts the daemon is made the worker's sibling, not its child,
 * and nobody has to tell the daemon from the run at the end.
 */
#ifndef NIGHTJAR_WORKER_STARTER_H
#define NIGHTJAR_WORKER_STARTER_H

#include <sys/types.h>

struct starter {
    int pidfd; /* owned: the last one; -1: none */
};

void starter_release(struct starter *starter);
/* Has the program of `asker`, nj, start the daemon of the home in which this run lies. Does nothing
 * where `asker` is no process of the run, or the last one is still at it. */
void starter_start(struct starter *starter, pid_t asker, const char *run_folder);

#endif
