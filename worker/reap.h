/*
 * Waiting for all of a run's processes. The worker is a child subreaper, so that whatever loses its
 * parent becomes the worker's child: nothing that descends from the run can leave the tree, and
 * "no child is left" means that nothing of the run is.
 */
#ifndef NIGHTJAR_WORKER_REAP_H
#define NIGHTJAR_WORKER_REAP_H

#include "common/error.h"
#include "common/process.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct reaper {
    pid_t child;
    bool child_ended;
    int child_status; /* as of wait4 */
    bool none_left;   /* no process of the run exists any more */
    int64_t cpu_us;   /* of all that was waited for, and what they waited for */
    int64_t peak_rss_bytes;
    struct processes straggler; /* owned: what outlived the child, each once */
};

void reaper_release(struct reaper *reaper);
bool reaper_start(struct error *error); /* makes this process a subreaper */
/* Waits for everything that has ended. Never blocks. */
void reaper_collect(struct reaper *reaper);
/* Signals every process of the run; with `count` each is remembered as a straggler. */
void reaper_signal_all(struct reaper *reaper, int signal, bool count);
/* SIGSTOP to every process of the run that is not stopped yet. True: all of them are, so that none
 * can start another; false: look again soon. */
bool reaper_stop_all(void);

#endif
