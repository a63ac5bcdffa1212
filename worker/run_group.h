/* The run's control group, where the system has a place for one (common/cgroup.h). */
#ifndef NIGHTJAR_WORKER_RUN_GROUP_H
#define NIGHTJAR_WORKER_RUN_GROUP_H

#include "common/cgroup.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* All-zero is none; every function accepts that. */
struct run_group {
    char path[CGROUP_PATH_SIZE];
    int64_t limit_bytes;       /* of memory; 0: the group does not limit it */
    int64_t kills, peak_bytes; /* once it is closed */
};

/* Makes the group of the run in this folder and puts a process there that has not begun yet.
 * `limit_bytes` 0: no limit. Where that cannot be had the run goes on without, and a warning says
 * why. */
void run_group_start(struct run_group *group, const char *folder, pid_t pid, int64_t limit_bytes);
void run_group_kill(const struct run_group *group);
/* When the run has ended: keeps the figures, removes the group. */
void run_group_close(struct run_group *group);

#endif
