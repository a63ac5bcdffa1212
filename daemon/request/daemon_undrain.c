/* daemon.undrain: what waits may start again. */
#include "daemon/request/request.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    (void)ret_result;
    return daemon_set_draining(request->daemon, false, error);
}

const struct request_kind request_daemon_undrain = {
    .name = "daemon.undrain",
    .writes = true,
    .handle = handle,
};
