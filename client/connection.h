/*
 * The client's end of the socket: one request, one reply, and notifications for those who watch.
 */
#ifndef NIGHTJAR_CLIENT_CONNECTION_H
#define NIGHTJAR_CLIENT_CONNECTION_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/json.h"

#include <stdbool.h>
#include <stdint.h>

struct connection;

/* Connects to the daemon of this home. Where none listens it starts one and waits for it, unless
 * `start` is false or NIGHTJAR_NO_START=1; then UNREACHABLE. *ret_started (may be NULL): whether
 * one was started. */
bool connection_open(bool start, struct connection **ret, bool *ret_started, struct error *error);
void connection_free(struct connection **connection);

/* Sends what wire_request() made with this id and waits for its reply. The daemon's refusal comes
 * back as the error it had. Notifications that arrive meanwhile are kept for connection_next(). */
bool connection_ask(struct connection *connection, const struct buffer *request, int64_t id,
                    cJSON **ret_result, struct error *error);
/* What came with the last refusal ("data" of the error object: diagnostics); NULL: nothing.
 * Borrowed until the next call. */
const cJSON *connection_refusal(const struct connection *connection);
/* The next notification; *ret_message NULL: none within timeout_ms (-1: wait for ever).
 * UNREACHABLE: the daemon has ended. CANCELLED: a signal came. */
bool connection_next(struct connection *connection, int64_t timeout_ms, cJSON **ret_message,
                     struct error *error);

#endif
