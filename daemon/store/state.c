/*
 * Changes of state. experiment_decide says what happens; this file makes it so, in one transaction
 * with everything that follows from it: the run's row, dependents that may start or are skipped, a
 * batch that has ended.
 */
#include "common/owner.h"
#include "daemon/store/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What has ended and whose dependents are still to be looked at. */
struct ended {
    int64_t kind; /* of dependency: 0 experiment, 1 batch */
    int64_t id;
    bool ok;
};
struct worklist {
    struct ended *item; /* owned */
    size_t n, capacity;
    int64_t now_ms;
};

static void worklist_release(struct worklist *list)
{
    free(list->item);
}

static bool worklist_add(struct worklist *list, struct ended ended, struct error *error)
{
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        struct ended *item = realloc(list->item, capacity * sizeof(*item));

        if (!item)
            return error_set(error, ERROR_NO_MEMORY, "following dependencies");
        list->item = item;
        list->capacity = capacity;
    }
    list->item[list->n++] = ended;
    return true;
}

/* ---- one experiment ---- */

struct loaded {
    struct experiment_facts facts;
    enum experiment_state state;
    int64_t run, batch;
};

static bool load(struct store *store, int64_t experiment, struct loaded *ret_loaded,
                 struct error *error)
{
    scoped(statement_end) sqlite3_stmt *statement = NULL;

    if (!store_get(store, &statement, error, "experiment", experiment,
                   "SELECT e.state, e.pipeline, e.requeue, e.cancel_requested, e.retries_left,"
                   " e.losses, e.run, e.batch, e.checkpoint_step > coalesce(r.checkpoint_step, 0),"
                   " e.retries - e.retries_left,"
                   " r.started_ms IS NOT NULL"
                   " FROM experiment AS e LEFT JOIN run AS r"
                   " ON r.experiment = e.id AND r.run = e.run WHERE e.id = ?"))
        return false;
    *ret_loaded = (struct loaded){
        .state = (enum experiment_state)column_int(statement, 0),
        .facts = {.pipeline = column_int(statement, 1),
                  .requeue = column_int(statement, 2),
                  .cancel_requested = column_int(statement, 3),
                  .retries_left = column_int(statement, 4),
                  .retries_spent = column_int(statement, 9),
                  .losses = column_int(statement, 5),
                  .progressed = column_int(statement, 8),
                  .started = column_int(statement, 10)},
        .run = column_int(statement, 6),
        .batch = column_int(statement, 7),
    };
    return true;
}

static void tell(enum experiment_event event, const struct experiment_decision *decision,
                 const struct experiment_exit *exit, char *text, size_t size)
{
    *text = '\0';
    if (event == EXPERIMENT_EVENT_EXIT)
        experiment_exit_describe(exit, text, size);
    else if (event == EXPERIMENT_EVENT_LOST)
        (void)snprintf(text, size, "its worker ended without a word");
    else if (event == EXPERIMENT_EVENT_NEVER_STARTED)
        (void)snprintf(text, size, "it could not be started");
    else if (event == EXPERIMENT_EVENT_DEPENDENCY_FAILED)
        (void)snprintf(text, size, "what it waits for did not end as done");
    if (decision->reason[0]) {
        size_t length = strlen(text);

        (void)snprintf(text + length, size - length, "%s%s", length ? "; " : "", decision->reason);
    }
}

bool store_end_run(struct store *store, int64_t experiment, int64_t run,
                   const struct experiment_decision *decision, const struct experiment_exit *exit,
                   const char *message, int64_t now_ms, struct error *error)
{
    bool known = exit != NULL;

    return store_execute(store, error,
                         "UPDATE run SET verdict = ?3, ended_ms = ?4, message = nullif(?5, ''),"
                         " exit_status = iif(?6, ?7, NULL), signal = iif(?6, ?8, NULL),"
                         " wall_s = iif(?6, ?9, NULL), cpu_s = iif(?6, ?10, NULL),"
                         " peak_rss_bytes = iif(?6, ?11, NULL) WHERE experiment = ?1 AND run = ?2",
                         BIND(INT(experiment), INT(run), INT(decision->run_verdict), INT(now_ms),
                              TEXT(message), INT(known), INT(known ? exit->status : 0),
                              INT(known ? exit->signal : 0), REAL(known ? exit->wall_s : 0),
                              REAL(known ? exit->cpu_s : 0),
                              INT(known ? exit->peak_rss_bytes : 0)));
}

/* A restart begins with nothing but the history of its runs. */
static bool forget(struct store *store, int64_t experiment, struct error *error)
{
    return store_execute(store, error, "DELETE FROM metric WHERE experiment = ?",
                         BIND(INT(experiment))) &&
           store_execute(store, error, "DELETE FROM result WHERE experiment = ?",
                         BIND(INT(experiment))) &&
           store_execute(store, error, "DELETE FROM event WHERE experiment = ?",
                         BIND(INT(experiment))) &&
           store_execute(store, error,
                         "UPDATE experiment SET retries_left = retries, fresh = 1, marks = NULL,"
                         " checkpoint_step = 0, cleaned = 0, blocked = (SELECT count(*)"
                         " FROM dependency AS d WHERE d.experiment = ?1 AND CASE d.kind"
                         " WHEN 0 THEN EXISTS (SELECT 1 FROM experiment WHERE id = d.needs"
                         " AND ended_ms IS NULL) ELSE EXISTS (SELECT 1 FROM batch"
                         " WHERE id = d.needs AND ended_ms IS NULL) END) WHERE id = ?1",
                         BIND(INT(experiment))) &&
           store_execute(store, error,
                         "UPDATE dependency SET met = CASE kind WHEN 0 THEN EXISTS (SELECT 1"
                         " FROM experiment WHERE id = needs AND ended_ms IS NOT NULL) ELSE EXISTS"
                         " (SELECT 1 FROM batch WHERE id = needs AND ended_ms IS NOT NULL) END"
                         " WHERE experiment = ?",
                         BIND(INT(experiment)));
}

static bool write_state(struct store *store, int64_t experiment, enum experiment_event event,
                        const struct experiment_decision *decision, const char *message,
                        int64_t now_ms, struct error *error)
{
    bool ended = !experiment_state_active(decision->state);
    bool waiting = decision->state == EXPERIMENT_QUEUED || decision->state == EXPERIMENT_HELD;
    bool cancel = event == EXPERIMENT_EVENT_CANCEL && !ended;
    bool keeps_message = event == EXPERIMENT_EVENT_HOLD || event == EXPERIMENT_EVENT_START ||
                         event == EXPERIMENT_EVENT_STARTED || event == EXPERIMENT_EVENT_CANCEL ||
                         event == EXPERIMENT_EVENT_PAUSE || event == EXPERIMENT_EVENT_RESUME;

    return store_execute(
        store, error,
        "UPDATE experiment SET state = ?2, verdict = ?3, losses = ?4,"
        " retries_left = retries_left - ?5, ended_ms = iif(?6, ?7, NULL),"
        " cancel_requested = iif(?8, 1, iif(?9, 0, cancel_requested)),"
        " started_ms = iif(?10, NULL, started_ms), message = iif(?11, message, nullif(?12, '')),"
        " not_before_ms = nullif(?13, 0)"
        " WHERE id = ?1",
        BIND(INT(experiment), INT(decision->state), INT(decision->verdict), INT(decision->losses),
             INT(decision->spend_retry), INT(ended), INT(now_ms), INT(cancel),
             INT(ended || waiting), INT(waiting), INT(keeps_message), TEXT(message),
             INT(decision->delay_ms ? now_ms + decision->delay_ms : 0)));
}

static bool end_batch(struct store *store, int64_t batch, struct worklist *list,
                      struct error *error)
{
    int64_t active, unsuccessful;

    if (!store_integer(store, 0, &active, error,
                       "SELECT sum(n) FROM state_count WHERE batch = ?"
                       " AND state IN (0, 1, 2, 3, 4, 8)",
                       BIND(INT(batch))))
        return false;
    if (active)
        return true;
    if (!store_integer(store, 0, &unsuccessful, error,
                       "SELECT sum(n) FROM state_count WHERE batch = ?"
                       " AND state IN (6, 7)",
                       BIND(INT(batch))) ||
        !store_execute(store, error,
                       "UPDATE batch SET ended_ms = ?2 WHERE id = ?1 AND ended_ms IS NULL",
                       BIND(INT(batch), INT(list->now_ms))))
        return false;
    return worklist_add(list, (struct ended){1, batch, unsuccessful == 0}, error);
}

/* What else follows from the state that was just written. */
static bool follow(struct store *store, int64_t experiment, const struct loaded *loaded,
                   const struct experiment_decision *decision, struct worklist *list,
                   struct error *error)
{
    bool was_active = experiment_state_active(loaded->state);
    bool is_active = experiment_state_active(decision->state);

    if (was_active && !is_active)
        return worklist_add(list, (struct ended){0, experiment, decision->state == EXPERIMENT_DONE},
                            error) &&
               end_batch(store, loaded->batch, list, error);
    if (!was_active && is_active)
        return store_execute(store, error,
                             "UPDATE batch SET ended_ms = NULL, finish_started = 0 WHERE id = ?",
                             BIND(INT(loaded->batch)));
    return true;
}

static bool apply_one(struct store *store, int64_t experiment, enum experiment_event event,
                      const struct experiment_exit *exit, struct worklist *list,
                      struct store_change *ret_change, struct error *error)
{
    struct experiment_decision decision;
    struct loaded loaded;
    char message[768];

    if (!load(store, experiment, &loaded, error))
        return false;
    loaded.facts.exit = exit;
    decision = experiment_decide(loaded.state, event, &loaded.facts);
    *ret_change = (struct store_change){decision, loaded.state, loaded.run};
    if (!decision.allowed)
        return true;
    tell(event, &decision, exit, message, sizeof(message));
    if (decision.run_verdict != VERDICT_NONE &&
        !store_end_run(store, experiment, loaded.run, &decision, exit, message, list->now_ms,
                       error))
        return false;
    if (!write_state(store, experiment, event, &decision, message, list->now_ms, error) ||
        (decision.fresh && !forget(store, experiment, error)) ||
        !store_note_changed(store, experiment, error))
        return false;
    return follow(store, experiment, &loaded, &decision, list, error);
}

/* ---- those who wait for it ---- */

struct dependent {
    int64_t experiment;
    bool ok;
};
struct dependents {
    struct dependent *item; /* owned */
    size_t n, capacity;
};

static void dependents_release(struct dependents *dependents)
{
    free(dependents->item);
}

static bool add_dependent(sqlite3_stmt *row, void *context, struct error *error)
{
    struct dependents *dependents = context;

    if (dependents->n == dependents->capacity) {
        size_t capacity = dependents->capacity ? 2 * dependents->capacity : 16;
        struct dependent *item = realloc(dependents->item, capacity * sizeof(*item));

        if (!item)
            return error_set(error, ERROR_NO_MEMORY, "following dependencies");
        dependents->item = item;
        dependents->capacity = capacity;
    }
    dependents->item[dependents->n++] = (struct dependent){column_int(row, 0), column_int(row, 1)};
    return true;
}

static bool release_dependents(struct store *store, const struct ended *ended,
                               struct worklist *list, struct error *error)
{
    scoped(dependents_release) struct dependents dependents = {0};
    struct store_change change;

    if (!store_each(store, error, add_dependent, &dependents,
                    "SELECT experiment, ok FROM dependency"
                    " WHERE kind = ?1 AND needs = ?2 AND met = 0",
                    BIND(INT(ended->kind), INT(ended->id))))
        return false;
    if (dependents.n == 0)
        return true;
    if (!store_execute(store, error,
                       "UPDATE experiment SET blocked = blocked - 1 WHERE id IN (SELECT experiment"
                       " FROM dependency WHERE kind = ?1 AND needs = ?2 AND met = 0)",
                       BIND(INT(ended->kind), INT(ended->id))) ||
        !store_execute(store, error, "UPDATE dependency SET met = 1 WHERE kind = ?1 AND needs = ?2",
                       BIND(INT(ended->kind), INT(ended->id))))
        return false;
    for (size_t i = 0; i < dependents.n; i++) {
        if (dependents.item[i].ok && !ended->ok &&
            !apply_one(store, dependents.item[i].experiment, EXPERIMENT_EVENT_DEPENDENCY_FAILED,
                       NULL, list, &change, error))
            return false;
    }
    return true;
}

/* What many failures alike, a success, or somebody's wish to go on mean for the rest of the batch.
 */
static bool mind_breaker(struct store *store, int64_t experiment, enum experiment_event event,
                         const struct experiment_exit *exit, const struct store_change *change,
                         struct worklist *list, struct error *error)
{
    scoped(store_ids_release) struct store_ids rest = {0};
    struct store_change held;

    if (!change->decision.allowed)
        return true;
    if (event == EXPERIMENT_EVENT_RELEASE || event == EXPERIMENT_EVENT_RESTART)
        return store_breaker_reset(store, experiment, error);
    if (event != EXPERIMENT_EVENT_EXIT)
        return true;
    if (!store_breaker_count(store, experiment, change->decision.run_verdict, exit, &rest, error))
        return false;
    for (size_t i = 0; i < rest.n; i++) {
        if (!apply_one(store, rest.item[i], EXPERIMENT_EVENT_HOLD, NULL, list, &held, error) ||
            !store_breaker_tell(store, rest.item[i], error))
            return false;
    }
    return true;
}

/* What waits is dropped when a run has used up the time of its sweep. A restart is somebody's wish
 * to go on; what is cancelled here is dropped once and for all, with its batch. */
static bool mind_budget(struct store *store, int64_t experiment, enum experiment_event event,
                        const struct store_change *change, struct worklist *list,
                        struct error *error)
{
    scoped(store_ids_release) struct store_ids rest = {0};
    struct store_change dropped;

    if (!change->decision.allowed)
        return true;
    if (event == EXPERIMENT_EVENT_RESTART)
        return store_budget_lift(store, experiment, error);
    if (change->decision.run_verdict == VERDICT_NONE)
        return true;
    if (!store_budget_count(store, experiment, change->run, list->now_ms, &rest, error))
        return false;
    for (size_t i = 0; i < rest.n; i++) {
        if (!apply_one(store, rest.item[i], EXPERIMENT_EVENT_CANCEL, NULL, list, &dropped, error) ||
            !store_budget_tell(store, rest.item[i], error))
            return false;
    }
    return true;
}

bool store_apply(struct store *store, int64_t experiment, enum experiment_event event,
                 const struct experiment_exit *exit, int64_t now_ms,
                 struct store_change *ret_change, struct error *error)
{
    scoped(worklist_release) struct worklist list = {.now_ms = now_ms};
    struct store_change change;

    assert(store_in_transaction(store));
    if (!apply_one(store, experiment, event, exit, &list, &change, error) ||
        !mind_breaker(store, experiment, event, exit, &change, &list, error) ||
        !mind_budget(store, experiment, event, &change, &list, error))
        return false;
    /* A list and no recursion: chains of dependents may be as long as the queue. */
    for (size_t i = 0; i < list.n; i++) {
        struct ended ended = list.item[i];

        if (!release_dependents(store, &ended, &list, error))
            return false;
    }
    *ret_change = change;
    return true;
}

bool store_is_ended(struct store *store, int64_t kind, int64_t id, bool *ret_ended, bool *ret_ok,
                    struct error *error)
{
    scoped(statement_end) sqlite3_stmt *statement = NULL;

    if (!store_get(store, &statement, error, kind == 0 ? "experiment" : "batch", id,
                   kind == 0 ? "SELECT ended_ms IS NOT NULL, state = 5 FROM experiment"
                               " WHERE id = ?"
                             : "SELECT ended_ms IS NOT NULL, NOT EXISTS (SELECT 1 FROM"
                               " state_count WHERE batch = id AND state <> 5 AND n > 0)"
                               " FROM batch WHERE id = ?"))
        return false;
    *ret_ended = column_int(statement, 0);
    *ret_ok = column_int(statement, 1);
    return true;
}

/* ---- retries that are due ---- */

bool store_next_due(struct store *store, int64_t now_ms, int64_t *ret_delay_ms, struct error *error)
{
    int64_t changes = sqlite3_total_changes64(store->database), due_ms;

    *ret_delay_ms = -1;
    if (store->none_due_at == changes + 1)
        return true; /* asked in every turn */
    if (!store_integer(store, 0, &due_ms, error,
                       "SELECT not_before_ms FROM experiment WHERE not_before_ms IS NOT NULL"
                       " ORDER BY not_before_ms LIMIT 1",
                       NULL))
        return false;
    if (due_ms != 0)
        *ret_delay_ms =
            due_ms <= now_ms || due_ms - now_ms > EXPERIMENT_DELAY_LIMIT_MS ? 0 : due_ms - now_ms;
    else if (!store->in_transaction)
        store->none_due_at = changes + 1;
    return true;
}

bool store_release_due(struct store *store, int64_t now_ms, struct error *error)
{
    int64_t delay_ms;

    if (!store_next_due(store, now_ms, &delay_ms, error))
        return false;
    /* What is further away than any delay was written before the clock was set back. */
    return delay_ms != 0 ||
           store_execute(store, error,
                         "UPDATE experiment SET not_before_ms = NULL WHERE not_before_ms <= ?1"
                         " OR not_before_ms > ?1 + ?2",
                         BIND(INT(now_ms), INT(EXPERIMENT_DELAY_LIMIT_MS)));
}

/* ---- batches that have ended ---- */

void store_ended_batch_release(struct store_ended_batch *batch)
{
    free(batch->name);
    free(batch->cwd);
    free(batch->on_finish);
    json_free(&batch->environment);
    *batch = (struct store_ended_batch){0};
}

static bool read_ended(sqlite3_stmt *row, struct store_ended_batch *batch, struct error *error)
{
    batch->id = column_int(row, 0);
    batch->name = strdup(column_text(row, 1));
    batch->cwd = strdup(column_text(row, 2));
    batch->on_finish = strdup(column_text(row, 3));
    batch->done = column_int(row, 5);
    batch->failed = column_int(row, 6);
    batch->cancelled = column_int(row, 7);
    if (!batch->name || !batch->cwd || !batch->on_finish)
        return error_set(error, ERROR_NO_MEMORY, "ending batch %" PRId64, batch->id);
    return column_json(row, 4, &batch->environment, error);
}

bool store_next_finished(struct store *store, struct store_ended_batch *ret_batch, bool *ret_found,
                         struct error *error)
{
    scoped(store_ended_batch_release) struct store_ended_batch batch = {0};
    scoped(statement_end) sqlite3_stmt *statement = NULL;
    bool found;

    if (!store_find(store, &statement, &found, error,
                    "SELECT b.id, b.name, b.cwd, b.on_finish, v.variables,"
                    " coalesce((SELECT n FROM state_count WHERE batch = b.id AND state = 5), 0),"
                    " coalesce((SELECT n FROM state_count WHERE batch = b.id AND state = 6), 0),"
                    " coalesce((SELECT n FROM state_count WHERE batch = b.id AND state = 7), 0)"
                    " FROM batch AS b LEFT JOIN environment AS v ON v.id = b.environment"
                    " WHERE b.ended_ms IS NOT NULL AND b.on_finish IS NOT NULL"
                    " AND b.finish_started = 0 ORDER BY b.id LIMIT 1",
                    NULL) ||
        (found && !read_ended(statement, &batch, error)))
        return false;
    *ret_batch = batch;
    batch = (struct store_ended_batch){0};
    *ret_found = found;
    return true;
}

bool store_set_finish_started(struct store *store, int64_t batch, struct error *error)
{
    return store_execute(store, error, "UPDATE batch SET finish_started = 1 WHERE id = ?",
                         BIND(INT(batch)));
}
