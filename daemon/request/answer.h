/*
 * {changed:[ids], unchanged:[{id, reason}]}: what a change of many experiments came to.
 *
 * Experiments that do not allow the change are told with the reason; that is no failure. The
 * answer names at most REQUEST_ANSWER_LIMIT of each, because it has to fit into one message, and
 * then says how many there were.
 */
#ifndef NIGHTJAR_DAEMON_REQUEST_ANSWER_H
#define NIGHTJAR_DAEMON_REQUEST_ANSWER_H

#include "common/error.h"
#include "common/json.h"

#include <stdbool.h>
#include <stdint.h>

#define REQUEST_ANSWER_LIMIT 5000

/* All-zero is empty. */
struct request_answer {
    cJSON *result;              /* owned */
    cJSON *changed, *unchanged; /* borrowed: its members */
    int64_t n_changed, n_unchanged;
};

void request_answer_release(struct request_answer *answer);
bool request_answer_start(struct request_answer *ret_answer, struct error *error);
bool request_answer_changed(struct request_answer *answer, int64_t id, struct error *error);
bool request_answer_unchanged(struct request_answer *answer, int64_t id, const char *reason,
                              struct error *error);
/* The caller owns *ret_result. */
bool request_answer_end(struct request_answer *answer, cJSON **ret_result, struct error *error);

#endif
