/*
 * The time of a sweep: when the runs of a batch have taken sweep.time in all, those beside one
 * another counted each, what still waits is cancelled and told why; what runs may end. A restart of
 * one that was dropped lifts the limit.
 *
 * Time in which nothing was computed is not charged: a night without power, a pause, the sleep of
 * the machine. The `exit` of a run tells how long it took. One that is under way, or was lost, is
 * charged what is sure, since what is dropped on a wrong guess does not run that night.
 */
#include "common/clock.h"
#include "common/owner.h"
#include "common/process.h"
#include "daemon/store/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 4096

/* ---- what a run took that does not say so ---- */

struct attempt {
    int64_t experiment, run;
    int64_t started_ms, paused_ms; /* wall */
    int64_t pause_began_ms;        /* wall, of a pause that goes on; 0: none does */
    struct process worker;         /* pid and start */
    bool this_boot;                /* it was started in this one, ?1 */
};
#define ATTEMPT                                                                       \
    "r.experiment, r.run, r.started_ms, r.paused_ms, r.pause_began_ms, r.worker_pid," \
    " r.worker_start, r.boot = ?1"

static struct attempt read_attempt(sqlite3_stmt *row)
{
    return (struct attempt){
        .experiment = column_int(row, 0),
        .run = column_int(row, 1),
        .started_ms = column_int(row, 2),
        .paused_ms = column_int(row, 3),
        .pause_began_ms = column_int(row, 4),
        .worker = {.pid = (pid_t)column_int(row, 5), .start = column_int(row, 6)},
        .this_boot = column_int(row, 7),
    };
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* One that ended without a word may be under way by its row, and not have been found yet. */
static bool has_worker(const struct attempt *attempt)
{
    struct process now;

    return attempt->this_boot && attempt->worker.pid > 0 &&
           process_look(attempt->worker.pid, &now) && now.start == attempt->worker.start &&
           now.state != 'Z';
}

/* When it last wrote anything; `otherwise_ms` where it has no files. */
static int64_t last_word_ms(const struct store *store, const struct attempt *attempt,
                            int64_t otherwise_ms)
{
    static const char *const written[] = {"events.jsonl", "reported.jsonl", "log"};
    int64_t last_ms = -1;
    char path[PATH_SIZE];
    struct stat status;

    for (size_t i = 0; i < sizeof(written) / sizeof(*written); i++) {
        (void)snprintf(path, sizeof(path), "%s/runs/%" PRId64 "/%" PRId64 "/%s", store->home,
                       attempt->experiment, attempt->run, written[i]);
        if (stat(path, &status) != 0)
            continue;
        int64_t ms = status.st_mtim.tv_sec * INT64_C(1000) + status.st_mtim.tv_nsec / 1000000;
        if (ms > last_ms)
            last_ms = ms;
    }
    return last_ms >= 0 ? last_ms : otherwise_ms;
}

/* The worker's start is told by the clock that runs on in suspend, the end by the one that does
 * not, and neither is ever set: no more than what its worker saw, and less where the machine had
 * slept before that. */
static int64_t awake_ms(const struct attempt *attempt)
{
    return clock_system.monotonic_ms(clock_system.context) -
           attempt->worker.start * 1000 / sysconf(_SC_CLK_TCK);
}

static int64_t computed_ms(const struct store *store, const struct attempt *attempt, bool ended,
                           int64_t now_ms)
{
    bool works = !ended && has_worker(attempt);
    int64_t until_ms = works ? now_ms : least(now_ms, last_word_ms(store, attempt, now_ms));
    int64_t ms;

    if (attempt->pause_began_ms > 0)
        until_ms = least(until_ms, attempt->pause_began_ms);
    ms = until_ms - attempt->started_ms;
    if (works)
        ms = least(ms, awake_ms(attempt));
    ms -= attempt->paused_ms;
    return ms > 0 ? ms : 0;
}

/* ---- what a batch took ---- */

/* Every millisecond that was begun. */
static bool count_run(struct store *store, int64_t batch, int64_t experiment, int64_t run,
                      int64_t now_ms, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    struct attempt attempt;
    bool found;

    if (!store_find(store, &row, &found, error,
                    "SELECT " ATTEMPT ", cast(r.wall_s * 1000 + 0.999 AS INTEGER) FROM run AS r"
                    " WHERE r.experiment = ?2 AND r.run = ?3"
                    " AND (r.started_ms IS NOT NULL OR r.wall_s IS NOT NULL)",
                    BIND(TEXT(store->boot), INT(experiment), INT(run))))
        return false;
    if (!found)
        return true;
    attempt = read_attempt(row);
    return store_execute(
        store, error, "UPDATE batch SET used_ms = used_ms + ?2 WHERE id = ?1",
        BIND(INT(batch), INT(column_null(row, 8) ? computed_ms(store, &attempt, true, now_ms)
                                                 : column_int(row, 8))));
}

struct live {
    const struct store *store; /* borrowed */
    int64_t now_ms, sum_ms;
};

static bool add_live(sqlite3_stmt *row, void *context, struct error *error)
{
    struct live *live = context;
    const struct attempt attempt = read_attempt(row);

    (void)error;
    live->sum_ms += computed_ms(live->store, &attempt, false, live->now_ms);
    return true;
}

/* Its runs that are under way. */
static bool live_ms(struct store *store, int64_t batch, int64_t now_ms, int64_t *ret_ms,
                    struct error *error)
{
    struct live live = {.store = store, .now_ms = now_ms};

    if (!store_each(store, error, add_live, &live,
                    "SELECT " ATTEMPT
                    " FROM experiment AS e JOIN run AS r ON r.experiment = e.id AND r.run = e.run"
                    " WHERE e.state IN (3, 4, 8) AND e.batch = ?2 AND r.started_ms IS NOT NULL",
                    BIND(TEXT(store->boot), INT(batch))))
        return false;
    *ret_ms = live.sum_ms;
    return true;
}

static bool drop_rest(struct store *store, int64_t batch, int64_t limit_ms, struct store_ids *ids,
                      struct error *error)
{
    char limit[24], text[160];

    if (limit_ms < 10000)
        (void)snprintf(limit, sizeof(limit), "%gs", (double)limit_ms / 1000);
    else
        (void)clock_format_duration(limit_ms, limit);
    (void)snprintf(text, sizeof(text),
                   "the time of the sweep, %s in all runs, is used up; nj restart lifts the limit",
                   limit);
    return store_each(store, error, store_ids_visit, ids,
                      "SELECT e.id FROM batch AS b, experiment AS e"
                      " WHERE b.id = ? AND e.id BETWEEN b.first AND b.last AND e.state IN (0, 1)"
                      " ORDER BY e.id",
                      BIND(INT(batch))) &&
           (ids->n == 0 || store_execute(store, error, "UPDATE batch SET spent = ?2 WHERE id = ?1",
                                         BIND(INT(batch), TEXT(text))));
}

/* The batch and its limit; 0: it has none. */
static bool find_limit(struct store *store, int64_t experiment, int64_t *ret_batch,
                       int64_t *ret_limit_ms, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    bool found;

    if (!store_find(store, &row, &found, error,
                    "SELECT b.id, b.time_ms FROM experiment AS e"
                    " JOIN batch AS b ON b.id = e.batch WHERE e.id = ? AND b.time_ms IS NOT NULL",
                    BIND(INT(experiment))))
        return false;
    *ret_batch = found ? column_int(row, 0) : 0;
    *ret_limit_ms = found ? column_int(row, 1) : 0;
    return true;
}

bool store_budget_count(struct store *store, int64_t experiment, int64_t run, int64_t now_ms,
                        struct store_ids *ids, struct error *error)
{
    int64_t batch, limit_ms, used_ms, live;

    if (!find_limit(store, experiment, &batch, &limit_ms, error))
        return false;
    if (!batch)
        return true;
    if (!count_run(store, batch, experiment, run, now_ms, error) ||
        !store_integer(store, 0, &used_ms, error, "SELECT used_ms FROM batch WHERE id = ?",
                       BIND(INT(batch))) ||
        !live_ms(store, batch, now_ms, &live, error))
        return false;
    return used_ms + live < limit_ms || drop_rest(store, batch, limit_ms, ids, error);
}

bool store_budget_tell(struct store *store, int64_t experiment, struct error *error)
{
    return store_execute(store, error,
                         "UPDATE experiment SET message = (SELECT spent FROM batch"
                         " WHERE batch.id = experiment.batch) WHERE id = ?",
                         BIND(INT(experiment)));
}

bool store_budget_lift(struct store *store, int64_t experiment, struct error *error)
{
    return store_execute(store, error,
                         "UPDATE batch SET time_ms = NULL WHERE spent IS NOT NULL"
                         " AND id = (SELECT batch FROM experiment WHERE id = ?)",
                         BIND(INT(experiment)));
}
