#include "daemon/store/report.h"

#include "common/owner.h"
#include "daemon/store/internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDS_LIMIT 20

/* ---- batches ---- */

void store_batch_head_release(struct store_batch_head *head)
{
    free(head->name);
    free(head->question);
    free(head->expectation);
    free(head->metric);
    free(head->broken);
    json_free(&head->base);
    json_free(&head->sweep);
    *head = (struct store_batch_head){0};
}

static bool copy_text(sqlite3_stmt *row, int column, char **ret_text, struct error *error)
{
    const char *text = column_text(row, column);

    *ret_text = text ? strdup(text) : NULL;
    return !text || *ret_text || error_set(error, ERROR_NO_MEMORY, "reading a batch");
}

bool store_batch_head(struct store *store, int64_t batch, struct store_batch_head *ret_head,
                      struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    scoped(store_batch_head_release) struct store_batch_head head = {.id = batch};

    if (!store_get(store, &row, error, "batch", batch,
                   "SELECT first, last, created_ms, ended_ms, minimize, name, question, metric,"
                   " base, broken, expectation, sweep FROM batch WHERE id = ?"))
        return false;
    head.first = column_int(row, 0);
    head.last = column_int(row, 1);
    head.created_ms = column_int(row, 2);
    head.ended_ms = column_int(row, 3);
    head.minimize = column_int(row, 4);
    if (!copy_text(row, 5, &head.name, error) || !copy_text(row, 6, &head.question, error) ||
        !copy_text(row, 7, &head.metric, error) || !column_json(row, 8, &head.base, error) ||
        !copy_text(row, 9, &head.broken, error) || !copy_text(row, 10, &head.expectation, error) ||
        !column_json(row, 11, &head.sweep, error))
        return false;
    *ret_head = head;
    head = (struct store_batch_head){0};
    return true;
}

bool store_batch_of(struct store *store, int64_t experiment, int64_t *ret_batch,
                    struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;

    if (!store_get(store, &row, error, "experiment", experiment,
                   "SELECT batch FROM experiment WHERE id = ?"))
        return false;
    *ret_batch = column_int(row, 0);
    return true;
}

bool store_recent_batches(struct store *store, int64_t since_ms, struct store_ids *ret_ids,
                          struct error *error)
{
    scoped(store_ids_release) struct store_ids ids = {0};

    if (!store_each(store, error, store_ids_visit, &ids,
                    "SELECT id FROM batch WHERE ended_ms IS NULL"
                    " OR ended_ms >= ?1 OR created_ms >= ?1 ORDER BY id",
                    BIND(INT(since_ms))))
        return false;
    *ret_ids = ids;
    ids = (struct store_ids){0};
    return true;
}

bool store_batch_tally(struct store *store, int64_t batch, struct store_batch_tally *ret_tally,
                       struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;

    if (!store_get(store, &row, error, "batch", batch,
                   "SELECT b.first, b.last, (SELECT n FROM state_count WHERE batch = b.id"
                   " AND state = 6) FROM batch AS b WHERE b.id = ?"))
        return false;
    *ret_tally =
        (struct store_batch_tally){column_int(row, 0), column_int(row, 1), column_int(row, 2)};
    return true;
}

/* ---- outcomes ---- */

static double or_zero(double value)
{
    return isnan(value) ? 0 : value;
}

struct outcomes {
    store_outcome_visit *visit;
    void *context;
};

static bool visit_outcome(sqlite3_stmt *row, void *context, struct error *error)
{
    const struct outcomes *outcomes = context;
    const struct store_outcome outcome = {
        .id = column_int(row, 0),
        .batch = column_int(row, 1),
        .seed = column_int(row, 2),
        .replicate = column_int(row, 3),
        .runs = column_int(row, 4),
        .state = (enum experiment_state)column_int(row, 5),
        .verdict = (enum experiment_verdict)column_int(row, 6),
        .name = column_text(row, 7),
        .configuration = column_text(row, 8),
        .parameters = column_text(row, 9),
        .marks = column_text(row, 10),
        .message = column_text(row, 11),
        .value = column_real(row, 12),
        .naive = column_real(row, 13),
        .wall_s = or_zero(column_real(row, 14)),
        .cpu_s = or_zero(column_real(row, 15)),
        .wasted_s = or_zero(column_real(row, 16)),
        .started_ms = column_int(row, 17),
        .ended_ms = column_int(row, 18),
    };

    return outcomes->visit(&outcome, outcomes->context, error);
}

bool store_outcomes(struct store *store, int64_t first, int64_t last, const char *metric,
                    store_outcome_visit *visit, void *context, struct error *error)
{
    struct outcomes outcomes = {visit, context};
    int64_t name;

    if (!store_integer(store, 0, &name, error, "SELECT id FROM metric_name WHERE name = ?",
                       BIND(TEXT(metric))))
        return false;
    return store_each(
        store, error, visit_outcome, &outcomes,
        "SELECT e.id, e.batch, e.seed, e.replicate, e.run, e.state, e.verdict, e.name,"
        " e.configuration, e.parameters, e.marks, e.message, v.value, v.naive,"
        " (SELECT sum(wall_s) FROM run AS r WHERE r.experiment = e.id),"
        " (SELECT sum(cpu_s) FROM run AS r WHERE r.experiment = e.id),"
        " (SELECT sum(wall_s) FROM run AS r WHERE r.experiment = e.id"
        " AND r.verdict NOT IN (0, 1, 9)),"
        " (SELECT min(started_ms) FROM run AS r WHERE r.experiment = e.id),"
        " (SELECT max(ended_ms) FROM run AS r WHERE r.experiment = e.id)"
        " FROM experiment AS e LEFT JOIN result AS v ON v.experiment = e.id AND v.name = ?3"
        " WHERE e.id BETWEEN ?1 AND ?2 ORDER BY e.id",
        BIND(INT(first), INT(last), INT(name)));
}

bool store_has_metric(struct store *store, int64_t first, int64_t last, const char *metric,
                      bool *ret_has, struct error *error)
{
    int64_t n;

    if (!store_integer(store, 0, &n, error,
                       "SELECT EXISTS (SELECT 1 FROM result AS r JOIN metric_name AS n"
                       " ON n.id = r.name WHERE n.name = ?3 AND r.experiment BETWEEN ?1 AND ?2)",
                       BIND(INT(first), INT(last), TEXT(metric))))
        return false;
    *ret_has = n;
    return true;
}

bool store_metric_goal(struct store *store, int64_t first, int64_t last, const char *metric,
                       bool *ret_said, bool *ret_minimize, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;

    if (!store_find(store, &row, ret_said, error,
                    "SELECT r.minimize FROM result AS r JOIN metric_name AS n ON n.id = r.name"
                    " WHERE n.name = ?3 AND r.experiment BETWEEN ?1 AND ?2"
                    " AND r.minimize IS NOT NULL ORDER BY r.experiment LIMIT 1",
                    BIND(INT(first), INT(last), TEXT(metric))))
        return false;
    *ret_minimize = *ret_said && column_int(row, 0);
    return true;
}

bool store_first_metric(struct store *store, int64_t first, int64_t last, char *ret_metric,
                        size_t size, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    bool found;

    if (!store_find(store, &row, &found, error,
                    "SELECT n.name FROM result AS r JOIN metric_name AS n ON n.id = r.name"
                    " WHERE r.experiment BETWEEN ?1 AND ?2"
                    " ORDER BY r.final DESC, r.run, r.seq, r.name LIMIT 1",
                    BIND(INT(first), INT(last))))
        return false;
    (void)snprintf(ret_metric, size, "%s", found ? column_text(row, 0) : "");
    return true;
}

static bool add_result(sqlite3_stmt *row, void *context, struct error *error)
{
    cJSON *results = context;

    return json_add_number(results, column_text(row, 0), column_real(row, 1)) ||
           store_no_memory(error);
}

bool store_results(struct store *store, int64_t experiment, cJSON **ret_results,
                   struct error *error)
{
    scoped(json_free) cJSON *results = cJSON_CreateObject();

    if (!results)
        return store_no_memory(error);
    if (!store_each(store, error, add_result, results,
                    "SELECT n.name, r.value FROM result AS r JOIN metric_name AS n"
                    " ON n.id = r.name WHERE r.experiment = ? ORDER BY r.final DESC, r.run, r.seq",
                    BIND(INT(experiment))))
        return false;
    *ret_results = take(&results);
    return true;
}

/* ---- warnings and notes ---- */

static bool add_remark(sqlite3_stmt *row, void *context, struct error *error)
{
    scoped(json_free) cJSON *ids = NULL;
    cJSON *list = context, *item = cJSON_CreateObject();

    if (!item || !cJSON_AddItemToArray(list, item))
        return store_no_memory(error);
    if (!column_json(row, 2, &ids, error))
        return false;
    return (json_add_text(item, "text", column_text(row, 0)) &&
            json_add_integer(item, "count", column_int(row, 1)) &&
            json_add_item(item, "experiments", &ids)) ||
           store_no_memory(error);
}

struct event_texts {
    store_text_visit *visit;
    void *context;
};

static bool visit_text(sqlite3_stmt *row, void *context, struct error *error)
{
    const struct event_texts *texts = context;

    return texts->visit(column_text(row, 0), column_int(row, 1), texts->context, error);
}

static bool event_texts(struct store *store, int64_t first, int64_t last, int kind,
                        store_text_visit *visit, void *context, struct error *error)
{
    struct event_texts texts = {visit, context};

    return store_each(store, error, visit_text, &texts,
                      "SELECT DISTINCT json ->> 'text' AS text, experiment FROM event"
                      " WHERE experiment BETWEEN ?1 AND ?2 AND kind = ?3 AND text IS NOT NULL"
                      " ORDER BY experiment, text",
                      BIND(INT(first), INT(last), INT(kind)));
}

bool store_warnings(struct store *store, int64_t first, int64_t last, store_text_visit *visit,
                    void *context, struct error *error)
{
    return event_texts(store, first, last, STORE_EVENT_WARNING, visit, context, error);
}

bool store_remarks(struct store *store, int64_t first, int64_t last, store_text_visit *visit,
                   void *context, struct error *error)
{
    return event_texts(store, first, last, STORE_EVENT_NOTE, visit, context, error);
}

/* A note about several experiments points at what any of its kin does. */
static bool add_linked(sqlite3_stmt *row, void *context, struct error *error)
{
    scoped(json_free) cJSON *links = NULL;
    cJSON *list = context;

    if (!add_remark(row, list, error) || !column_json(row, 3, &links, error))
        return false;
    return !links ||
           json_add_item(cJSON_GetArrayItem(list, cJSON_GetArraySize(list) - 1), "links", &links) ||
           store_no_memory(error);
}

bool store_notes(struct store *store, int64_t first, int64_t last, int64_t limit, cJSON *list,
                 struct error *error)
{
    return store_each(
        store, error, add_linked, list,
        "SELECT text, n, ids, (SELECT nullif(json_group_array(json_object(iif(kind, 'batch',"
        " 'id'), target)), '[]') FROM (SELECT DISTINCT kind, target FROM link JOIN note AS of"
        " ON of.id = link.note WHERE of.experiment BETWEEN ?1 AND ?2 AND of.text = alike.text"
        " ORDER BY kind, target)) FROM"
        " (SELECT text, count(*) AS n, json_group_array(experiment) FILTER (WHERE place <= ?4)"
        " AS ids FROM (SELECT text, experiment, row_number() OVER (PARTITION BY text"
        " ORDER BY experiment) AS place FROM note WHERE experiment BETWEEN ?1 AND ?2"
        " AND text IS NOT NULL) GROUP BY text ORDER BY min(experiment), text LIMIT ?3) AS alike",
        BIND(INT(first), INT(last), INT(limit), INT(IDS_LIMIT)));
}

bool store_dropped(struct store *store, int64_t batch, cJSON *list, struct error *error)
{
    return store_each(
        store, error, add_remark, list,
        "SELECT text, count(*), json_group_array(id) FILTER (WHERE nth <= ?2) FROM"
        " (SELECT b.spent AS text, e.id AS id, row_number() OVER (ORDER BY e.id) AS nth"
        " FROM batch AS b, experiment AS e WHERE b.id = ?1 AND e.id BETWEEN b.first AND b.last"
        " AND e.state = 7 AND e.message = b.spent) GROUP BY text",
        BIND(INT(batch), INT(IDS_LIMIT)));
}

/* ---- the line ---- */

bool store_place(struct store *store, int64_t experiment, struct store_place *ret_place,
                 struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    struct store_place place;

    if (!store_get(store, &row, error, "experiment", experiment,
                   "SELECT e.id, e.priority, n.cpus, n.memory, n.gpus, e.blocked, e.retries_left,"
                   " e.not_before_ms"
                   " FROM experiment AS e JOIN need AS n ON n.id = e.need WHERE e.id = ?"))
        return false;
    place = (struct store_place){
        .candidate = {.id = column_int(row, 0),
                      .priority = column_int(row, 1),
                      .need = {column_real(row, 2), column_int(row, 3), column_int(row, 4)}},
        .blocked = column_int(row, 5),
        .retries_left = column_int(row, 6),
        .not_before_ms = column_int(row, 7),
    };
    if (!store_integer(store, 0, &place.before, error,
                       "SELECT count(*) FROM experiment WHERE state = 1 AND blocked = 0"
                       " AND not_before_ms IS NULL"
                       " AND (priority > ?2 OR (priority = ?2 AND id < ?1))",
                       BIND(INT(experiment), INT(place.candidate.priority))))
        return false;
    *ret_place = place;
    return true;
}

static bool describe_dependency(sqlite3_stmt *row, void *context, struct error *error)
{
    cJSON *reasons = context;
    bool is_batch = column_int(row, 0), ok = column_int(row, 2), met = column_int(row, 3);
    enum experiment_state state = (enum experiment_state)column_int(row, 4);
    char text[256];

    if (is_batch)
        (void)snprintf(text, sizeof(text), "it %s batch %" PRId64 "%s",
                       met ? "waited for" : "waits for", column_int(row, 1),
                       met ? ", not all of which succeeded"
                           : (ok ? ", all of which must succeed" : ", which has not ended"));
    else
        (void)snprintf(text, sizeof(text), "it %s experiment %" PRId64 ", which is %s%s",
                       met ? "waited for" : "waits for", column_int(row, 1),
                       experiment_state_text(state), ok && !met ? " and must succeed" : "");
    return cJSON_AddItemToArray(reasons, cJSON_CreateString(text)) || store_no_memory(error);
}

bool store_explain_dependencies(struct store *store, int64_t experiment, cJSON *reasons,
                                struct error *error)
{
    return store_each(store, error, describe_dependency, reasons,
                      "SELECT d.kind, d.needs, d.ok, d.met, (SELECT state FROM experiment"
                      " WHERE id = d.needs AND d.kind = 0) AS s FROM dependency AS d"
                      " WHERE d.experiment = ?1 AND (d.met = 0 OR (d.ok = 1 AND d.kind = 0"
                      " AND s <> 5) OR (d.ok = 1 AND d.kind = 1 AND EXISTS (SELECT 1 FROM"
                      " state_count WHERE batch = d.needs AND state <> 5 AND n > 0))) LIMIT ?2",
                      BIND(INT(experiment), INT(IDS_LIMIT)));
}

bool store_first_queued(struct store *store, int64_t first, int64_t last, int64_t *ret_id,
                        struct error *error)
{
    return store_integer(
        store, 0, ret_id, error,
        "SELECT id FROM experiment WHERE id BETWEEN ?1 AND ?2 AND state = 1"
        " ORDER BY blocked > 0, not_before_ms IS NOT NULL, priority DESC, id LIMIT 1",
        BIND(INT(first), INT(last)));
}
