/* daemon.stop: the daemon ends after the reply; running work goes on without it. */
#include "daemon/request/request.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    (void)ret_result;
    (void)error;
    daemon_stop(request->daemon);
    return true;
}

const struct request_kind request_daemon_stop = {
    .name = "daemon.stop",
    .writes = false,
    .handle = handle,
};
