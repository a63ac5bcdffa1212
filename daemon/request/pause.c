/* pause: stops the processes of a run where they stand. */
#include "daemon/request/change.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    return request_change(request, EXPERIMENT_EVENT_PAUSE, ret_result, error);
}

const struct request_kind request_pause = {
    .name = "pause",
    .writes = true,
    .handle = handle,
};
