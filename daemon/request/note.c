/* note: a text kept with an experiment or a batch. */
#include "daemon/request/request.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    struct daemon *daemon = request->daemon;

    (void)ret_result;
    return store_note(daemon->store, request->params, daemon_wall_ms(daemon), error);
}

const struct request_kind request_note = {
    .name = "note",
    .writes = true,
    .handle = handle,
};
