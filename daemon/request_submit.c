/* submit: a batch into the queue, all or nothing. */
#include "daemon/request.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    struct daemon *daemon = request->daemon;

    return store_submit(daemon->store, request->params, daemon_wall_ms(daemon), ret_result,
                        &request->diagnostics, error);
}

const struct request_kind request_submit = {
    .name = "submit",
    .writes = true,
    .handle = handle,
};
