/* show: one experiment, whole. */
#include "daemon/request/request.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    struct daemon *daemon = request->daemon;
    int64_t id;

    return request_integer(request, "id", &id, error) &&
           store_show(daemon->store, id, daemon_wall_ms(daemon), ret_result, error);
}

const struct request_kind request_show = {
    .name = "show",
    .writes = false,
    .handle = handle,
};
