/* submit: a batch into the queue, all or nothing. */
#include "daemon/request/submit.h"

#include "common/owner.h"

#define LARGE_BATCH 500 /* experiments, after which memory is given back */

/* What waits for ever is not found out in the morning. */
static bool tell_too_large(struct daemon *daemon, cJSON *result, struct error *error)
{
    const struct scheduler_limits *limits = &daemon->starter.limits;
    struct scheduler_candidate one;
    char reason[128];
    cJSON *told;
    int64_t n;

    if (!store_find_too_large(daemon->store, json_integer(result, "first", 0),
                              json_integer(result, "last", 0), limits, &n, &one, error))
        return false;
    if (n == 0)
        return true;
    (void)scheduler_explain(limits, NULL, 0, NULL, 0, &one, reason, sizeof(reason));
    told = json_add_object(result, "too_large");
    return (told && json_add_integer(told, "count", n) && json_add_integer(told, "id", one.id) &&
            json_add_text(told, "reason", reason)) ||
           error_set(error, ERROR_NO_MEMORY, "submitting");
}

bool request_submit_all(struct request *request, const cJSON *params,
                        const struct batch_source *more, cJSON **ret_result, struct error *error)
{
    struct daemon *daemon = request->daemon;
    scoped(json_free) cJSON *result = NULL;

    /* What is left of a full disk is for the verdicts of what runs. */
    if (daemon->reserve.spent && !reserve_hold(&daemon->reserve))
        return error_set(error, ERROR_NO_SPACE,
                         "the disk is full; nothing new is taken until there is room for the "
                         "queue's reserve (%lld KiB, twice)",
                         (long long)(daemon->reserve.bytes / 1024));
    if (!store_submit_parts(daemon->store, params, more, daemon_wall_ms(daemon), &result,
                            &request->diagnostics, error) ||
        !tell_too_large(daemon, result, error))
        return false;
    daemon->large = daemon->large || json_integer(result, "count", 0) >= LARGE_BATCH;
    *ret_result = take(&result);
    return true;
}

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    return request_submit_all(request, request->params, NULL, ret_result, error);
}

const struct request_kind request_submit = {
    .name = "submit",
    .writes = true,
    .handle = handle,
};
