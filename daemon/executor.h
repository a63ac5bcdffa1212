/*
 * Where a run executes: a small interface, so that a cluster's queue can stand beside this machine.
 *
 * An executor starts one worker for a run folder and can say later whether it is gone. It decides
 * nothing: the verdict is in the run's journal, the right to look is the experiment's lock.
 */
#ifndef NIGHTJAR_DAEMON_EXECUTOR_H
#define NIGHTJAR_DAEMON_EXECUTOR_H

#include "common/cgroup.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/process.h"

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct executor_start {
    const char *folder;       /* the run's, absolute, with its spec.json */
    char *const *environment; /* ended by NULL */
    int lock_fd;              /* holds the experiment's lock; the worker gets a copy */
    const cpu_set_t *cpus;    /* what worker and run may use; NULL: whatever we may */
};

/* A worker as its journal names it; a process id means something only with the other two. */
struct executor_identity {
    pid_t pid;
    int64_t start; /* field 22 of /proc/PID/stat */
    char boot[CLOCK_BOOT_ID_SIZE];
};

/* A worker that we look after. All-zero but pidfd is -1: none. */
struct executor_worker {
    pid_t pid;
    int pidfd;  /* owned; becomes readable when it has ended */
    bool child; /* ours to reap */
};

struct executor;

struct executor_kind {
    const char *name;
    bool (*start)(const struct executor *executor, const struct executor_start *start,
                  struct executor_worker *ret_worker, struct error *error);
    /* NOT_FOUND: no such worker lives. */
    bool (*adopt)(const struct executor *executor, const struct executor_identity *identity,
                  struct executor_worker *ret_worker, struct error *error);
    /* Asks it to end its run; a second time, to end it at once. */
    bool (*stop)(const struct executor_worker *worker, enum process_stop why, struct error *error);
    /* Asks it to stop its run where it stands, or to let it go on. It must have journalled
     * `started`: before, it does not listen. */
    bool (*pause)(const struct executor_worker *worker, enum process_pause pause,
                  struct error *error);
    /* Has it ended? Reaps it if so and it was a child. */
    bool (*gone)(const struct executor_worker *worker);
    /* Kills everything that a run left behind: what is in its control group `group` ("": it would
     * be in ours), and processes of ours whose environment has NIGHTJAR_RUN=marker. *ret_n: how
     * many were there; call again until it is 0. */
    bool (*end_survivors)(const struct executor *executor, const char *marker, const char *group,
                          size_t *ret_n, struct error *error);
    /* Removes what a worker may have made for a run that never started: its empty control group. */
    void (*tidy)(const struct executor *executor, const char *marker);
};

/* All-zero is closed. */
struct executor {
    const struct executor_kind *kind; /* NULL: closed */
    int worker_fd, engine_fd;         /* owned: the binaries as they were when we started */
    char groups[CGROUP_PATH_SIZE];    /* where runs get control groups; "": they get none */
    unsigned long files;              /* soft limit of descriptors that runs are to have */
};

void executor_worker_release(struct executor_worker *worker); /* closes; ends nothing */

/* Opens the programs in `folder` once, so that an upgrade under a running daemon mixes no
 * versions. To be called before the limit of descriptors is raised. */
bool executor_local_open(const char *folder, struct executor *ret_executor, struct error *error);
void executor_close(struct executor *executor);
/* A shell command that is no run (on_finish): in a session of its own, in the folder `cwd`, output
 * appended to the file `output`. */
bool executor_local_shell(const struct executor *executor, const char *command,
                          char *const *environment, const char *cwd, const char *output,
                          struct executor_worker *ret_worker, struct error *error);

#endif
