/* list: rows of experiments. */
#include "daemon/request/request.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    struct daemon *daemon = request->daemon;

    return store_list(daemon->store, request->params, daemon_wall_ms(daemon), ret_result, error);
}

const struct request_kind request_list = {
    .name = "list",
    .writes = false,
    .handle = handle,
};
