/* daemon.drain: nothing new starts, for this daemon and the next, until daemon.undrain. */
#include "daemon/request/request.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    (void)ret_result;
    return daemon_set_draining(request->daemon, true, error);
}

const struct request_kind request_daemon_drain = {
    .name = "daemon.drain",
    .writes = true,
    .handle = handle,
};
