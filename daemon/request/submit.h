/* What submit and submit.commit have in common. */
#ifndef NIGHTJAR_DAEMON_REQUEST_SUBMIT_H
#define NIGHTJAR_DAEMON_REQUEST_SUBMIT_H

#include "daemon/batch.h"
#include "daemon/request/request.h"

/* Submits `params` and `more` (NULL: nothing), where the disk has room for it. */
bool request_submit_all(struct request *request, const cJSON *params,
                        const struct batch_source *more, cJSON **ret_result, struct error *error);

#endif
