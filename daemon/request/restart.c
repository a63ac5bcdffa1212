/* restart: ended ones into the queue again, from the beginning. */
#include "daemon/request/change.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    return request_change(request, EXPERIMENT_EVENT_RESTART, ret_result, error);
}

const struct request_kind request_restart = {
    .name = "restart",
    .writes = true,
    .handle = handle,
};
