/* submit.add: more experiments of the batch that this client has begun. */
#include "daemon/request/request.h"
#include "daemon/upload.h"

#include "common/owner.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    struct upload *upload = client_session_public(request->session)->upload;
    scoped(json_free) cJSON *result = cJSON_CreateObject();

    if (!upload)
        return error_set(error, ERROR_INVALID, "no batch was begun: submit.begin comes first");
    if (!upload_add(upload, json_member(request->params, "experiments"), error))
        return false;
    if (!json_add_integer(result, "count", upload->n))
        return error_set(error, ERROR_NO_MEMORY, "answering");
    *ret_result = take(&result);
    return true;
}

const struct request_kind request_submit_add = {
    .name = "submit.add",
    .writes = false,
    .handle = handle,
};
