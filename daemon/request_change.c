/*
 * Experiments that do not allow the change are told with the reason; that is no failure. The
 * answer names at most ANSWER_LIMIT of each, because it has to fit into one message, and then says
 * how many there were.
 */
#include "daemon/request_change.h"

#include "common/owner.h"

#define ANSWER_LIMIT 5000

struct change {
    struct request *request;
    enum experiment_event event;
    cJSON *changed, *unchanged; /* borrowed */
    int64_t n_changed, n_unchanged;
};

static bool tell_changed(struct change *change, int64_t id)
{
    if (change->n_changed++ >= ANSWER_LIMIT)
        return true;
    cJSON *number = cJSON_CreateNumber((double)id);
    return number && cJSON_AddItemToArray(change->changed, number);
}

static bool tell_unchanged(struct change *change, int64_t id, const char *reason)
{
    if (change->n_unchanged++ >= ANSWER_LIMIT)
        return true;
    cJSON *item = cJSON_CreateObject();
    if (json_add_integer(item, "id", id) && json_add_text(item, "reason", reason) &&
        cJSON_AddItemToArray(change->unchanged, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool change_one(struct change *change, int64_t id, struct error *error)
{
    struct daemon *daemon = change->request->daemon;
    struct store_change outcome;

    if (!store_apply(daemon->store, id, change->event, NULL, daemon_wall_ms(daemon), &outcome,
                     error))
        return false;
    if (outcome.decision.allowed && outcome.decision.stop_run)
        supervisor_plan_stop(daemon->supervisor, id);
    if (outcome.decision.allowed && change->event == EXPERIMENT_EVENT_PAUSE)
        supervisor_plan_pause(daemon->supervisor, id, true);
    if (outcome.decision.allowed && change->event == EXPERIMENT_EVENT_RESUME)
        supervisor_plan_pause(daemon->supervisor, id, false);
    bool told = outcome.decision.allowed ? tell_changed(change, id)
                                         : tell_unchanged(change, id, outcome.decision.reason);
    return told || error_set(error, ERROR_NO_MEMORY, "answering");
}

bool request_change(struct request *request, enum experiment_event event, cJSON **ret_result,
                    struct error *error)
{
    scoped(json_free) cJSON *result = cJSON_CreateObject();
    scoped(store_ids_release) struct store_ids ids = {0};
    struct change change = {.request = request, .event = event};

    change.changed = json_add_array(result, "changed");
    change.unchanged = json_add_array(result, "unchanged");
    if (!change.changed || !change.unchanged)
        return error_set(error, ERROR_NO_MEMORY, "answering");
    if (!store_select(request->daemon->store, json_member(request->params, "select"), &ids, error))
        return false;
    for (size_t i = 0; i < ids.n; i++)
        if (!change_one(&change, ids.item[i], error))
            return false;
    if ((change.n_changed > ANSWER_LIMIT || change.n_unchanged > ANSWER_LIMIT) &&
        (!json_add_integer(result, "n_changed", change.n_changed) ||
         !json_add_integer(result, "n_unchanged", change.n_unchanged)))
        return error_set(error, ERROR_NO_MEMORY, "answering");
    *ret_result = take(&result);
    return true;
}
