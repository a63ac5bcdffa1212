/* What cancel, hold, release, restart, pause and resume share: one event for every selected
 * experiment. */
#ifndef NIGHTJAR_DAEMON_REQUEST_CHANGE_H
#define NIGHTJAR_DAEMON_REQUEST_CHANGE_H

#include "daemon/experiment_state.h"
#include "daemon/request.h"

/* {changed:[ids], unchanged:[{id, reason}]} */
bool request_change(struct request *request, enum experiment_event event, cJSON **ret_result,
                    struct error *error);

#endif
