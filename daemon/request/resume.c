/* resume: lets paused runs go on. */
#include "daemon/request/change.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    return request_change(request, EXPERIMENT_EVENT_RESUME, ret_result, error);
}

const struct request_kind request_resume = {
    .name = "resume",
    .writes = true,
    .handle = handle,
};
