/*
 * The queue on disk: the only SQL of the program. One SQLite database (WAL, synchronous=FULL),
 * opened by one daemon; its tables are documented in schema/001_queue.sql.
 *
 * Transactions. The loop calls store_begin before the first request of a turn and store_commit
 * after the last one; replies leave after the commit. Each request stands between store_savepoint
 * and store_keep or store_undo, so that one that fails undoes only itself. Every function below
 * that changes something needs an open transaction (assert); reading needs none.
 *
 * Errors. NO_SPACE: the disk is full; call store_undo or store_rollback and go on, nothing is half
 * stored. When SQLite had to give up the whole transaction by itself, store_undo and store_commit
 * fail and store_rollback makes the store usable again. NOT_FOUND names what was asked for.
 *
 * Times are wall milliseconds since 1970 in structs and seconds in JSON.
 */
#ifndef NIGHTJAR_DAEMON_STORE_STORE_H
#define NIGHTJAR_DAEMON_STORE_STORE_H

#include "common/clock.h"
#include "common/error.h"
#include "common/json.h"
#include "common/spec/setting.h"
#include "daemon/experiment_state.h"
#include "daemon/scheduler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* Opens <home>/queue.db, makes it where missing, migrates an older one. CORRUPT (with the file's
 * name, nothing changed): damaged or not a queue; INVALID: written by a newer version. BUSY:
 * another process has it. */
bool store_open(const char *home, struct store **ret_store, struct error *error);
/* Rolls back what is open. */
void store_free(struct store **store);
/* IO: queue.db was removed or replaced behind the daemon's back; what is committed from then on
 * is lost with it. */
bool store_check_place(const struct store *store, struct error *error);

bool store_begin(struct store *store, struct error *error);
/* The same for what can be had again after a power cut (lines of journals): its commit is atomic
 * and in order, but not synced; the next one that is syncs it too. */
bool store_begin_relaxed(struct store *store, struct error *error);
bool store_commit(struct store *store, struct error *error);
void store_rollback(struct store *store);
bool store_in_transaction(const struct store *store);
/* They nest to any depth; keep and undo end the innermost. */
bool store_savepoint(struct store *store, struct error *error);
bool store_keep(struct store *store, struct error *error);
bool store_undo(struct store *store, struct error *error);
/* Moves the log into the database and truncates it; when idle. No transaction may be open. */
bool store_checkpoint(struct store *store, struct error *error);

int64_t store_size_bytes(const struct store *store); /* database and log */
/* Settings of the daemon that outlive it: "slots". *ret_value -> fallback where never set. */
bool store_setting(struct store *store, const char *name, int64_t fallback, int64_t *ret_value,
                   struct error *error);
bool store_set_setting(struct store *store, const char *name, int64_t value, struct error *error);

/* ---- submitting ---- */

/* `params` of submit -> rows; the reply {batch, first, last, count}. INVALID: `diagnostics` tells
 * all that is wrong. The token of an earlier submission answers as it did, changing nothing. */
bool store_submit(struct store *store, const cJSON *params, int64_t now_ms, cJSON **ret_reply,
                  struct diagnostics *diagnostics, struct error *error);
struct batch_source;
/* The same, `more` experiments after those in params. */
bool store_submit_parts(struct store *store, const cJSON *params, const struct batch_source *more,
                        int64_t now_ms, cJSON **ret_reply, struct diagnostics *diagnostics,
                        struct error *error);

/* ---- which ones ---- */

struct store_ids {
    int64_t *item; /* owned, ascending */
    size_t n, capacity;
};
void store_ids_release(struct store_ids *ids);
/* `select` as docs/protocol.md has it. NULL or empty: none. */
bool store_select(struct store *store, const cJSON *select, struct store_ids *ret_ids,
                  struct error *error);
struct store_page {
    int64_t offset; /* negative: from the end */
    int64_t limit;
};
/* A page of the same, in order, and how many there are in all. Of `all` only the page is read. */
bool store_select_page(struct store *store, const cJSON *select, const struct store_page *page,
                       struct store_ids *ret_ids, int64_t *ret_total, struct error *error);
/* Experiments whose state changed since the last call, for `watch`; call after the commit. */
void store_take_changed(struct store *store, struct store_ids *ret_ids);

/* ---- changes of state ---- */

struct store_change {
    struct experiment_decision decision; /* decision.allowed false: nothing was changed */
    enum experiment_state before;
    int64_t run; /* the latest; 0: none yet */
};
/* The only way a state changes (but for submitting). Applies the decision, ends the run where one
 * ends, lets dependents go or skips them, ends the batch. `exit` for EXIT only. NOT_FOUND. */
bool store_apply(struct store *store, int64_t experiment, enum experiment_event event,
                 const struct experiment_exit *exit, int64_t now_ms,
                 struct store_change *ret_change, struct error *error);

/* Merges `change` ({"queue": {"priority": 5}, "resources": {...}}) into the spec of an experiment
 * that waits. `reason`: why it was left as it is; "": it was changed. INVALID: the spec would be no
 * good. */
bool store_edit(struct store *store, int64_t experiment, const cJSON *change, char *reason,
                size_t size, struct error *error);

/* All that a start needs. */
struct store_launch {
    int64_t experiment, run;
    cJSON *document;    /* owned: the content of spec.json */
    cJSON *environment; /* owned: ["K=V"], the submitter's; NULL: none kept */
    bool pipeline;
    bool fresh; /* remove the experiment's checkpoint/ before it starts */
    uint64_t gpu_mask;
    double cpus, time_s, grace_s; /* time_s 0: no limit */
    int64_t memory, log_bytes;
};
void store_launch_release(struct store_launch *launch);
/* queued -> starting: makes the run's row. Commit before anything is spawned. INVALID where what is
 * stored of it is no good to this version, or it is not queued any more; undo what was done. */
bool store_start(struct store *store, int64_t experiment, uint64_t gpu_mask, int64_t now_ms,
                 struct store_launch *ret_launch, struct error *error);
/* One that store_start called INVALID, and that is queued still: it ends, as a run that begins with
 * a bad spec does, and is not tried again. */
bool store_refuse(struct store *store, int64_t experiment, const struct error *failure,
                  int64_t now_ms, struct error *error);

/* Runs that may have a worker: what the scheduler counts, what adoption decides about. */
struct store_live {
    int64_t experiment, run;
    enum experiment_state state; /* starting, running, paused, stopping */
    struct scheduler_need need;
    uint64_t gpu_mask;
    int64_t worker_pid, worker_start;       /* 0: not known */
    char boot[CLOCK_BOOT_ID_SIZE];          /* of the machine, when it was started; "": not known */
    int64_t events_offset, reported_offset; /* where the next line begins */
    int64_t started_ms;                     /* 0: no `started` yet */
    bool exited;                            /* the `exit` line was taken in, but not applied */
    struct experiment_exit exit;
    bool cancel_requested;
};
/* Ordered by experiment; caller frees *ret_live with memory_free. */
bool store_live(struct store *store, struct store_live **ret_live, size_t *ret_n,
                struct error *error);

/* ---- taking journals in ---- */

enum store_journal { STORE_JOURNAL_EVENTS, STORE_JOURNAL_REPORTED };
/* One line that begins at `offset`; `next` is where the following one begins. A line that was taken
 * in before changes nothing. `started` of events.jsonl is applied here (-> running); `exit` is only
 * kept: the caller syncs, then calls store_apply(EXIT). Metrics, progress, warnings, notes, marks,
 * artifacts and tables become rows; unknown events are kept as they are. */
bool store_take_line(struct store *store, int64_t experiment, int64_t run,
                     enum store_journal journal, const cJSON *line, int64_t offset, int64_t next,
                     int64_t now_ms, struct error *error);
/* The offset alone: lines passed over; back to 0 where a journal is shorter than it was. */
bool store_set_offset(struct store *store, int64_t experiment, int64_t run,
                      enum store_journal journal, int64_t offset, struct error *error);
/* A warning of the daemon's own: "train.csv has changed since it was submitted". */
bool store_warn(struct store *store, int64_t experiment, int64_t run, const char *text,
                struct error *error);

/* ---- scheduling ---- */

/* What is under way as the scheduler counts it; free *ret_run with memory_free, NULL where nothing
 * is. */
bool store_runs(struct store *store, struct scheduler_run **ret_run, size_t *ret_n,
                struct error *error);
/* An index walk: independent of how many experiments are stored. The source is valid until the next
 * call with this store that changes something. */
bool store_candidates(struct store *store, struct scheduler_source *ret_source,
                      struct error *error);
/* How many of them need more than there is at all, and the first one; 0: *ret_candidate stays. */
bool store_find_too_large(struct store *store, int64_t first, int64_t last,
                          const struct scheduler_limits *limits, int64_t *ret_n,
                          struct scheduler_candidate *ret_candidate, struct error *error);

/* Until the first retry is due: 0 at once, -1 where none waits. */
bool store_next_due(struct store *store, int64_t now_ms, int64_t *ret_delay_ms,
                    struct error *error);
/* Retries that are due become candidates. */
bool store_release_due(struct store *store, int64_t now_ms, struct error *error);

/* ---- batches that have ended ---- */

struct store_ended_batch {
    int64_t id;
    char *name, *cwd, *on_finish; /* owned; on_finish is never NULL */
    cJSON *environment;           /* owned; NULL: none */
    int64_t done, failed, cancelled;
};
void store_ended_batch_release(struct store_ended_batch *batch);
/* The next ended batch whose on_finish was not yet started; *ret_found false: none. */
bool store_next_finished(struct store *store, struct store_ended_batch *ret_batch, bool *ret_found,
                         struct error *error);
/* Commit this before on_finish is started: it runs at most once. */
bool store_set_finish_started(struct store *store, int64_t batch, struct error *error);

/* ---- reading, as docs/protocol.md has it; caller owns the JSON ---- */

bool store_row(struct store *store, int64_t experiment, int64_t now_ms, cJSON **ret_row,
               struct error *error);
bool store_list(struct store *store, const cJSON *params, int64_t now_ms, cJSON **ret_reply,
                struct error *error); /* limit: 100, at most 1000 */
bool store_show(struct store *store, int64_t experiment, int64_t now_ms, cJSON **ret_reply,
                struct error *error);
/* Series are thinned evenly (last point kept) to 20,000 points in all. */
bool store_history(struct store *store, const cJSON *params, cJSON **ret_reply,
                   struct error *error);
bool store_batches(struct store *store, cJSON **ret_reply, struct error *error);
bool store_counts(struct store *store, cJSON **ret_counts, struct error *error); /* {state: n} */

/* ---- notes, cleaning ---- */

/* With `per_day` *ret_today is how many notes of today begin with its first word; else 0. INVALID
 * where there were so many already. */
bool store_note(struct store *store, const cJSON *params, int64_t now_ms, int64_t *ret_today,
                struct error *error);
/* Of `clean`: ended experiments with a run folder, ended at least older_s ago. */
bool store_cleanable(struct store *store, const cJSON *params, int64_t now_ms,
                     struct store_ids *ret_ids, struct error *error);
/* Changes nothing where it was restarted meanwhile. */
bool store_set_cleaned(struct store *store, int64_t experiment, struct error *error);

#endif
