/*
 * Lines of journals become rows, in the same transaction as the offset behind them.
 *
 * A line is known by (experiment, run, journal, byte at which it begins). Every row remembers the
 * line that it comes from, and only a later one replaces it: of a later run, or further down in the
 * same run. So a line that is taken in twice, in any order, changes nothing the second time.
 *
 * A metric that cannot be kept is INVALID, and nothing of its line is: whoever wrote it should hear
 * of it. An event that nobody knows is kept as it is.
 */
#include "common/owner.h"
#include "daemon/store/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct line {
    struct store *store;
    int64_t experiment, run;
    int journal;
    int64_t seq;
    int64_t now_ms;
    const cJSON *json; /* borrowed */
};

static bool keep_event(const struct line *line, enum store_event_kind kind, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};

    return json_print(line->json, &text, error) &&
           store_execute(line->store, error,
                         "INSERT INTO event (experiment, kind, run, journal, seq, json)"
                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                         BIND(INT(line->experiment), INT(kind), INT(line->run), INT(line->journal),
                              INT(line->seq), TEXT(text.data)));
}

/* ---- metrics ---- */

static bool name_id(struct store *store, const char *name, int64_t *ret_id, struct error *error)
{
    if (!store_integer(store, 0, ret_id, error, "SELECT id FROM metric_name WHERE name = ?",
                       BIND(TEXT(name))))
        return false;
    if (*ret_id)
        return true;
    if (!store_execute(store, error, "INSERT INTO metric_name (name) VALUES (?)", BIND(TEXT(name))))
        return false;
    *ret_id = store_last_id(store);
    return true;
}

#define STEP_FINAL INT64_MIN
#define STEP_LIMIT 9007199254740992.0 /* beyond it a number is not one step alone */

struct reported {
    const char *name; /* borrowed */
    double value, naive;
    const char *goal; /* borrowed: "minimize", "maximize", anything else: not said */
    int64_t step;
};

static bool keep_result(const struct line *line, int64_t name, const struct reported *reported,
                        struct error *error)
{
    return store_execute(
        line->store, error,
        "INSERT INTO result (experiment, name, value, naive, final, run, seq, minimize)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, CASE ?8 WHEN 'minimize' THEN 1 WHEN 'maximize' THEN 0"
        " END) ON CONFLICT DO UPDATE SET value = excluded.value, naive = excluded.naive,"
        " final = excluded.final, run = excluded.run, seq = excluded.seq,"
        " minimize = excluded.minimize"
        " WHERE (excluded.run, excluded.final, excluded.seq) > (run, final, seq)",
        BIND(INT(line->experiment), INT(name), REAL(reported->value), REAL(reported->naive),
             INT(reported->step == STEP_FINAL), INT(line->run), INT(line->seq),
             TEXT(reported->goal)));
}

static bool keep_step(const struct line *line, int64_t name, const struct reported *reported,
                      struct error *error)
{
    return store_execute(
        line->store, error,
        "INSERT INTO metric (experiment, name, step, value, run, seq)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET value = excluded.value,"
        " run = excluded.run, seq = excluded.seq WHERE (excluded.run, excluded.seq) > (run, seq)",
        BIND(INT(line->experiment), INT(name), INT(reported->step), REAL(reported->value),
             INT(line->run), INT(line->seq)));
}

static bool no_metric(struct error *error)
{
    return error_set(error, ERROR_INVALID, "a metric without a name, a number or a whole step");
}

static bool read_step(const cJSON *json, int64_t *ret_step, struct error *error)
{
    const cJSON *step = json_member(json, "step");

    if (!step || cJSON_IsNull(step)) {
        *ret_step = STEP_FINAL;
        return true;
    }
    if (!cJSON_IsNumber(step) || fabs(step->valuedouble) > STEP_LIMIT ||
        floor(step->valuedouble) != step->valuedouble)
        return no_metric(error);
    *ret_step = (int64_t)step->valuedouble;
    return true;
}

static bool keep_metric(const struct line *line, const struct reported *reported,
                        struct error *error)
{
    int64_t id;

    return name_id(line->store, reported->name, &id, error) &&
           (reported->step == STEP_FINAL || keep_step(line, id, reported, error)) &&
           keep_result(line, id, reported, error);
}

/* NaN arrives as null. */
static double number_of(const cJSON *json)
{
    return cJSON_IsNumber(json) ? json->valuedouble : NAN;
}

static bool take_metric(const struct line *line, struct error *error)
{
    const cJSON *value = json_member(line->json, "value");
    struct reported reported = {.name = json_text(line->json, "name", ""),
                                .value = number_of(value),
                                .naive = number_of(json_member(line->json, "naive")),
                                .goal = json_text(line->json, "goal", NULL)};

    if (!*reported.name || !value || !(cJSON_IsNumber(value) || cJSON_IsNull(value)))
        return no_metric(error);
    return read_step(line->json, &reported.step, error) && keep_metric(line, &reported, error);
}

/* {"loss": 0.31, "step": 10} */
static bool take_short(const struct line *line, struct error *error)
{
    struct reported reported = {.naive = NAN};
    const cJSON *item;
    bool any = false;

    if (!read_step(line->json, &reported.step, error))
        return false;
    cJSON_ArrayForEach(item, line->json)
    {
        if (!item->string[0] || strcmp(item->string, "step") == 0 ||
            !(cJSON_IsNumber(item) || cJSON_IsNull(item)))
            continue;
        any = true;
        reported.name = item->string;
        reported.value = number_of(item);
        if (!keep_metric(line, &reported, error))
            return false;
    }
    return any || keep_event(line, STORE_EVENT_UNKNOWN, error);
}

/* ---- the others ---- */

static bool take_progress(const struct line *line, struct error *error)
{
    return store_execute(
        line->store, error,
        "UPDATE run SET progress_done = ?3, progress_total = ?4,"
        " progress_unit = ?5, progress_ms = ?7,"
        " progress_from = coalesce(progress_from, ?3),"
        " progress_from_ms = coalesce(progress_from_ms, ?7),"
        " progress_end_ms = coalesce(?7 + 1000 * ?8, progress_end_ms)"
        " WHERE experiment = ?1 AND run = ?2 AND reported_offset <= ?6",
        BIND(INT(line->experiment), INT(line->run), REAL(json_number(line->json, "done", NAN)),
             REAL(json_number(line->json, "total", NAN)), TEXT(json_text(line->json, "unit", NULL)),
             INT(line->seq), INT(line->now_ms), REAL(json_number(line->json, "left", NAN))));
}

static bool take_checkpoint(const struct line *line, struct error *error)
{
    return keep_event(line, STORE_EVENT_CHECKPOINT, error) &&
           store_execute(line->store, error,
                         "UPDATE experiment SET checkpoint_step = max(checkpoint_step, ?2)"
                         " WHERE id = ?1",
                         BIND(INT(line->experiment), INT(json_integer(line->json, "step", 0))));
}

static bool take_mark(const struct line *line, struct error *error)
{
    const char *mark = json_text(line->json, "mark", NULL);

    if (!mark)
        return keep_event(line, STORE_EVENT_UNKNOWN, error);
    return keep_event(line, STORE_EVENT_MARK, error) &&
           store_execute(line->store, error,
                         "UPDATE experiment SET marks = json_insert(coalesce(marks, '[]'), '$[#]',"
                         " ?2) WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM"
                         " json_each(coalesce(marks, '[]')) WHERE value = ?2)",
                         BIND(INT(line->experiment), TEXT(mark)));
}

static bool take_table(const struct line *line, struct error *error)
{
    const cJSON *columns = json_member(line->json, "columns"), *row;
    int n = cJSON_GetArraySize(columns);

    cJSON_ArrayForEach(row, json_member(line->json, "rows"))
    {
        if (!cJSON_IsArray(row) || cJSON_GetArraySize(row) != n)
            return error_set(error, ERROR_INVALID, "a table with a row of another length");
    }
    return keep_event(line, STORE_EVENT_TABLE, error);
}

static bool take_reported(const struct line *line, const char *event, struct error *error)
{
    static const struct {
        const char *event;
        enum store_event_kind kind;
    } kept[] = {
        {"warning", STORE_EVENT_WARNING},   {"note", STORE_EVENT_NOTE},
        {"artifact", STORE_EVENT_ARTIFACT}, {"split", STORE_EVENT_SPLIT},
        {"error", STORE_EVENT_ERROR},
    };

    if (!event)
        return take_short(line, error);
    if (strcmp(event, "metric") == 0)
        return take_metric(line, error);
    if (strcmp(event, "progress") == 0)
        return take_progress(line, error);
    if (strcmp(event, "checkpoint") == 0)
        return take_checkpoint(line, error);
    if (strcmp(event, "mark") == 0)
        return take_mark(line, error);
    if (strcmp(event, "table") == 0)
        return take_table(line, error);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        if (strcmp(event, kept[i].event) == 0)
            return keep_event(line, kept[i].kind, error);
    }
    return keep_event(line, STORE_EVENT_UNKNOWN, error);
}

/* ---- events.jsonl ---- */

static bool is_latest_live(const struct line *line, bool *ret_live, struct error *error)
{
    int64_t n;

    if (!store_integer(line->store, 0, &n, error,
                       "SELECT count(*) FROM experiment WHERE id = ?1 AND run = ?2"
                       " AND state IN (2, 3, 4, 8)",
                       BIND(INT(line->experiment), INT(line->run))))
        return false;
    *ret_live = n > 0;
    return true;
}

static bool take_started(const struct line *line, struct error *error)
{
    double started_s = json_number(line->json, "t", 0);
    int64_t started_ms = line->now_ms;
    struct store_change change;
    bool live;

    if (started_s > 0 && started_s < 1e12)
        started_ms = (int64_t)(started_s * 1000);
    if (!store_execute(line->store, error,
                       "UPDATE run SET started_ms = ?3, worker_pid = ?4, worker_start = ?5,"
                       " boot = ?6, blas_core = ?7, paused_ms = 0, pause_began_ms = NULL WHERE "
                       "experiment = ?1 AND run = ?2",
                       BIND(INT(line->experiment), INT(line->run), INT(started_ms),
                            INT(json_integer(line->json, "worker", 0)),
                            INT(json_integer(line->json, "worker_start", 0)),
                            TEXT(json_text(line->json, "boot", "")),
                            TEXT(json_text(line->json, "blas_core", NULL)))) ||
        !is_latest_live(line, &live, error))
        return false;
    if (!live)
        return true;
    return store_execute(line->store, error,
                         "UPDATE experiment SET started_ms = ?2, fresh = 0 WHERE id = ?1",
                         BIND(INT(line->experiment), INT(started_ms))) &&
           store_apply(line->store, line->experiment, EXPERIMENT_EVENT_STARTED, NULL, line->now_ms,
                       &change, error);
}

static bool warning_json(const char *text, cJSON **ret, struct error *error)
{
    scoped(json_free) cJSON *json = cJSON_CreateObject();

    if (!json || !json_add_text(json, "event", "warning") || !json_add_text(json, "text", text))
        return error_set(error, ERROR_NO_MEMORY, "keeping a warning");
    *ret = take(&json);
    return true;
}

/* A full disk takes no output and no reports: that nothing is there does not mean that it was
 * silent. */
static bool warn_of_lost_log(const struct line *line, struct error *error)
{
    int64_t lost = json_integer(line->json, "log_lost_bytes", 0);
    scoped(json_free) cJSON *json = NULL;
    struct line warning = *line;
    char text[128];

    if (lost <= 0)
        return true;
    (void)snprintf(text, sizeof(text),
                   "%" PRId64 " bytes of what it printed are lost: the disk did not take them, nor "
                   "perhaps what it reported",
                   lost);
    if (!warning_json(text, &json, error))
        return false;
    warning.json = json;
    return keep_event(&warning, STORE_EVENT_WARNING, error);
}

static bool take_exit(const struct line *line, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};

    return warn_of_lost_log(line, error) && json_print(line->json, &text, error) &&
           store_execute(line->store, error,
                         "UPDATE run SET exit_line = ?3 WHERE experiment = ?1 AND run = ?2",
                         BIND(INT(line->experiment), INT(line->run), TEXT(text.data)));
}

/* Whoever reads events.jsonl again reads it from `started` on, which sets the sum back. */
static bool take_pause(const struct line *line, bool begins, struct error *error)
{
    int64_t at_ms = (int64_t)(json_number(line->json, "t", 0) * 1000);

    if (begins)
        return store_execute(
            line->store, error,
            "UPDATE run SET pause_began_ms = ?3 WHERE experiment = ?1 AND run = ?2",
            BIND(INT(line->experiment), INT(line->run), INT(at_ms)));
    return store_execute(line->store, error,
                         "UPDATE run SET paused_ms = paused_ms + max(0, ?3 - pause_began_ms),"
                         " pause_began_ms = NULL WHERE experiment = ?1 AND run = ?2"
                         " AND pause_began_ms IS NOT NULL",
                         BIND(INT(line->experiment), INT(line->run), INT(at_ms)));
}

static bool take_event(const struct line *line, const char *event, struct error *error)
{
    if (event && strcmp(event, "started") == 0)
        return take_started(line, error);
    if (event && strcmp(event, "exit") == 0)
        return take_exit(line, error);
    if (event && strcmp(event, "signalled") == 0)
        return keep_event(line, STORE_EVENT_SIGNALLED, error);
    if (event && (strcmp(event, "paused") == 0 || strcmp(event, "resumed") == 0))
        return take_pause(line, event[0] == 'p', error);
    return keep_event(line, STORE_EVENT_UNKNOWN, error);
}

bool store_take_line(struct store *store, int64_t experiment, int64_t run,
                     enum store_journal journal, const cJSON *json, int64_t offset, int64_t next,
                     int64_t now_ms, struct error *error)
{
    const struct line line = {.store = store,
                              .experiment = experiment,
                              .run = run,
                              .journal = (int)journal,
                              .seq = offset,
                              .now_ms = now_ms,
                              .json = json};
    const char *event = json_text(json, "event", NULL);
    bool good;

    assert(store_in_transaction(store));
    if (journal == STORE_JOURNAL_EVENTS)
        good = take_event(&line, event, error);
    else
        good = take_reported(&line, event, error);
    return good && store_set_offset(store, experiment, run, journal, next, error);
}

bool store_set_offset(struct store *store, int64_t experiment, int64_t run,
                      enum store_journal journal, int64_t offset, struct error *error)
{
    if (journal == STORE_JOURNAL_EVENTS)
        return store_execute(store, error,
                             "UPDATE run SET events_offset = ?3"
                             " WHERE experiment = ?1 AND run = ?2",
                             BIND(INT(experiment), INT(run), INT(offset)));
    return store_execute(store, error,
                         "UPDATE run SET reported_offset = ?3 WHERE experiment = ?1 AND run = ?2",
                         BIND(INT(experiment), INT(run), INT(offset)));
}

bool store_warn(struct store *store, int64_t experiment, int64_t run, const char *text,
                struct error *error)
{
    scoped(json_free) cJSON *json = NULL;
    struct line line = {
        .store = store, .experiment = experiment, .run = run, .journal = STORE_JOURNAL_OWN};

    if (!warning_json(text, &json, error))
        return false;
    line.json = json;
    if (!store_integer(store, 0, &line.seq, error,
                       "SELECT max(seq) + 1 FROM event WHERE experiment = ?1 AND kind = 1"
                       " AND run = ?2 AND journal = 2",
                       BIND(INT(experiment), INT(run))))
        return false;
    return keep_event(&line, STORE_EVENT_WARNING, error);
}
