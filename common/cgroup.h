/*
 * A control group (cgroup v2) for each run: its memory limit is the kernel's, and nothing that it
 * starts gets out of it.
 *
 * Groups lie side by side in one place: a folder of the tree that was handed to us. They are called
 * nightjar-<home hash>-<experiment>-<run>, so that a name says whose it is.
 */
#ifndef NIGHTJAR_COMMON_CGROUP_H
#define NIGHTJAR_COMMON_CGROUP_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_PATH_SIZE 4096
#define CGROUP_NONE "none" /* NIGHTJAR_CGROUP of who wants no groups */

/* The path of our own group in the tree ("/user.slice/..."); false: not in such a tree. */
bool cgroup_self(char *ret_path, size_t size);

/* Where groups can be made; "" where they cannot. `wanted` is NIGHTJAR_CGROUP: a folder; "none";
 * NULL or "" takes the nearest above us that we may write to and that hands the memory controller
 * on. */
void cgroup_find_place(const char *wanted, char ret_place[CGROUP_PATH_SIZE]);

/* The group of the run that `marker` (process_marker) names; false: the path is too long. */
bool cgroup_path(const char *place, const char *marker, char ret_path[CGROUP_PATH_SIZE]);
/* Is this the path of that run's group, whatever its place? */
bool cgroup_belongs(const char *path, const char *marker);

/* One that is there already is fine. */
bool cgroup_make(const char *path, struct error *error);
/* Memory without swap, at most this much; a run that needs more is ended whole. NOT_FOUND: the
 * group has no memory controller. */
bool cgroup_limit_memory(const char *path, int64_t limit_bytes, struct error *error);
bool cgroup_enter(const char *path, pid_t pid, struct error *error);

/* How often the kernel ended a process for the group's limit; 0 where it cannot be told. */
int64_t cgroup_memory_kills(const char *path);
int64_t cgroup_memory_peak(const char *path); /* bytes; -1 where the kernel does not tell */

/* SIGKILL to all that is in it; returns how many are still there. 0 too where there is no such
 * group or a kernel before Linux 5.14. */
size_t cgroup_kill(const char *path);
/* With the groups in it, where nobody is in any of them. False: it is still there. */
bool cgroup_remove(const char *path);

#endif
