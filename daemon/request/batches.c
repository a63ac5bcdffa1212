/* batches: every batch with its counts. */
#include "daemon/request/request.h"

static bool handle(struct request *request, cJSON **ret_result, struct error *error)
{
    return store_batches(request->daemon->store, ret_result, error);
}

const struct request_kind request_batches = {
    .name = "batches",
    .writes = false,
    .handle = handle,
};
