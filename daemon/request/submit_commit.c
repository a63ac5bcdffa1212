/* submit.commit: the batch that this client has begun becomes one submission. */
#include "daemon/batch.h"
#include "daemon/request/request.h"
#include "daemon/request/submit.h"
#include "daemon/upload.h"

#include "common/owner.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    scoped(upload_free) struct upload *upload =
        take(&client_session_public(request->session)->upload);

    if (!upload)
        return error_set(error, ERROR_INVALID, "no batch was begun: submit.begin comes first");
    const struct batch_source more = {upload_next, upload};
    return request_submit_all(request, upload->params, &more, ret_result, error);
}

const struct request_kind request_submit_commit = {
    .name = "submit.commit",
    .writes = true,
    .handle = handle,
};
