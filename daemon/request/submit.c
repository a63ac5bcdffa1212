/* submit: a batch into the queue, all or nothing. */
#include "daemon/request/submit.h"

#define LARGE_BATCH 500 /* experiments, after which memory is given back */

bool request_submit_all(struct request *request, const cJSON *params,
                        const struct batch_source *more, cJSON **ret_result, struct error *error)
{
    struct daemon *daemon = request->daemon;

    /* What is left of a full disk is for the verdicts of what runs. */
    if (daemon->reserve.spent && !reserve_hold(&daemon->reserve))
        return error_set(error, ERROR_NO_SPACE,
                         "the disk is full; nothing new is taken until there is room for the "
                         "queue's reserve (%lld KiB, twice)",
                         (long long)(daemon->reserve.bytes / 1024));
    if (!store_submit_parts(daemon->store, params, more, daemon_wall_ms(daemon), ret_result,
                            &request->diagnostics, error))
        return false;
    daemon->large = daemon->large || json_integer(*ret_result, "count", 0) >= LARGE_BATCH;
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
