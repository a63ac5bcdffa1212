/*
 * Which processors a run may use: as many as its resources.cpus, the idlest ones.
 *
 * Nothing here is stored. The kernel keeps what a worker was given, its run inherits it, and a
 * daemon that was started again asks the kernel (affinity_of).
 */
#ifndef NIGHTJAR_DAEMON_AFFINITY_H
#define NIGHTJAR_DAEMON_AFFINITY_H

#include <sched.h>
#include <stdbool.h>
#include <sys/types.h>

struct affinity {
    cpu_set_t machine; /* what there is to give */
    double load[CPU_SETSIZE];
};

/* Nothing is given yet of what this process may use itself. */
void affinity_start(struct affinity *affinity);
/* A run that asked for so many cpus has these. */
void affinity_add(struct affinity *affinity, const cpu_set_t *set, double cpus);
/* For one more run. A part of a processor goes where it fills one up, a whole one to the least
 * used. */
void affinity_choose(const struct affinity *affinity, double cpus, cpu_set_t *ret_set);

/* What a process was given; false: it is gone. */
bool affinity_of(pid_t pid, cpu_set_t *ret_set);

#endif
