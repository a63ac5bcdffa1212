/*
 * The program that a run executes: forked at once, so that its process id can be journalled, but
 * held back until child_go(). It leads a session and process group of its own, and dies with its
 * parent.
 */
#ifndef NIGHTJAR_WORKER_CHILD_H
#define NIGHTJAR_WORKER_CHILD_H

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct child_plan {      /* all borrowed */
    const char *program; /* looked for in PATH where it has no slash */
    char *const *argv;
    char *const *environment;
    const char *cwd; /* "": the parent's */
    int output;      /* becomes standard output and error */
};

struct child {
    pid_t pid;
    int64_t start; /* field 22 of /proc/PID/stat */
    int pidfd;     /* owned */
    int go;        /* owned; -1 once it was let go */
    int failure;   /* owned; where it says why it could not execute the program */
};

void child_release(
    struct child *child); /* one that was never let go ends without running anything */
bool child_fork(const struct child_plan *plan, struct child *ret_child, struct error *error);
void child_go(struct child *child);
/* To the whole process group, as long as its leader was not waited for. */
void child_signal_group(const struct child *child, int signal);

/* In a process that was just forked: none is ignored or blocked. */
void child_reset_signals(void);

enum child_stage { CHILD_STAGE_RAN, CHILD_STAGE_CWD, CHILD_STAGE_EXECUTE };
/* How far the ended child came; *ret_errno is set where it did not run the program. */
enum child_stage child_stage(const struct child *child, int *ret_errno);

#endif
