/* search: batches by the words of what was asked, expected, noted and learnt. */
#include "daemon/request/request.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    return report_search(request->daemon->store, request->params, ret_result, error);
}

const struct request_kind request_search = {
    .name = "search",
    .large = true,
    .writes = false,
    .handle = handle,
};
