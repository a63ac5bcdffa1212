/*
 * A queue that is damaged, gone, or older than its run folders, made whole: `nightjard recover`.
 *
 * Where queue.db can be read, what runs/ knows besides is added to it. Otherwise a new one is made
 * beside it of the newest backup that is whole (none: of nothing) and of runs/, and takes its place
 * at the end; the old file is kept as queue.db.damaged-<seconds>. What was queued after the backup
 * and never ran has left no folder, and is not recovered; neither is the submitter's environment of
 * what came after the backup.
 */
#ifndef NIGHTJAR_DAEMON_RECOVER_H
#define NIGHTJAR_DAEMON_RECOVER_H

#include "common/error.h"
#include "daemon/store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct recovery {
    char source[256]; /* what it was made of: "queue.db", "backup/queue-sun.db", "nothing" */
    char aside[4096]; /* where the damaged file is now; "": there was none */
    int64_t added;    /* experiments that the source did not know */
    int64_t renewed;  /* of which it knew an older state */
    int64_t unreadable;
};

/* No daemon may run: the caller holds the home's lock. */
bool recover_home(const char *home, struct recovery *ret_recovery, struct error *error);

/* CORRUPT where runs/ holds experiments that queue.db does not know: their ids would be given out
 * again. Call before the store is opened with NULL, which looks only whether there is a file. */
bool recover_check(const char *home, struct store *store, struct error *error);

#endif
