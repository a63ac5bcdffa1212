/* submit.begin: a batch that is longer than one message; submit.add brings the rest of it. */
#include "daemon/request/request.h"
#include "daemon/upload.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    struct client_session_public *session = client_session_public(request->session);
    struct upload *upload;

    (void)ret_result;
    if (!upload_begin(request->daemon->options.home, request->params, &upload, error))
        return false;
    upload_free(&session->upload);
    session->upload = upload;
    return true;
}

const struct request_kind request_submit_begin = {
    .name = "submit.begin",
    .writes = false,
    .handle = handle,
};
