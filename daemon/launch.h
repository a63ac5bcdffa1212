/*
 * One start: the run's folder, the experiment's lock, spec.json, the environment, the worker.
 */
#ifndef NIGHTJAR_DAEMON_LAUNCH_H
#define NIGHTJAR_DAEMON_LAUNCH_H

#include "common/error.h"
#include "daemon/executor.h"
#include "daemon/store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* <home>/runs/<experiment>/<run>; INVALID: too long. */
bool launch_folder(const char *home, int64_t experiment, int64_t run, char *ret_path, size_t size,
                   struct error *error);
/* Takes <home>/runs/<experiment>/lock. BUSY: a worker has it. NOT_FOUND: no such folder. */
bool launch_lock(const char *home, int64_t experiment, int *ret_fd, struct error *error);

/* BUSY: somebody runs it already. INVALID: this one can never be started (its environment is too
 * long). Anything else: nothing can be started at the moment. Nothing is synced, here or by the
 * worker before its command begins: after a power cut a run without `started` may have run. */
bool launch_run(const struct executor *executor, const char *home, int64_t gpus,
                const cpu_set_t *cpus, const struct store_launch *launch,
                struct executor_worker *ret_worker, struct error *error);

#endif
