/*
 * Our other programs: where they lie, and how a daemon is started when somebody needs one.
 */
#ifndef NIGHTJAR_CLIENT_LAUNCH_H
#define NIGHTJAR_CLIENT_LAUNCH_H

#include "common/buffer.h"
#include "common/error.h"

#include <stdbool.h>
#include <sys/types.h>

/* Beside this program, or in $NIGHTJAR_BIN. */
bool launch_program_path(const char *program, struct buffer *ret_path, struct error *error);

/* Before this process becomes the engine or runs it: names the core of OpenBLAS's for it that its
 * runs have (common/blas_core.h), unless the environment names one. */
void launch_choose_core(void);

/* Through systemd --user where the home is the default one and the unit is enabled; from within a
 * run of this home by the run's worker; else by exec of nightjard in a session of its own, its
 * output in <home>/daemon.log. *ret_child: its process; 0: somebody else's. Only begins: the caller
 * waits for the socket. UNREACHABLE: we are what a run without a worker left behind. */
bool launch_daemon(const char *home, pid_t *ret_child, struct error *error);
/* Whether the child may still come up. One that found another daemon in its place (*child becomes
 * 0: wait for that one) may; one that failed is an error with the last line of its log. */
bool launch_check(pid_t *child, const char *home, struct error *error);

/* Whether systemd ends the daemon of this home when the user logs out (no linger). */
bool launch_ends_with_session(void);

#endif
