/* history: the metrics of one experiment, step by step. */
#include "daemon/request/request.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    return store_history(request->daemon->store, request->params, ret_result, error);
}

const struct request_kind request_history = {
    .name = "history",
    .large = true,
    .writes = false,
    .handle = handle,
};
