/*
 * What cancel, hold, release, restart, pause and resume share: one event for every selected
 * experiment.
 *
 * Many of them are changed over several turns of the loop, each with its own commit, so that other
 * clients are not kept waiting; nothing starts before the last. A request is whole only where it
 * was answered: what was changed before a failure, or the end of the daemon, stays changed.
 */
#ifndef NIGHTJAR_DAEMON_REQUEST_CHANGE_H
#define NIGHTJAR_DAEMON_REQUEST_CHANGE_H

#include "daemon/experiment_state.h"
#include "daemon/request/request.h"

#define REQUEST_CHANGES_PER_TURN 1000

/* {changed:[ids], unchanged:[{id, reason}]} */
bool request_change(struct request *request, enum experiment_event event, cJSON **ret_result,
                    struct error *error);

/* The next ones of the first of daemon->changes, inside the turn's transaction; its answer is held
 * with the last. On failure the caller undoes what was done and calls request_change_fail. */
bool request_change_more(struct daemon *daemon, struct error *error);
/* The first of daemon->changes is answered with this error and forgotten. */
void request_change_fail(struct daemon *daemon, const struct error *failure);
void request_changes_free(struct daemon *daemon);

#endif
