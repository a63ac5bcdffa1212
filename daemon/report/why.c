/* `why`: sentences with numbers about the state that an experiment is in. */
#include "common/clock.h"
#include "common/owner.h"
#include "daemon/report/report.h"
#include "daemon/store/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SENTENCE 512

struct reasons {
    cJSON *list; /* borrowed */
    bool failed; /* no memory */
};

__attribute__((format(printf, 2, 3))) static void say(struct reasons *reasons, const char *format,
                                                      ...)
{
    char text[SENTENCE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (!cJSON_AddItemToArray(reasons->list, cJSON_CreateString(text)))
        reasons->failed = true;
}

static const char *duration(double seconds, char buffer[24])
{
    if (seconds >= 10)
        return clock_format_duration((int64_t)(seconds * 1000), buffer);
    (void)snprintf(buffer, 24, seconds < 1 ? "%.2fs" : "%.1fs", seconds > 0 ? seconds : 0);
    return buffer;
}

/* The need of the one whose place is kept, where one is. */
static bool kept_place(struct store *store, const struct report_view *view, int64_t *ret_id,
                       struct scheduler_need *ret_need, struct error *error)
{
    struct store_place place;
    int64_t id = scheduler_kept(&view->limits, &view->memory, view->monotonic_ms);

    *ret_id = 0;
    if (!id)
        return true;
    if (!store_place(store, id, &place, error)) {
        /* It may be gone since the scheduler looked. */
        return error->kind == ERROR_NOT_FOUND;
    }
    *ret_id = id;
    *ret_need = place.candidate.need;
    return true;
}

bool report_explain(struct store *store, const struct store_place *place,
                    const struct report_view *view, char *text, size_t size,
                    enum scheduler_obstacle *ret_obstacle, struct error *error)
{
    struct scheduler_need kept;
    int64_t kept_id;
    char left[24];

    if (place->not_before_ms > view->wall_ms) {
        (void)snprintf(text, size, "it is run again in %s",
                       duration((double)(place->not_before_ms - view->wall_ms) / 1000, left));
        *ret_obstacle = SCHEDULER_FITS;
        return true;
    }
    if (!kept_place(store, view, &kept_id, &kept, error))
        return false;
    *ret_obstacle =
        scheduler_explain(&view->limits, view->run, view->n_runs, kept_id ? &kept : NULL, kept_id,
                          &place->candidate, text, size);
    return true;
}

static bool why_queued(struct store *store, int64_t experiment, const cJSON *row,
                       const struct report_view *view, struct reasons *reasons, struct error *error)
{
    const char *message = json_text(row, "message", NULL);
    enum scheduler_obstacle obstacle;
    struct store_place place;
    char text[SENTENCE];

    if (!store_place(store, experiment, &place, error))
        return false;
    if (place.blocked) {
        if (!store_explain_dependencies(store, experiment, reasons->list, error))
            return false;
    } else {
        if (!report_explain(store, &place, view, text, sizeof(text), &obstacle, error))
            return false;
        if (obstacle != SCHEDULER_FITS || place.not_before_ms > view->wall_ms ||
            (!place.before && !view->obstacle))
            say(reasons, "%s", text);
        if (place.before && place.not_before_ms <= view->wall_ms && obstacle != SCHEDULER_TOO_LARGE)
            say(reasons, "%" PRId64 " %s before it in line (priority %" PRId64 ")", place.before,
                place.before == 1 ? "experiment stands" : "experiments stand",
                place.candidate.priority);
    }
    if (message)
        say(reasons, "its last run: %s; %" PRId64 " %s left", message, place.retries_left,
            place.retries_left == 1 ? "retry" : "retries");
    return true;
}

static void why_live(const cJSON *row, struct reasons *reasons)
{
    const cJSON *progress = json_member(row, "progress");
    const char *state = json_text(row, "state", "");
    double eta = json_number(row, "eta_s", -1);
    char took[24], left[24];

    if (strcmp(state, "starting") == 0)
        say(reasons, "its run %" PRId64 " was given to a worker, which has not begun yet",
            json_integer(row, "run", 0));
    else
        say(reasons, "%srun %" PRId64 " has taken %s so far",
            strcmp(state, "paused") == 0 ? "it is paused; " : "", json_integer(row, "run", 0),
            duration(json_number(row, "elapsed_s", 0), took));
    if (strcmp(state, "stopping") == 0)
        say(reasons, "it was asked to stop; cancel it again to kill it at once");
    if (strcmp(state, "paused") == 0)
        say(reasons,
            "it keeps its place and its memory, its time limit does not run: nj resume %" PRId64,
            json_integer(row, "id", 0));
    if (cJSON_IsObject(progress) && eta >= 0)
        say(reasons, "%s %.0f of %g; about %s left", json_text(progress, "unit", "step"),
            floor(json_number(progress, "done", 0)), json_number(progress, "total", 0),
            duration(eta, left));
}

static bool why_ended(struct store *store, int64_t experiment, const cJSON *row,
                      struct reasons *reasons, struct error *error)
{
    const char *verdict = json_text(row, "verdict", "");
    const char *message = json_text(row, "message", NULL);
    int64_t runs = json_integer(row, "run", 0);
    char took[24];

    if (strcmp(verdict, "skipped") == 0)
        return store_explain_dependencies(store, experiment, reasons->list, error);
    if (strcmp(verdict, "done") == 0)
        say(reasons, "it ended with exit status 0 after %s",
            duration(json_number(row, "elapsed_s", 0), took));
    else if (strcmp(verdict, "cancelled") != 0)
        say(reasons, "%s", message ? message : "its program left no reason");
    else if (!cJSON_IsNumber(json_member(row, "started")))
        say(reasons, "it was cancelled before it started%s%s", message ? ": " : "",
            message ? message : "");
    else
        say(reasons, "it was cancelled after it had run for %s%s%s",
            duration(json_number(row, "elapsed_s", 0), took), message ? ": " : "",
            message ? message : "");
    if (runs > 1)
        say(reasons, "it took %" PRId64 " runs", runs);
    return true;
}

static bool collect(struct store *store, int64_t experiment, const cJSON *row,
                    const struct report_view *view, struct reasons *reasons, struct error *error)
{
    const char *message = json_text(row, "message", NULL);
    enum experiment_state state = EXPERIMENT_QUEUED;

    (void)experiment_state_from_text(json_text(row, "state", ""), &state);
    if (state == EXPERIMENT_QUEUED)
        return why_queued(store, experiment, row, view, reasons, error);
    if (state == EXPERIMENT_HELD) {
        say(reasons, "it is held until somebody releases it: nj release %" PRId64, experiment);
        if (message)
            say(reasons, "%s", message);
        return true;
    }
    if (!experiment_state_active(state))
        return why_ended(store, experiment, row, reasons, error);
    why_live(row, reasons);
    return true;
}

bool report_why(struct store *store, int64_t experiment, const struct report_view *view,
                cJSON **ret_reply, struct error *error)
{
    scoped(json_free) cJSON *row = NULL;
    scoped(json_free) cJSON *reply = cJSON_CreateObject();
    struct reasons reasons = {0};

    if (!store_row(store, experiment, view->wall_ms, &row, error))
        return false;
    if (!reply || !json_add_integer(reply, "id", experiment) ||
        !json_add_text(reply, "state", json_text(row, "state", "")) ||
        (json_text(row, "verdict", NULL) &&
         !json_add_text(reply, "verdict", json_text(row, "verdict", ""))) ||
        !(reasons.list = json_add_array(reply, "reasons")))
        return error_set(error, ERROR_NO_MEMORY, "explaining");
    if (!collect(store, experiment, row, view, &reasons, error))
        return false;
    if (reasons.failed)
        return error_set(error, ERROR_NO_MEMORY, "explaining");
    *ret_reply = take(&reply);
    return true;
}
