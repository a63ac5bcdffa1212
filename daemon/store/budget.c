/*
 * The time of a sweep: when the runs of a batch have taken sweep.time in all, those beside one
 * another counted each, what still waits is cancelled and told why; what runs may end. A restart of
 * one that was dropped lifts the limit.
 */
#include "common/clock.h"
#include "common/owner.h"
#include "daemon/store/internal.h"

#include <inttypes.h>
#include <stdio.h>

/* Every millisecond that was begun. */
static bool count_run(struct store *store, int64_t experiment, int64_t run, struct error *error)
{
    return store_execute(
        store, error,
        "UPDATE batch SET used_ms = used_ms + coalesce((SELECT coalesce("
        " cast(wall_s * 1000 + 0.999 AS INTEGER), max(0, ended_ms - started_ms))"
        " FROM run WHERE experiment = ?1 AND run = ?2), 0)"
        " WHERE id = (SELECT batch FROM experiment WHERE id = ?1) AND time_ms IS NOT NULL",
        BIND(INT(experiment), INT(run)));
}

/* Its runs that are under way, pauses not counted. */
static bool live_ms(struct store *store, int64_t batch, int64_t now_ms, int64_t *ret_ms,
                    struct error *error)
{
    return store_integer(
        store, 0, ret_ms, error,
        "SELECT sum(max(0, coalesce(r.pause_began_ms, ?2) - r.started_ms - r.paused_ms))"
        " FROM experiment AS e JOIN run AS r ON r.experiment = e.id AND r.run = e.run"
        " WHERE e.state IN (3, 4, 8) AND e.batch = ?1 AND r.started_ms IS NOT NULL",
        BIND(INT(batch), INT(now_ms)));
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

bool store_budget_count(struct store *store, int64_t experiment, int64_t run, int64_t now_ms,
                        struct store_ids *ids, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    int64_t batch, limit_ms, used_ms, live;
    bool found;

    if (!count_run(store, experiment, run, error) ||
        !store_find(store, &row, &found, error,
                    "SELECT b.id, b.time_ms, b.used_ms FROM experiment AS e"
                    " JOIN batch AS b ON b.id = e.batch WHERE e.id = ? AND b.time_ms IS NOT NULL",
                    BIND(INT(experiment))))
        return false;
    if (!found)
        return true;
    batch = column_int(row, 0);
    limit_ms = column_int(row, 1);
    used_ms = column_int(row, 2);
    if (!live_ms(store, batch, now_ms, &live, error))
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
