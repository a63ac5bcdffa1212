/* compare: experiments side by side. */
#include "daemon/request/request.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    return report_compare(request->daemon->store, request->params, ret_result, error);
}

const struct request_kind request_compare = {
    .name = "compare",
    .large = true,
    .writes = false,
    .handle = handle,
};
