/* What `report` tells of a batch, in full and in brief. */
#include "daemon/report/report.h"

#include "common/owner.h"
#include "daemon/report/outcome.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CONFIGURATIONS_LIMIT 40
#define BRIEF_FAILURES_LIMIT 3
#define TEXTS_LIMIT 100

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "reporting");
}

static bool add_copy(cJSON *object, const char *name, const cJSON *value)
{
    cJSON *copy = cJSON_Duplicate(value, true);

    return copy && json_add_item(object, name, &copy);
}

/* ---- configurations ---- */

static bool add_best_of(cJSON *object, const struct summary_group *group)
{
    cJSON *best;

    if (group->n == 0)
        return cJSON_AddNullToObject(object, "best") != NULL;
    best = json_add_object(object, "best");
    return best && json_add_integer(best, "id", group->best_id) &&
           json_add_number(best, "value", group->best_value) &&
           json_add_number(best, "naive", group->best_naive);
}

static bool add_configuration(cJSON *list, const struct summary_group *group, struct error *error)
{
    scoped(buffer_release) struct buffer label = {0};
    cJSON *object = cJSON_CreateObject();

    if (!object || !cJSON_AddItemToArray(list, object))
        return no_memory(error);
    if (!summary_label(group, &label, error))
        return false;
    return (add_copy(object, "parameters", group->parameters) &&
            json_add_text(object, "label", label.data) &&
            json_add_integer(object, "n", (int64_t)group->n) &&
            json_add_number(object, "mean", summary_mean(group)) &&
            json_add_number(object, "sd", summary_sd(group)) &&
            json_add_number(object, "low", summary_mean(group) - summary_half(group)) &&
            json_add_number(object, "high", summary_mean(group) + summary_half(group)) &&
            json_add_number(object, "wall_s", group->n ? group->wall_s / (double)group->n : NAN) &&
            json_add_number(object, "naive", group->naive) && add_best_of(object, group) &&
            add_copy(object, "marks", group->marks) &&
            add_copy(object, "experiments", group->ids)) ||
           no_memory(error);
}

static bool add_configurations(cJSON *batch, const struct summary *summary, struct error *error)
{
    cJSON *list = json_add_array(batch, "configurations");

    if (!list)
        return no_memory(error);
    for (size_t i = 0; i < summary->n && i < CONFIGURATIONS_LIMIT; i++) {
        if (!add_configuration(list, &summary->group[i], error))
            return false;
    }
    return json_add_integer(batch, "configurations_total", (int64_t)summary->n) || no_memory(error);
}

/* ---- what waits ---- */

/* How many of them run at a time: what slots and processors allow. */
static double at_a_time(const struct scheduler_limits *limits, const struct scheduler_need *need)
{
    double n = (double)limits->slots;

    if (need->cpus > 0)
        n = fmin(n, floor(limits->cpus / need->cpus + 1e-6));
    if (need->memory > 0)
        n = fmin(n, floor((double)limits->memory / (double)need->memory));
    return fmax(n, 1);
}

static bool add_waiting(struct store *store, const struct store_batch_head *head,
                        const struct summary *summary, const struct report_view *view, cJSON *batch,
                        struct error *error)
{
    char reason[800] = "all of them are held";
    double eta = NAN, together = fmax(1, (double)view->limits.slots);
    enum scheduler_obstacle obstacle = SCHEDULER_FITS;
    struct store_place place;
    cJSON *waiting;
    int64_t first;

    if (summary->waiting + summary->live == 0)
        return cJSON_AddNullToObject(batch, "waiting") || no_memory(error);
    if (!store_first_queued(store, head->first, head->last, &first, error))
        return false;
    if (first) {
        if (!store_place(store, first, &place, error))
            return false;
        together = at_a_time(&view->limits, &place.candidate.need);
        if (place.blocked)
            (void)snprintf(reason, sizeof(reason), "they wait for other experiments to end");
        else if (!report_explain(store, &place, view, reason, sizeof(reason), &obstacle, error))
            return false;
        else if (obstacle == SCHEDULER_FITS && !place.not_before_ms && view->obstacle)
            (void)snprintf(reason, sizeof(reason), "%s", view->obstacle);
        else if (obstacle == SCHEDULER_FITS && !place.not_before_ms && place.before)
            (void)snprintf(reason, sizeof(reason), "%" PRId64 " %s before them", place.before,
                           place.before == 1 ? "experiment stands" : "experiments stand");
    } else if (summary->waiting == 0) {
        (void)snprintf(reason, sizeof(reason), "%" PRId64 " still %s", summary->live,
                       summary->live == 1 ? "runs" : "run");
    }
    if (summary->done && obstacle != SCHEDULER_TOO_LARGE && (first || !summary->waiting))
        eta = (double)view->wall_ms / 1000 +
              summary->done_wall_s / (double)summary->done *
                  ceil((double)(summary->waiting + summary->live) / together);
    if (head->broken)
        (void)snprintf(reason, sizeof(reason), "%s", head->broken);
    waiting = json_add_object(batch, "waiting");
    return (waiting && json_add_integer(waiting, "count", summary->waiting) &&
            json_add_integer(waiting, "running", summary->live) &&
            json_add_text(waiting, "reason", reason) && json_add_number(waiting, "eta", eta)) ||
           no_memory(error);
}

/* ---- a batch ---- */

/* A goal that nobody reported leaves neither a table nor a best one: the reason. */
static bool add_unreported(struct store *store, const struct store_batch_head *head,
                           const struct summary *summary, cJSON *findings, struct error *error)
{
    char text[256];
    bool reported;

    if (!head->metric || summary->done == 0)
        return true;
    if (!store_has_metric(store, head->first, head->last, head->metric, &reported, error))
        return false;
    (void)snprintf(text, sizeof(text), "no run reported %s, the metric of sweep.goal",
                   head->metric);
    return reported || cJSON_AddItemToArray(findings, cJSON_CreateString(text)) || no_memory(error);
}

static bool add_said_by(const char *text, int64_t experiment, void *context, struct error *error)
{
    return texts_add(context, text, experiment, error);
}

static bool add_said(struct store *store, const struct store_batch_head *head, cJSON *batch,
                     struct error *error)
{
    scoped(texts_release) struct texts warnings = {0}, remarks = {0};

    return store_warnings(store, head->first, head->last, add_said_by, &warnings, error) &&
           store_remarks(store, head->first, head->last, add_said_by, &remarks, error) &&
           texts_report(&warnings, "warnings", "text", TEXTS_LIMIT, batch, error) &&
           texts_report(&remarks, "remarks", "text", TEXTS_LIMIT, batch, error);
}

static bool add_texts(struct store *store, const struct store_batch_head *head,
                      const struct summary *summary, cJSON *batch, struct error *error)
{
    cJSON *findings = json_add_array(batch, "findings");
    cJSON *dropped = json_add_array(batch, "dropped");
    cJSON *notes = json_add_array(batch, "notes");

    if (!findings || !dropped || !notes)
        return no_memory(error);
    return add_unreported(store, head, summary, findings, error) &&
           summary_find(summary, findings, error) &&
           summary_extrapolate(summary, findings, error) &&
           summary_outliers(summary, findings, error) &&
           store_dropped(store, head->id, dropped, error) && add_said(store, head, batch, error) &&
           store_batch_notes(store, head->id, notes, error) &&
           store_notes(store, head->first, head->last, TEXTS_LIMIT, notes, error);
}

static bool add_next(struct store *store, const struct store_batch_head *head,
                     const struct summary *summary, cJSON *batch, struct error *error)
{
    cJSON *list = json_add_array(batch, "next");

    if (!list)
        return no_memory(error);
    return summary->waiting + summary->live > 0 ||
           summary_suggest(store, summary, head->id, list, error);
}

/* From the first run's start to the last one's end. */
static double elapsed_s(const struct summary *summary)
{
    bool ended = summary->started_ms && summary->ended_ms > summary->started_ms;

    return ended ? (double)(summary->ended_ms - summary->started_ms) / 1000 : (double)NAN;
}

static bool add_times(const struct summary *summary, cJSON *batch, struct error *error)
{
    return (json_add_number(batch, "elapsed_s", elapsed_s(summary)) &&
            json_add_number(batch, "wall_s", summary->wall_s) &&
            json_add_number(batch, "cpu_s", summary->cpu_s) &&
            json_add_number(batch, "wasted_s", summary->wasted_s)) ||
           no_memory(error);
}

static bool fill(struct store *store, int64_t id, const cJSON *scale,
                 const struct report_view *view, cJSON *batch, struct error *error)
{
    scoped(store_batch_head_release) struct store_batch_head head = {0};
    scoped(summary_release) struct summary summary = {0};

    if (!store_batch_head(store, id, &head, error) ||
        !summary_make(store, &head, scale, &summary, error) ||
        !outcome_add_head(store, &head, &summary, batch, error) ||
        !add_texts(store, &head, &summary, batch, error))
        return false;
    /* Findings name settings in the order of the file; configurations stand best first. */
    summary_sort(&summary);
    return add_configurations(batch, &summary, error) &&
           outcome_add_best(batch, "best", &summary, OUTCOME_ANY, error) &&
           texts_report(&summary.failures, "failures", "message", TEXTS_LIMIT, batch, error) &&
           add_next(store, &head, &summary, batch, error) && add_times(&summary, batch, error) &&
           add_waiting(store, &head, &summary, view, batch, error);
}

bool report_batch(struct store *store, int64_t id, const cJSON *scale,
                  const struct report_view *view, cJSON **ret_batch, struct error *error)
{
    scoped(json_free) cJSON *batch = cJSON_CreateObject();

    if (!batch)
        return no_memory(error);
    if (!fill(store, id, scale, view, batch, error))
        return false;
    *ret_batch = take(&batch);
    return true;
}

bool report_batch_in_brief(struct store *store, int64_t id, const cJSON *scale,
                           const struct report_view *view, cJSON **ret_batch, struct error *error)
{
    scoped(store_batch_head_release) struct store_batch_head head = {0};
    scoped(summary_release) struct summary summary = {0};
    scoped(json_free) cJSON *batch = cJSON_CreateObject();

    (void)view;
    if (!batch)
        return no_memory(error);
    if (!store_batch_head(store, id, &head, error) ||
        !summary_make(store, &head, scale, &summary, error) ||
        !outcome_add_head(store, &head, &summary, batch, error) ||
        !outcome_add_best(batch, "best", &summary, OUTCOME_UNMARKED, error) ||
        !outcome_add_best(batch, "marked", &summary, OUTCOME_MARKED, error) ||
        !texts_report(&summary.failures, "failures", "message", BRIEF_FAILURES_LIMIT, batch, error))
        return false;
    *ret_batch = take(&batch);
    return true;
}
