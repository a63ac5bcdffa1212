/* note: a text kept with an experiment or a batch. */
#include "daemon/request/request.h"

#include "common/owner.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    struct daemon *daemon = request->daemon;
    scoped(json_free) cJSON *result = cJSON_CreateObject();
    int64_t today;

    if (!store_note(daemon->store, request->params, daemon_wall_ms(daemon), &today, error))
        return false;
    if (!result || (today > 0 && !json_add_integer(result, "today", today)))
        return error_set(error, ERROR_NO_MEMORY, "answering");
    *ret_result = take(&result);
    return true;
}

const struct request_kind request_note = {
    .name = "note",
    .writes = true,
    .handle = handle,
};
