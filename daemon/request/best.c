/* best: the best experiments of a selection by a metric. */
#include "daemon/request/request.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    return report_best(request->daemon->store, request->params, ret_result, error);
}

const struct request_kind request_best = {
    .name = "best",
    .large = true,
    .writes = false,
    .handle = handle,
};
