/* One experiment, whole; its history; notes; what may be cleaned. */
#include "common/owner.h"
#include "daemon/batch.h"
#include "daemon/store_internal.h"
#include "daemon/store_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY_POINTS 20000
#define TEXTS_LIMIT 200 /* warnings and notes of one reply */
#define NOTE_LIMIT (16 * 1024)

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "answering");
}

static bool add_number_or_null(cJSON *object, const char *name, sqlite3_stmt *row, int column)
{
    if (column_null(row, column))
        return cJSON_AddNullToObject(object, name) != NULL;
    return json_add_number(object, name, sqlite3_column_double(row, column));
}

static bool add_time(cJSON *object, const char *name, sqlite3_stmt *row, int column)
{
    if (column_null(row, column))
        return cJSON_AddNullToObject(object, name) != NULL;
    return json_add_number(object, name, (double)column_int(row, column) / 1000);
}

/* ---- the spec ---- */

struct frozen {
    cJSON *base, *delta, *parameters; /* owned */
};

static void frozen_release(struct frozen *frozen)
{
    json_free(&frozen->base);
    json_free(&frozen->delta);
    json_free(&frozen->parameters);
}

bool store_spec(struct store *store, int64_t experiment, cJSON **ret_spec, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    scoped(frozen_release) struct frozen frozen = {0};
    bool found;

    if (!store_query(store, &row, error,
                     "SELECT b.base, e.delta, e.parameters, e.name, e.seed FROM experiment AS e"
                     " JOIN batch AS b ON b.id = e.batch WHERE e.id = ?",
                     BIND(INT(experiment))) ||
        !store_next(store, row, &found, error))
        return false;
    if (!found)
        return error_set(error, ERROR_NOT_FOUND, "there is no experiment %" PRId64, experiment);
    return column_json(row, 0, &frozen.base, error) && column_json(row, 1, &frozen.delta, error) &&
           column_json(row, 2, &frozen.parameters, error) &&
           batch_compose(frozen.base, frozen.delta, frozen.parameters, column_text(row, 3),
                         column_int(row, 4), ret_spec, error);
}

static bool add_spec(struct store *store, int64_t experiment, cJSON *reply, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    char directory[4096];
    cJSON *spec;
    bool found;

    if (!store_spec(store, experiment, &spec, error))
        return false;
    if (!json_add_item(reply, "spec", &spec))
        return no_memory(error);
    if (!store_query(store, &row, error,
                     "SELECT b.cwd, e.configuration, e.retries_left, e.run, b.name"
                     " FROM experiment AS e JOIN batch AS b ON b.id = e.batch WHERE e.id = ?",
                     BIND(INT(experiment))) ||
        !store_next(store, row, &found, error))
        return false;
    (void)snprintf(directory, sizeof(directory), "%s/runs/%" PRId64 "/%" PRId64, store->home,
                   experiment, column_int(row, 3));
    return (json_add_text(reply, "cwd", column_text(row, 0)) &&
            json_add_text(reply, "configuration", column_text(row, 1)) &&
            json_add_integer(reply, "retries_left", column_int(row, 2)) &&
            json_add_text(reply, "batch_name", column_text(row, 4)) &&
            (column_int(row, 3) ? json_add_text(reply, "directory", directory)
                                : cJSON_AddNullToObject(reply, "directory") != NULL)) ||
           no_memory(error);
}

static bool add_after(struct store *store, int64_t experiment, cJSON *reply, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    cJSON *list = json_add_array(reply, "after");

    if (!list)
        return no_memory(error);
    if (!store_query(store, &row, error,
                     "SELECT kind, needs, ok, met FROM dependency WHERE experiment = ?",
                     BIND(INT(experiment))))
        return false;
    for (;;) {
        cJSON *item;
        bool found;

        if (!store_next(store, row, &found, error))
            return false;
        if (!found)
            return true;
        item = cJSON_CreateObject();
        if (!item || !cJSON_AddItemToArray(list, item) ||
            !json_add_integer(item, column_int(row, 0) ? "batch" : "id", column_int(row, 1)) ||
            !json_add_boolean(item, "ok", column_int(row, 2)) ||
            !json_add_boolean(item, "met", column_int(row, 3)))
            return no_memory(error);
    }
}

/* ---- the result ---- */

static bool add_metrics(struct store *store, int64_t experiment, cJSON *result, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    cJSON *metrics = json_add_object(result, "metrics"), *naive = json_add_object(result, "naive");

    if (!metrics || !naive)
        return no_memory(error);
    if (!store_query(store, &row, error,
                     "SELECT n.name, r.value, r.naive FROM result AS r"
                     " JOIN metric_name AS n ON n.id = r.name WHERE r.experiment = ?"
                     " ORDER BY r.final DESC, r.run, r.seq",
                     BIND(INT(experiment))))
        return false;
    for (;;) {
        bool found;

        if (!store_next(store, row, &found, error))
            return false;
        if (!found)
            return true;
        if (!add_number_or_null(metrics, column_text(row, 0), row, 1) ||
            (!column_null(row, 2) && !add_number_or_null(naive, column_text(row, 0), row, 2)))
            return no_memory(error);
    }
}

/* Visits the events of one kind, the latest run's last. */
static bool each_event(struct store *store, int64_t experiment, enum store_event_kind kind,
                       bool (*visit)(const cJSON *event, int64_t run, void *context), void *context,
                       struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;

    if (!store_query(store, &row, error,
                     "SELECT json, run FROM event WHERE experiment = ?1 AND kind = ?2"
                     " ORDER BY run, journal, seq LIMIT 10000",
                     BIND(INT(experiment), INT(kind))))
        return false;
    for (;;) {
        scoped(json_free) cJSON *event = NULL;
        bool found;

        if (!store_next(store, row, &found, error) ||
            (found && !column_json(row, 0, &event, error)))
            return false;
        if (!found)
            return true;
        if (!visit(event, column_int(row, 1), context))
            return no_memory(error);
    }
}

struct listing {
    const struct store *store;
    int64_t experiment;
    cJSON *into;
};

static cJSON *named(const cJSON *list, const char *name)
{
    cJSON *item;

    cJSON_ArrayForEach(item, list)
    {
        if (strcmp(json_text(item, "name", ""), name) == 0)
            return item;
    }
    return NULL;
}

/* A later run's file of the same name replaces the earlier one's. */
static bool add_artifact(const cJSON *event, int64_t run, void *context)
{
    const struct listing *listing = context;
    const char *name = json_text(event, "name", ""), *path = json_text(event, "path", "");
    cJSON *earlier = named(listing->into, name), *item = cJSON_CreateObject();
    char whole[4096];

    if (*path == '/')
        (void)snprintf(whole, sizeof(whole), "%s", path);
    else
        (void)snprintf(whole, sizeof(whole), "%s/runs/%" PRId64 "/%" PRId64 "/%s",
                       listing->store->home, listing->experiment, run, path);
    if (earlier)
        cJSON_Delete(cJSON_DetachItemViaPointer(listing->into, earlier));
    return item && cJSON_AddItemToArray(listing->into, item) && json_add_text(item, "name", name) &&
           json_add_text(item, "path", whole) &&
           json_add_number(item, "bytes", json_number(event, "bytes", NAN));
}

static bool add_table(const cJSON *event, int64_t run, void *context)
{
    const struct listing *listing = context;
    const cJSON *columns = json_member(event, "columns"), *rows = json_member(event, "rows");
    const char *name = json_text(event, "name", "table");
    cJSON *table = cJSON_CreateObject(), *copy;

    (void)run;
    cJSON_DeleteItemFromObjectCaseSensitive(listing->into, name);
    if (!table || !cJSON_AddItemToObject(listing->into, name, table))
        return false;
    copy = cJSON_Duplicate(columns, true);
    if (columns && (!copy || !json_add_item(table, "columns", &copy)))
        return false;
    copy = cJSON_Duplicate(rows, true);
    return !rows || (copy && json_add_item(table, "rows", &copy));
}

static bool add_result(struct store *store, int64_t experiment, cJSON *reply, struct error *error)
{
    cJSON *result = json_add_object(reply, "result");
    struct listing artifacts = {store, experiment, NULL}, tables = {store, experiment, NULL};

    if (!result)
        return no_memory(error);
    if (!add_metrics(store, experiment, result, error))
        return false;
    artifacts.into = json_add_array(result, "artifacts");
    tables.into = json_add_object(result, "tables");
    if (!artifacts.into || !tables.into)
        return no_memory(error);
    return each_event(store, experiment, STORE_EVENT_ARTIFACT, add_artifact, &artifacts, error) &&
           each_event(store, experiment, STORE_EVENT_TABLE, add_table, &tables, error);
}

/* ---- warnings and notes ---- */

static bool add_text_once(cJSON *list, const cJSON *event, const char *const *member)
{
    cJSON *item;

    if (cJSON_GetArraySize(list) >= TEXTS_LIMIT)
        return true;
    cJSON_ArrayForEach(item, list)
    {
        if (strcmp(json_text(item, "text", ""), json_text(event, "text", "")) == 0)
            return true;
    }
    item = cJSON_CreateObject();
    if (!item || !cJSON_AddItemToArray(list, item))
        return false;
    for (; *member; member++) {
        const cJSON *value = json_member(event, *member);
        cJSON *copy = value ? cJSON_Duplicate(value, true) : NULL;

        if (value && (!copy || !json_add_item(item, *member, &copy)))
            return false;
    }
    return true;
}

static bool add_warning(const cJSON *event, int64_t run, void *context)
{
    static const char *const member[] = {"text", "where", "figure", NULL};

    (void)run;
    return add_text_once(context, event, member);
}

static bool add_event_note(const cJSON *event, int64_t run, void *context)
{
    static const char *const member[] = {"text", NULL};

    (void)run;
    return add_text_once(context, event, member);
}

static bool add_stored_notes(struct store *store, sqlite3_stmt *row, cJSON *list,
                             struct error *error)
{
    for (;;) {
        cJSON *item;
        bool found;

        if (!store_next(store, row, &found, error))
            return false;
        if (!found)
            return true;
        item = cJSON_CreateObject();
        if (!item || !cJSON_AddItemToArray(list, item) || !add_time(item, "time", row, 0) ||
            !json_add_text(item, "text", column_text(row, 1)))
            return no_memory(error);
    }
}

bool store_batch_notes(struct store *store, int64_t batch, cJSON *list, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;

    return store_query(store, &row, error,
                       "SELECT created_ms, text FROM note WHERE batch = ? ORDER BY id",
                       BIND(INT(batch))) &&
           add_stored_notes(store, row, list, error);
}

static bool add_texts(struct store *store, int64_t experiment, cJSON *reply, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    cJSON *warnings = json_add_array(reply, "warnings"), *notes = json_add_array(reply, "notes");

    if (!warnings || !notes)
        return no_memory(error);
    return each_event(store, experiment, STORE_EVENT_WARNING, add_warning, warnings, error) &&
           each_event(store, experiment, STORE_EVENT_NOTE, add_event_note, notes, error) &&
           store_query(store, &row, error,
                       "SELECT created_ms, text FROM note WHERE experiment = ? ORDER BY id",
                       BIND(INT(experiment))) &&
           add_stored_notes(store, row, notes, error);
}

/* ---- runs ---- */

static bool add_run(struct store *store, int64_t experiment, sqlite3_stmt *row, cJSON *list)
{
    cJSON *run = cJSON_CreateObject();
    enum experiment_verdict verdict = (enum experiment_verdict)column_int(row, 5);
    char log[4096];

    (void)snprintf(log, sizeof(log), "%s/runs/%" PRId64 "/%" PRId64 "/log", store->home, experiment,
                   column_int(row, 0));
    return run && cJSON_AddItemToArray(list, run) &&
           json_add_integer(run, "run", column_int(row, 0)) && add_time(run, "started", row, 1) &&
           add_time(run, "ended", row, 2) && add_number_or_null(run, "exit", row, 3) &&
           add_number_or_null(run, "signal", row, 4) &&
           (verdict ? json_add_text(run, "verdict", experiment_verdict_text(verdict))
                    : cJSON_AddNullToObject(run, "verdict") != NULL) &&
           add_number_or_null(run, "wall_s", row, 6) && add_number_or_null(run, "cpu_s", row, 7) &&
           add_number_or_null(run, "peak_rss_bytes", row, 8) &&
           json_add_text(run, "message", column_text(row, 9)) && json_add_text(run, "log", log) &&
           json_add_text(run, "blas_core", column_text(row, 10));
}

static bool add_runs(struct store *store, int64_t experiment, cJSON *reply, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    cJSON *list = json_add_array(reply, "runs");

    if (!list)
        return no_memory(error);
    if (!store_query(store, &row, error,
                     "SELECT run, started_ms, ended_ms, exit_status, signal, verdict, wall_s,"
                     " cpu_s, peak_rss_bytes, message, blas_core FROM run WHERE experiment = ?"
                     " ORDER BY run",
                     BIND(INT(experiment))))
        return false;
    for (;;) {
        bool found;

        if (!store_next(store, row, &found, error))
            return false;
        if (!found)
            return true;
        if (!add_run(store, experiment, row, list))
            return no_memory(error);
    }
}

bool store_show(struct store *store, int64_t experiment, int64_t now_ms, cJSON **ret_reply,
                struct error *error)
{
    scoped(json_free) cJSON *reply = NULL;

    if (!store_row(store, experiment, now_ms, &reply, error) ||
        !add_spec(store, experiment, reply, error) || !add_after(store, experiment, reply, error) ||
        !add_result(store, experiment, reply, error) ||
        !add_texts(store, experiment, reply, error) || !add_runs(store, experiment, reply, error))
        return false;
    *ret_reply = take(&reply);
    return true;
}

/* ---- history ---- */

static bool is_wanted(const cJSON *names, const char *name)
{
    const cJSON *item;

    if (!names || cJSON_IsNull(names) || !names->child)
        return true;
    cJSON_ArrayForEach(item, names)
    {
        if (cJSON_IsString(item) && strcmp(item->valuestring, name) == 0)
            return true;
    }
    return false;
}

/* Each `stride`-th point from the end, so that the last one is always there. */
static bool add_series(struct store *store, int64_t experiment, int64_t name, int64_t n,
                       int64_t stride, cJSON *series, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;

    if (!store_query(store, &row, error,
                     "SELECT step, value FROM metric WHERE experiment = ?1 AND name = ?2"
                     " ORDER BY step",
                     BIND(INT(experiment), INT(name))))
        return false;
    for (int64_t i = 0;; i++) {
        cJSON *point;
        bool found;

        if (!store_next(store, row, &found, error))
            return false;
        if (!found)
            return true;
        if ((n - 1 - i) % stride)
            continue;
        point = cJSON_CreateArray();
        if (!point || !cJSON_AddItemToArray(series, point) ||
            !cJSON_AddItemToArray(point, cJSON_CreateNumber((double)column_int(row, 0))) ||
            !cJSON_AddItemToArray(point, column_null(row, 1)
                                             ? cJSON_CreateNull()
                                             : cJSON_CreateNumber(column_real(row, 1))))
            return no_memory(error);
    }
}

static bool add_all_series(struct store *store, int64_t experiment, const cJSON *names,
                           int64_t stride, cJSON *metrics, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;

    if (!store_query(store, &row, error,
                     "SELECT m.name, n.name, count(*) FROM metric AS m"
                     " JOIN metric_name AS n ON n.id = m.name WHERE m.experiment = ?"
                     " GROUP BY m.name ORDER BY m.name",
                     BIND(INT(experiment))))
        return false;
    for (;;) {
        cJSON *series;
        bool found;

        if (!store_next(store, row, &found, error))
            return false;
        if (!found)
            return true;
        if (!is_wanted(names, column_text(row, 1)))
            continue;
        series = json_add_array(metrics, column_text(row, 1));
        if (!series)
            return no_memory(error);
        if (!add_series(store, experiment, column_int(row, 0), column_int(row, 2), stride, series,
                        error))
            return false;
    }
}

bool store_history(struct store *store, const cJSON *params, cJSON **ret_reply, struct error *error)
{
    scoped(json_free) cJSON *reply = cJSON_CreateObject();
    int64_t experiment = json_integer(params, "id", 0), exists, points;
    cJSON *metrics = reply ? json_add_object(reply, "metrics") : NULL;

    if (!metrics)
        return no_memory(error);
    if (!store_integer(store, 0, &exists, error, "SELECT count(*) FROM experiment WHERE id = ?",
                       BIND(INT(experiment))) ||
        !store_integer(store, 0, &points, error, "SELECT count(*) FROM metric WHERE experiment = ?",
                       BIND(INT(experiment))))
        return false;
    if (!exists)
        return error_set(error, ERROR_NOT_FOUND, "there is no experiment %" PRId64, experiment);
    if (!add_all_series(store, experiment, json_member(params, "names"),
                        points / HISTORY_POINTS + 1, metrics, error))
        return false;
    *ret_reply = take(&reply);
    return true;
}

/* ---- notes and cleaning ---- */

bool store_note(struct store *store, const cJSON *params, int64_t now_ms, struct error *error)
{
    int64_t experiment = json_integer(params, "id", 0), batch = json_integer(params, "batch", 0);
    const char *text = json_text(params, "text", NULL);
    bool ended, ok;

    if (!text || !*text)
        return error_set_at(error, ERROR_INVALID, "text", "the note is empty");
    if (strlen(text) > NOTE_LIMIT)
        return error_set_at(error, ERROR_INVALID, "text", "longer than %d bytes", NOTE_LIMIT);
    if (!experiment == !batch)
        return error_set_at(error, ERROR_INVALID, "id", "a note is of an experiment or of a batch");
    return store_is_ended(store, batch ? 1 : 0, batch ? batch : experiment, &ended, &ok, error) &&
           store_execute(store, error,
                         "INSERT INTO note (experiment, batch, created_ms, text)"
                         " VALUES (nullif(?1, 0), nullif(?2, 0), ?3, ?4)",
                         BIND(INT(experiment), INT(batch), INT(now_ms), TEXT(text)));
}

static bool is_cleanable(struct store *store, int64_t experiment, int64_t ended_before_ms,
                         bool *ret_cleanable, struct error *error)
{
    int64_t n;

    if (!store_integer(store, 0, &n, error,
                       "SELECT count(*) FROM experiment WHERE id = ?1 AND state >= 5 AND run > 0"
                       " AND cleaned = 0 AND ended_ms <= ?2",
                       BIND(INT(experiment), INT(ended_before_ms))))
        return false;
    *ret_cleanable = n > 0;
    return true;
}

bool store_cleanable(struct store *store, const cJSON *params, int64_t now_ms,
                     struct store_ids *ret_ids, struct error *error)
{
    scoped(store_ids_release) struct store_ids ids = {0};
    int64_t before_ms = now_ms - (int64_t)(json_number(params, "older_s", 0) * 1000);
    size_t n = 0;

    if (!store_select(store, json_member(params, "select"), &ids, error))
        return false;
    for (size_t i = 0; i < ids.n; i++) {
        bool cleanable;

        if (!is_cleanable(store, ids.item[i], before_ms, &cleanable, error))
            return false;
        if (cleanable)
            ids.item[n++] = ids.item[i];
    }
    ids.n = n;
    *ret_ids = ids;
    ids = (struct store_ids){0};
    return true;
}

bool store_set_cleaned(struct store *store, int64_t experiment, struct error *error)
{
    return store_execute(store, error, "UPDATE experiment SET cleaned = 1 WHERE id = ? AND state >= 5",
                         BIND(INT(experiment)));
}
