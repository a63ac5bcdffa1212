/*
 * The breaker of a batch: when queue.breaker configurations of it failed alike (daemon/failure.h)
 * and none has succeeded since the first of them, the others would most likely fail too. What waits
 * is held; what runs may end. A timeout tells nothing about the others and is not counted.
 */
#include "common/owner.h"
#include "daemon/failure.h"
#include "daemon/store/internal.h"

#include <inttypes.h>
#include <stdio.h>

struct place {
    int64_t batch, limit;
    char configuration[HASH_TEXT_SIZE];
};

static bool find_place(struct store *store, int64_t experiment, struct place *ret_place,
                       struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;

    if (!store_get(store, &row, error, "experiment", experiment,
                   "SELECT batch, breaker, configuration FROM experiment WHERE id = ?"))
        return false;
    *ret_place = (struct place){.batch = column_int(row, 0), .limit = column_int(row, 1)};
    (void)snprintf(ret_place->configuration, sizeof(ret_place->configuration), "%s",
                   column_text(row, 2));
    return true;
}

static bool forget(struct store *store, int64_t batch, struct error *error)
{
    return store_execute(store, error, "DELETE FROM failure WHERE batch = ?", BIND(INT(batch)));
}

static bool trip(struct store *store, const struct place *place, int64_t n,
                 const struct experiment_exit *exit, struct store_ids *ids, struct error *error)
{
    char cause[640], text[800];

    experiment_exit_describe(exit, cause, sizeof(cause));
    (void)snprintf(text, sizeof(text),
                   "%" PRId64 " configurations of batch %" PRId64
                   " failed alike (%s); the rest is held: nj release batch:%" PRId64,
                   n, place->batch, cause, place->batch);
    return store_each(store, error, store_ids_visit, ids,
                      "SELECT e.id FROM batch AS b, experiment AS e"
                      " WHERE b.id = ? AND e.id BETWEEN b.first AND b.last AND e.state = 1"
                      " ORDER BY e.id",
                      BIND(INT(place->batch))) &&
           (ids->n == 0 ||
            store_execute(store, error,
                          "UPDATE batch SET broken = coalesce(broken, ?2) WHERE id = ?1",
                          BIND(INT(place->batch), TEXT(text))));
}

bool store_breaker_count(struct store *store, int64_t experiment, enum experiment_verdict verdict,
                         const struct experiment_exit *exit, struct store_ids *ids,
                         struct error *error)
{
    char fingerprint[HASH_TEXT_SIZE];
    struct place place;
    int64_t n;

    if (verdict != VERDICT_DONE && verdict != VERDICT_FAILED && verdict != VERDICT_INVALID &&
        verdict != VERDICT_OUT_OF_MEMORY)
        return true;
    if (!find_place(store, experiment, &place, error))
        return false;
    if (verdict == VERDICT_DONE)
        return forget(store, place.batch, error);
    if (place.limit == 0)
        return true;
    failure_fingerprint(exit, fingerprint);
    if (!store_execute(store, error,
                       "INSERT INTO failure VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                       BIND(INT(place.batch), TEXT(fingerprint), TEXT(place.configuration))) ||
        !store_integer(store, 0, &n, error,
                       "SELECT count(*) FROM failure WHERE batch = ?1 AND fingerprint = ?2",
                       BIND(INT(place.batch), TEXT(fingerprint))))
        return false;
    return n < place.limit || trip(store, &place, n, exit, ids, error);
}

bool store_breaker_tell(struct store *store, int64_t experiment, struct error *error)
{
    return store_execute(store, error,
                         "UPDATE experiment SET message = (SELECT broken FROM batch"
                         " WHERE batch.id = experiment.batch) WHERE id = ?",
                         BIND(INT(experiment)));
}

bool store_breaker_reset(struct store *store, int64_t experiment, struct error *error)
{
    struct place place;

    return find_place(store, experiment, &place, error) && forget(store, place.batch, error) &&
           store_execute(store, error,
                         "UPDATE batch SET broken = NULL WHERE id = ? AND broken IS NOT NULL",
                         BIND(INT(place.batch)));
}
