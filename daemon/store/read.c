/* Rows of lists: what docs/protocol.md calls a row, batches and counts. */
#include "common/owner.h"
#include "daemon/parameter.h"
#include "daemon/store/internal.h"
#include "daemon/store/report.h"

#include <math.h>
#include <string.h>

#define LIST_DEFAULT 100
#define LIST_LIMIT 1000
#define BATCHES_LIMIT 1000
#define PACE_MS 1000 /* of reports, before they tell when a run should end */

/* ---- parameters ---- */

bool store_readable_parameters(const char *text, cJSON **ret_parameters, struct error *error)
{
    scoped(json_free) cJSON *parameters = NULL;

    if (text && !json_parse(text, strlen(text), &parameters, error))
        return error_wrap(error, "stored parameters");
    return parameters_readable(parameters, ret_parameters, error);
}

/* ---- a row ---- */

enum row_column {
    ROW_ID,
    ROW_NAME,
    ROW_STATE,
    ROW_VERDICT,
    ROW_BATCH,
    ROW_PRIORITY,
    ROW_SEED,
    ROW_REPLICATE,
    ROW_RUN,
    ROW_SUBMITTED,
    ROW_STARTED,
    ROW_ENDED,
    ROW_MESSAGE,
    ROW_MARKS,
    ROW_PARAMETERS,
    ROW_WALL,
    ROW_DONE,
    ROW_TOTAL,
    ROW_UNIT,
    ROW_PROGRESS_TIME,
    ROW_FROM,
    ROW_FROM_TIME,
    ROW_GOAL,
    ROW_PAUSED,
    ROW_PAUSE_BEGAN,
    ROW_BROKEN,
    ROW_LOSSES,
    ROW_EXPECTED_END,
};

/* How long the latest run takes or took, pauses left out; NaN: it has not started. */
static double elapsed_s(sqlite3_stmt *statement, int64_t now_ms)
{
    int64_t end_ms = column_null(statement, ROW_ENDED) ? now_ms : column_int(statement, ROW_ENDED);

    if (column_null(statement, ROW_STARTED))
        return NAN;
    if (!column_null(statement, ROW_WALL))
        return column_real(statement, ROW_WALL);
    if (!column_null(statement, ROW_PAUSE_BEGAN))
        end_ms = column_int(statement, ROW_PAUSE_BEGAN);
    return fmax(0, (double)(end_ms - column_int(statement, ROW_STARTED) -
                            column_int(statement, ROW_PAUSED)) /
                       1000);
}

/* As the run itself expected it; NAN: it said nothing, or that is over. */
static double expected_s(sqlite3_stmt *statement, int64_t now_ms)
{
    double left_ms = column_null(statement, ROW_EXPECTED_END)
                         ? (double)NAN
                         : column_real(statement, ROW_EXPECTED_END) - (double)now_ms;

    return left_ms > 0 ? left_ms / 1000 : NAN;
}

/* By the pace between the run's first report and its last; too early for that, by what it expected;
 * NAN: not known. */
static double left_s(sqlite3_stmt *statement, int64_t now_ms)
{
    double done = column_real(statement, ROW_DONE), total = column_real(statement, ROW_TOTAL);
    double gained = done - column_real(statement, ROW_FROM);
    int64_t reported_ms = column_int(statement, ROW_PROGRESS_TIME);
    int64_t span_ms = reported_ms - column_int(statement, ROW_FROM_TIME);
    double left_ms;

    if (column_int(statement, ROW_STATE) == EXPERIMENT_PAUSED)
        return NAN;
    if (!(gained > 0) || !(total >= done) || span_ms < PACE_MS)
        return expected_s(statement, now_ms);
    left_ms = (double)span_ms * (total - done) / gained - (double)(now_ms - reported_ms);
    return left_ms > 0 ? left_ms / 1000 : NAN;
}

static bool add_progress(cJSON *row, sqlite3_stmt *statement, int64_t now_ms)
{
    double done = column_real(statement, ROW_DONE), total = column_real(statement, ROW_TOTAL);
    bool live = experiment_state_live((enum experiment_state)column_int(statement, ROW_STATE));
    double left = left_s(statement, now_ms);
    cJSON *progress;

    if (!live || isnan(done))
        return cJSON_AddNullToObject(row, "progress") && cJSON_AddNullToObject(row, "eta_s");
    progress = json_add_object(row, "progress");
    if (!progress || !json_add_number(progress, "done", done) ||
        !json_add_number(progress, "total", total) ||
        !json_add_text(progress, "unit", column_text(statement, ROW_UNIT)))
        return false;
    if (isnan(left))
        return cJSON_AddNullToObject(row, "eta_s") != NULL;
    return json_add_number(row, "eta_s", left);
}

/* The one number to show: what the sweep is after, else a final one, of the test rows first. */
static bool add_metric(struct store *store, cJSON *row, int64_t experiment, const char *goal,
                       struct error *error)
{
    scoped(statement_end) sqlite3_stmt *statement = NULL;
    cJSON *metric;
    bool found;

    if (!store_find(store, &statement, &found, error,
                    "SELECT n.name, r.value FROM result AS r JOIN metric_name AS n ON n.id = r.name"
                    " WHERE r.experiment = ?1 ORDER BY n.name = ?2 DESC, r.final DESC,"
                    " n.name LIKE 'test.%' DESC, n.name LIKE 'valid.%' DESC, r.run DESC, r.seq"
                    " LIMIT 1",
                    BIND(INT(experiment), TEXT(goal ? goal : ""))))
        return false;
    if (!found)
        return cJSON_AddNullToObject(row, "metric") || store_no_memory(error);
    metric = json_add_object(row, "metric");
    return (metric && json_add_text(metric, "name", column_text(statement, 0)) &&
            json_add_number(metric, "value", column_real(statement, 1))) ||
           store_no_memory(error);
}

static bool add_marks(cJSON *row, sqlite3_stmt *statement, struct error *error)
{
    cJSON *marks = NULL;

    if (!column_json(statement, ROW_MARKS, &marks, error))
        return false;
    if (!marks)
        marks = cJSON_CreateArray();
    return (marks && json_add_item(row, "marks", &marks)) || store_no_memory(error);
}

/* What we hold goes on for nobody but a person who says so. */
static bool add_holder(cJSON *row, sqlite3_stmt *statement, enum experiment_state state)
{
    bool by_us = column_int(statement, ROW_BROKEN) ||
                 column_int(statement, ROW_LOSSES) >= EXPERIMENT_LOSSES_LIMIT;

    if (state != EXPERIMENT_HELD)
        return cJSON_AddNullToObject(row, "held_by") != NULL;
    return json_add_text(row, "held_by", by_us ? "nightjar" : "user");
}

static bool add_facts(cJSON *row, sqlite3_stmt *statement, int64_t now_ms)
{
    double elapsed = elapsed_s(statement, now_ms);
    enum experiment_state state = (enum experiment_state)column_int(statement, ROW_STATE);
    enum experiment_verdict verdict = (enum experiment_verdict)column_int(statement, ROW_VERDICT);

    return json_add_integer(row, "id", column_int(statement, ROW_ID)) &&
           json_add_text(row, "name", column_text(statement, ROW_NAME)) &&
           json_add_text(row, "state", experiment_state_text(state)) &&
           (verdict ? json_add_text(row, "verdict", experiment_verdict_text(verdict))
                    : cJSON_AddNullToObject(row, "verdict") != NULL) &&
           json_add_integer(row, "batch", column_int(statement, ROW_BATCH)) &&
           json_add_integer(row, "priority", column_int(statement, ROW_PRIORITY)) &&
           json_add_integer(row, "seed", column_int(statement, ROW_SEED)) &&
           json_add_integer(row, "replicate", column_int(statement, ROW_REPLICATE)) &&
           json_add_integer(row, "run", column_int(statement, ROW_RUN)) &&
           column_add_time(statement, ROW_SUBMITTED, row, "submitted") &&
           column_add_time(statement, ROW_STARTED, row, "started") &&
           column_add_time(statement, ROW_ENDED, row, "ended") &&
           json_add_number(row, "elapsed_s", elapsed) && add_progress(row, statement, now_ms) &&
           column_add_text(statement, ROW_MESSAGE, row, "message") &&
           add_holder(row, statement, state);
}

static bool build_row(struct store *store, sqlite3_stmt *statement, int64_t now_ms, cJSON *row,
                      struct error *error)
{
    cJSON *parameters = NULL;

    if (!add_facts(row, statement, now_ms))
        return store_no_memory(error);
    if (!add_metric(store, row, column_int(statement, ROW_ID), column_text(statement, ROW_GOAL),
                    error) ||
        !add_marks(row, statement, error) ||
        !store_readable_parameters(column_text(statement, ROW_PARAMETERS), &parameters, error))
        return false;
    return json_add_item(row, "parameters", &parameters) || store_no_memory(error);
}

bool store_row(struct store *store, int64_t experiment, int64_t now_ms, cJSON **ret_row,
               struct error *error)
{
    scoped(json_free) cJSON *row = cJSON_CreateObject();
    scoped(statement_end) sqlite3_stmt *statement = NULL;

    if (!row)
        return store_no_memory(error);
    if (!store_get(store, &statement, error, "experiment", experiment,
                   "SELECT e.id, e.name, e.state, e.verdict, e.batch, e.priority, e.seed,"
                   " e.replicate, e.run, b.created_ms, e.started_ms, e.ended_ms, e.message,"
                   " e.marks, e.parameters, r.wall_s, r.progress_done, r.progress_total,"
                   " r.progress_unit, r.progress_ms, r.progress_from, r.progress_from_ms,"
                   " b.metric, r.paused_ms, r.pause_began_ms,"
                   " b.broken IS NOT NULL, e.losses, r.progress_end_ms FROM experiment AS e"
                   " JOIN batch AS b ON b.id = e.batch"
                   " LEFT JOIN run AS r ON r.experiment = e.id AND r.run = e.run"
                   " WHERE e.id = ?") ||
        !build_row(store, statement, now_ms, row, error))
        return false;
    *ret_row = take(&row);
    return true;
}

/* ---- lists ---- */

static bool add_count(sqlite3_stmt *row, void *context, struct error *error)
{
    enum experiment_state state = (enum experiment_state)column_int(row, 0);
    cJSON *counts = context;

    return json_add_integer(counts, experiment_state_text(state), column_int(row, 1)) ||
           store_no_memory(error);
}

bool store_counts(struct store *store, cJSON **ret_counts, struct error *error)
{
    scoped(json_free) cJSON *counts = cJSON_CreateObject();

    if (!counts)
        return store_no_memory(error);
    if (!store_each(store, error, add_count, counts,
                    "SELECT state, sum(n) FROM state_count GROUP BY state HAVING sum(n) > 0", NULL))
        return false;
    *ret_counts = take(&counts);
    return true;
}

bool store_batch_counts(struct store *store, int64_t batch, cJSON **ret_counts, struct error *error)
{
    scoped(json_free) cJSON *counts = cJSON_CreateObject();

    if (!counts)
        return store_no_memory(error);
    if (!store_each(store, error, add_count, counts,
                    "SELECT state, n FROM state_count WHERE batch = ? AND n > 0", BIND(INT(batch))))
        return false;
    *ret_counts = take(&counts);
    return true;
}

static int64_t bounded(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static bool add_rows(struct store *store, const struct store_ids *ids, int64_t now_ms, cJSON *list,
                     struct error *error)
{
    for (size_t i = 0; i < ids->n; i++) {
        cJSON *row = NULL;

        if (!store_row(store, ids->item[i], now_ms, &row, error))
            return false;
        if (!cJSON_AddItemToArray(list, row))
            return store_no_memory(error);
    }
    return true;
}

bool store_list(struct store *store, const cJSON *params, int64_t now_ms, cJSON **ret_reply,
                struct error *error)
{
    scoped(json_free) cJSON *reply = cJSON_CreateObject();
    scoped(store_ids_release) struct store_ids ids = {0};
    cJSON *list = reply ? json_add_array(reply, "experiments") : NULL;
    cJSON *counts = NULL, *batches = NULL;
    const struct store_page page = {
        .offset = json_integer(params, "offset", 0),
        .limit = bounded(json_integer(params, "limit", LIST_DEFAULT), 0, LIST_LIMIT)};
    int64_t total = 0;

    if (!list)
        return store_no_memory(error);
    if (!store_select_page(store, json_member(params, "select"), &page, &ids, &total, error) ||
        !add_rows(store, &ids, now_ms, list, error) || !store_counts(store, &counts, error))
        return false;
    if (!json_add_item(reply, "counts", &counts) || !json_add_integer(reply, "total", total))
        return store_no_memory(error);
    if (json_boolean(params, "batches", false)) {
        scoped(json_free) cJSON *all = NULL;

        if (!store_batches(store, &all, error))
            return false;
        batches = cJSON_DetachItemFromObjectCaseSensitive(all, "batches");
        if (!json_add_item(reply, "batches", &batches))
            return store_no_memory(error);
    }
    *ret_reply = take(&reply);
    return true;
}

struct batch_list {
    struct store *store;
    cJSON *list; /* borrowed */
};

static bool add_batch(sqlite3_stmt *row, void *context, struct error *error)
{
    const struct batch_list *batches = context;
    cJSON *batch = cJSON_CreateObject(), *counts;

    if (!batch || !cJSON_AddItemToArray(batches->list, batch))
        return store_no_memory(error);
    if (!store_batch_counts(batches->store, column_int(row, 0), &counts, error))
        return false;
    return (json_add_item(batch, "counts", &counts) &&
            json_add_integer(batch, "id", column_int(row, 0)) &&
            json_add_text(batch, "name", column_text(row, 1)) &&
            column_add_text(row, 2, batch, "question") &&
            column_add_text(row, 7, batch, "expectation") &&
            json_add_integer(batch, "first", column_int(row, 3)) &&
            json_add_integer(batch, "last", column_int(row, 4)) &&
            column_add_time(row, 5, batch, "created") && column_add_time(row, 6, batch, "ended")) ||
           store_no_memory(error);
}

bool store_batches(struct store *store, cJSON **ret_reply, struct error *error)
{
    scoped(json_free) cJSON *reply = cJSON_CreateObject();
    struct batch_list batches = {store, reply ? json_add_array(reply, "batches") : NULL};

    if (!batches.list)
        return store_no_memory(error);
    if (!store_each(store, error, add_batch, &batches,
                    "SELECT * FROM (SELECT id, name, question, first, last, created_ms, ended_ms,"
                    " expectation FROM batch ORDER BY id DESC LIMIT ?) ORDER BY id",
                    BIND(INT(BATCHES_LIMIT))))
        return false;
    *ret_reply = take(&reply);
    return true;
}
