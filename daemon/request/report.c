/* report: what the batches have taught. */
#include "daemon/request/request.h"

#include "common/owner.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    scoped(memory_free) struct scheduler_run *run = NULL;
    struct daemon *daemon = request->daemon;
    struct report_view view;

    return daemon_view(daemon, &view, &run, error) &&
           report_batches(daemon->store, request->params, &view, ret_result, error);
}

const struct request_kind request_report = {
    .name = "report",
    .large = true,
    .writes = false,
    .handle = handle,
};
