#include "daemon/request_change.h"

#include "common/owner.h"
#include "daemon/request_answer.h"

/* What the worker has to be told about it. */
static void plan(struct daemon *daemon, enum experiment_event event, int64_t id,
                 const struct experiment_decision *decision)
{
    if (decision->stop_run)
        supervisor_plan_stop(daemon->supervisor, id);
    if (event == EXPERIMENT_EVENT_PAUSE || event == EXPERIMENT_EVENT_RESUME)
        supervisor_plan_pause(daemon->supervisor, id, decision->pause_run);
}

static bool change_one(struct request *request, enum experiment_event event, int64_t id,
                       struct request_answer *answer, struct error *error)
{
    struct daemon *daemon = request->daemon;
    struct store_change outcome;

    if (!store_apply(daemon->store, id, event, NULL, daemon_wall_ms(daemon), &outcome, error))
        return false;
    if (!outcome.decision.allowed)
        return request_answer_unchanged(answer, id, outcome.decision.reason, error);
    plan(daemon, event, id, &outcome.decision);
    return request_answer_changed(answer, id, error);
}

bool request_change(struct request *request, enum experiment_event event, cJSON **ret_result,
                    struct error *error)
{
    scoped(store_ids_release) struct store_ids ids = {0};
    scoped(request_answer_release) struct request_answer answer = {0};

    if (!store_select(request->daemon->store, json_member(request->params, "select"), &ids,
                      error) ||
        !request_answer_start(&answer, error))
        return false;
    for (size_t i = 0; i < ids.n; i++)
        if (!change_one(request, event, ids.item[i], &answer, error))
            return false;
    return request_answer_end(&answer, ret_result, error);
}
