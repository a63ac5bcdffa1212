/* One experiment, whole. */
#include "common/owner.h"
#include "daemon/store/internal.h"
#include "daemon/store/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define TEXTS_LIMIT 200 /* warnings and notes of one reply */

/* ---- the spec ---- */

static bool add_spec(struct store *store, int64_t experiment, cJSON *reply, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    char directory[4096];
    cJSON *spec;

    if (!store_spec(store, experiment, &spec, error))
        return false;
    if (!json_add_item(reply, "spec", &spec))
        return store_no_memory(error);
    if (!store_get(store, &row, error, "experiment", experiment,
                   "SELECT b.cwd, e.configuration, e.retries_left, e.run, b.name,"
                   " b.question, b.expectation"
                   " FROM experiment AS e JOIN batch AS b ON b.id = e.batch WHERE e.id = ?"))
        return false;
    (void)snprintf(directory, sizeof(directory), "%s/runs/%" PRId64 "/%" PRId64, store->home,
                   experiment, column_int(row, 3));
    return (json_add_text(reply, "cwd", column_text(row, 0)) &&
            json_add_text(reply, "configuration", column_text(row, 1)) &&
            json_add_integer(reply, "retries_left", column_int(row, 2)) &&
            json_add_text(reply, "batch_name", column_text(row, 4)) &&
            column_add_text(row, 5, reply, "question") &&
            column_add_text(row, 6, reply, "expectation") &&
            (column_int(row, 3) ? json_add_text(reply, "directory", directory)
                                : cJSON_AddNullToObject(reply, "directory") != NULL)) ||
           store_no_memory(error);
}

static bool add_dependency(sqlite3_stmt *row, void *context, struct error *error)
{
    cJSON *list = context, *item = cJSON_CreateObject();

    return (item && cJSON_AddItemToArray(list, item) &&
            json_add_integer(item, column_int(row, 0) ? "batch" : "id", column_int(row, 1)) &&
            json_add_boolean(item, "ok", column_int(row, 2)) &&
            json_add_boolean(item, "met", column_int(row, 3))) ||
           store_no_memory(error);
}

static bool add_after(struct store *store, int64_t experiment, cJSON *reply, struct error *error)
{
    cJSON *list = json_add_array(reply, "after");

    if (!list)
        return store_no_memory(error);
    return store_each(store, error, add_dependency, list,
                      "SELECT kind, needs, ok, met FROM dependency WHERE experiment = ?",
                      BIND(INT(experiment)));
}

/* ---- the result ---- */

struct metrics {
    cJSON *value, *naive; /* borrowed */
};

static bool add_metric(sqlite3_stmt *row, void *context, struct error *error)
{
    const struct metrics *metrics = context;
    const char *name = column_text(row, 0);

    return (column_add_number(row, 1, metrics->value, name) &&
            (column_null(row, 2) || column_add_number(row, 2, metrics->naive, name))) ||
           store_no_memory(error);
}

static bool add_metrics(struct store *store, int64_t experiment, cJSON *result, struct error *error)
{
    struct metrics metrics = {json_add_object(result, "metrics"), json_add_object(result, "naive")};

    if (!metrics.value || !metrics.naive)
        return store_no_memory(error);
    return store_each(store, error, add_metric, &metrics,
                      "SELECT n.name, r.value, r.naive FROM result AS r"
                      " JOIN metric_name AS n ON n.id = r.name WHERE r.experiment = ?"
                      " ORDER BY r.final DESC, r.run, r.seq",
                      BIND(INT(experiment)));
}

/* False: no memory. */
typedef bool event_visit(const cJSON *event, int64_t run, void *context);
struct events {
    event_visit *visit;
    void *context;
};

static bool visit_event(sqlite3_stmt *row, void *context, struct error *error)
{
    const struct events *events = context;
    scoped(json_free) cJSON *event = NULL;

    if (!column_json(row, 0, &event, error))
        return false;
    return events->visit(event, column_int(row, 1), events->context) || store_no_memory(error);
}

/* Visits the events of one kind, the latest run's last. */
static bool each_event(struct store *store, int64_t experiment, enum store_event_kind kind,
                       event_visit *visit, void *context, struct error *error)
{
    struct events events = {visit, context};

    return store_each(store, error, visit_event, &events,
                      "SELECT json, run FROM event WHERE experiment = ?1 AND kind = ?2"
                      " ORDER BY run, journal, seq LIMIT 10000",
                      BIND(INT(experiment), INT(kind)));
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

/* The last run's word counts: its data may have changed. */
static bool add_split(const cJSON *event, int64_t run, void *context)
{
    cJSON *result = context, *copy = cJSON_Duplicate(event, true);

    (void)run;
    cJSON_DeleteItemFromObjectCaseSensitive(result, "split");
    cJSON_DeleteItemFromObjectCaseSensitive(copy, "event");
    return copy && json_add_item(result, "split", &copy);
}

static bool add_result(struct store *store, int64_t experiment, cJSON *reply, struct error *error)
{
    cJSON *result = json_add_object(reply, "result");
    struct listing artifacts = {store, experiment, NULL}, tables = {store, experiment, NULL};

    if (!result)
        return store_no_memory(error);
    if (!add_metrics(store, experiment, result, error))
        return false;
    artifacts.into = json_add_array(result, "artifacts");
    tables.into = json_add_object(result, "tables");
    if (!artifacts.into || !tables.into)
        return store_no_memory(error);
    return each_event(store, experiment, STORE_EVENT_ARTIFACT, add_artifact, &artifacts, error) &&
           each_event(store, experiment, STORE_EVENT_TABLE, add_table, &tables, error) &&
           each_event(store, experiment, STORE_EVENT_SPLIT, add_split, result, error);
}

/* ---- warnings and notes ---- */

static bool add_text_once(cJSON *list, const cJSON *event, const char *const *member)
{
    cJSON *item;

    if (cJSON_GetArraySize(list) >= TEXTS_LIMIT)
        return true;
    cJSON_ArrayForEach(item, list)
    {
        if (strcmp(json_text(item, "text", ""), json_text(event, "text", "")) == 0 &&
            strcmp(json_text(item, "where", ""), json_text(event, "where", "")) == 0)
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

static bool add_texts(struct store *store, int64_t experiment, cJSON *reply, struct error *error)
{
    cJSON *warnings = json_add_array(reply, "warnings"), *notes = json_add_array(reply, "notes");

    if (!warnings || !notes)
        return store_no_memory(error);
    return each_event(store, experiment, STORE_EVENT_WARNING, add_warning, warnings, error) &&
           each_event(store, experiment, STORE_EVENT_NOTE, add_event_note, notes, error) &&
           store_add_notes(store, experiment, notes, error);
}

/* ---- runs ---- */

struct runs {
    const struct store *store;
    int64_t experiment;
    cJSON *list; /* borrowed */
};

static bool add_run(sqlite3_stmt *row, void *context, struct error *error)
{
    const struct runs *runs = context;
    enum experiment_verdict verdict = (enum experiment_verdict)column_int(row, 5);
    cJSON *run = cJSON_CreateObject();
    char log[4096];

    (void)snprintf(log, sizeof(log), "%s/runs/%" PRId64 "/%" PRId64 "/log", runs->store->home,
                   runs->experiment, column_int(row, 0));
    return (run && cJSON_AddItemToArray(runs->list, run) &&
            json_add_integer(run, "run", column_int(row, 0)) &&
            column_add_time(row, 1, run, "started") && column_add_time(row, 2, run, "ended") &&
            column_add_number(row, 3, run, "exit") && column_add_number(row, 4, run, "signal") &&
            (verdict ? json_add_text(run, "verdict", experiment_verdict_text(verdict))
                     : cJSON_AddNullToObject(run, "verdict") != NULL) &&
            column_add_number(row, 6, run, "wall_s") && column_add_number(row, 7, run, "cpu_s") &&
            column_add_number(row, 8, run, "peak_rss_bytes") &&
            json_add_text(run, "message", column_text(row, 9)) && json_add_text(run, "log", log) &&
            json_add_text(run, "blas_core", column_text(row, 10))) ||
           store_no_memory(error);
}

static bool add_runs(struct store *store, int64_t experiment, cJSON *reply, struct error *error)
{
    struct runs runs = {store, experiment, json_add_array(reply, "runs")};

    if (!runs.list)
        return store_no_memory(error);
    return store_each(store, error, add_run, &runs,
                      "SELECT run, started_ms, ended_ms, exit_status, signal, verdict, wall_s,"
                      " cpu_s, peak_rss_bytes, message, blas_core FROM run WHERE experiment = ?"
                      " ORDER BY run",
                      BIND(INT(experiment)));
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
