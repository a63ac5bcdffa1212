/*
 * A virtual file system for SQLite that hands a commit to the disk as one write.
 *
 * SQLite appends each page of a transaction to its log with two writes, the frame's header and the
 * page; a submission is eighteen of them, each a system call with the file system's own work. What
 * follows on in the log is gathered here and handed over as a whole, at the latest when the frame
 * that commits is complete, so that after a commit nothing is held back: whether synced or not, it
 * outlives the process as it did before.
 *
 * For a database that no other process reads (locking_mode = EXCLUSIVE): another one would look for
 * frames that are not in the file yet.
 */
#ifndef NIGHTJAR_DAEMON_STORE_GATHER_H
#define NIGHTJAR_DAEMON_STORE_GATHER_H

#include <stdbool.h>

#include "common/error.h"

/* Makes it known to SQLite, above the file system that is the default now; again where that is
 * another by then. *ret_name: for sqlite3_open_v2; static. */
bool gather_register(const char **ret_name, struct error *error);

#endif
