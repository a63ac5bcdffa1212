/*
 * Taking a run's two journals in: whole lines become rows, in the same transaction as the offset
 * where the next line begins.
 *
 * events.jsonl is short and read from its beginning every time it is opened, so that what it says
 * about the worker is known after a restart too; the store passes over the lines that it has.
 * reported.jsonl is read on from the store's offset, and once events.jsonl has told the exit its
 * last line needs no newline. Lines that are no JSON are counted; beyond JOURNAL_FILE_LIMIT nothing
 * is taken in.
 */
#ifndef NIGHTJAR_DAEMON_JOURNAL_INTAKE_H
#define NIGHTJAR_DAEMON_JOURNAL_INTAKE_H

#include "common/error.h"
#include "common/journal.h"
#include "daemon/executor.h"
#include "daemon/experiment_state.h"
#include "daemon/store/store.h"

#include <stdbool.h>
#include <stdint.h>

#define INTAKE_LINES_PER_TURN 2000

/* All-zero is closed. */
struct journal_intake {
    char *folder; /* owned: the run's */
    int64_t experiment, run;
    bool open;
    struct journal_reader events, reported;
    int64_t reported_committed; /* where a reader that was rolled back begins again */
    /* what events.jsonl has said so far */
    bool started, signalled, paused, exited;
    struct executor_identity worker; /* of `started` */
    char *cgroup;                    /* owned, of `started`; NULL or "": not said */
    struct experiment_exit exit;
    int64_t bad;           /* lines of reported.jsonl that nobody can read, or the store refuses */
    int64_t bad_committed; /* what of them a reader that was rolled back does not meet again */
    char unreadable[256];  /* why reported.jsonl is not read; empty: it is, or is not there */
    bool rewritten;        /* reported.jsonl was not only appended to */
    bool complained;       /* the store has the warning about what was passed over */
};

struct journal_taken {
    int64_t lines; /* from both */
    bool more;     /* the bound was reached: there may be more at once */
};

/* `folder` need not exist yet. */
bool journal_intake_start(struct journal_intake *ret_intake, const char *folder, int64_t experiment,
                          int64_t run, int64_t reported_offset, struct error *error);
/* Takes at most INTAKE_LINES_PER_TURN lines of each journal in; a transaction is open. On failure
 * the caller undoes what the store did and calls journal_intake_rolled_back. A reported.jsonl that
 * cannot be read is no failure: the run may have put anything there, and its verdict is elsewhere.
 */
bool journal_intake_take(struct journal_intake *intake, struct store *store, int64_t now_ms,
                         struct journal_taken *ret_taken, struct error *error);
/* When both are at their end for good: warnings about lines that were passed over, and
 * about a reported.jsonl that could not be read or was not only appended to. */
bool journal_intake_complain(struct journal_intake *intake, struct store *store,
                             struct error *error);
void journal_intake_committed(struct journal_intake *intake);
void journal_intake_rolled_back(struct journal_intake *intake);
void journal_intake_release(struct journal_intake *intake);

#endif
