/*
 * Processes of a run: who they are, and how to signal one without ever hitting a stranger.
 *
 * A process id is reused, so a process is a pair (id, start time). Signals go through a pidfd that
 * was opened first and checked against the start time afterwards.
 *
 * Every process of a run carries NIGHTJAR_RUN=<marker> in the environment that it was started with.
 */
#ifndef NIGHTJAR_COMMON_PROCESS_H
#define NIGHTJAR_COMMON_PROCESS_H

#include "common/error.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
    pid_t pid, parent;
    int64_t start; /* clock ticks since boot: field 22 of /proc/PID/stat */
    char state;    /* R S D T Z ...; Z: ended, not waited for (or its other threads run on) */
};

/* False: there is no such process. */
bool process_look(pid_t pid, struct process *ret_process);
/* Its proportional set size in bytes; where the kernel does not show that, all that is resident. 0:
 * it is gone. */
int64_t process_memory(pid_t pid);
/* A pidfd of exactly this process (O_CLOEXEC, the caller closes it); -1: it is gone. */
int process_open(const struct process *process);
/* `value` travels with the signal (signalfd's ssi_int). False: it is gone, or not ours (errno). */
bool process_signal(int pidfd, int signal, int value);

/* First of all in main(): standard streams that the caller has closed become /dev/null, so that
 * nothing that is opened later is taken for one of them and written to. False: not possible. */
bool process_have_standard_streams(void);

/* What `value` says about a SIGTERM to a worker; a plain kill(1) means stopping. */
enum process_stop { PROCESS_STOP_STOPPING, PROCESS_STOP_CANCELLED };

/* Asks a worker to stop all processes of its run where they stand, or to let them go on: by the
 * value that travels with it. A real-time signal, so that none is lost and their order is kept. */
#define PROCESS_SIGNAL_PAUSE SIGRTMIN
enum process_pause { PROCESS_PAUSE_END, PROCESS_PAUSE_BEGIN };
/* By the same signal a process of the run asks its worker to start the daemon (worker/starter.h):
 * an older worker takes that for the end of a pause which nobody began, and lives. */
#define PROCESS_START_DAEMON 2

struct processes {
    struct process *item; /* owned */
    size_t n;
};

void processes_release(struct processes *processes);
/* Everything that there is now, zombies too. */
bool processes_list(struct processes *ret_processes, struct error *error);
/* Drops all that do not descend from `ancestor` (which is dropped too). */
void processes_keep_descendants(struct processes *processes, pid_t ancestor);
/* Drops all that were not started with NIGHTJAR_RUN=`marker`, and the caller. */
void processes_keep_marked(struct processes *processes, const char *marker);
/* Returns how many were there to be signalled. */
size_t processes_signal(const struct processes *processes, int signal);

#define PROCESS_MARKER_SIZE 160
/* <hash of home>/<experiment>/<run> from a run folder home/runs/<experiment>/<run>, which must
 * exist. */
bool process_marker(const char *run_folder, char ret_marker[PROCESS_MARKER_SIZE],
                    struct error *error);

/* Where the caller stands to the runs of a home (as wire_home() names it). */
enum process_place {
    PROCESS_OUTSIDE,
    PROCESS_IN_RUN,     /* descends from its worker, and ends with it */
    PROCESS_LEFT_BEHIND /* of a run whose worker is gone, or cannot be seen: a daemon will end it */
};
/* *ret_worker is set in a run. Where there is a worker above us the environment is not asked. */
enum process_place process_place(const char *home, struct process *ret_worker);
/* In a run: takes out of our environment what the run was given. */
void process_forget_run(void);

#endif
