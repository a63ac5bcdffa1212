/* cancel: queued ones end at once, running ones are asked to stop. */
#include "daemon/request/change.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    return request_change(request, EXPERIMENT_EVENT_CANCEL, ret_result, error);
}

const struct request_kind request_cancel = {
    .name = "cancel",
    .writes = true,
    .handle = handle,
};
