/* hold: not to start until released. */
#include "daemon/request/change.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    return request_change(request, EXPERIMENT_EVENT_HOLD, ret_result, error);
}

const struct request_kind request_hold = {
    .name = "hold",
    .writes = true,
    .handle = handle,
};
