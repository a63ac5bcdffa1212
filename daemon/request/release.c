/* release: held ones back into the queue. */
#include "daemon/request/change.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    return request_change(request, EXPERIMENT_EVENT_RELEASE, ret_result, error);
}

const struct request_kind request_release = {
    .name = "release",
    .writes = true,
    .handle = handle,
};
