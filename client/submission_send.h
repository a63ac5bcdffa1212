/* Sending a submission: in one message, or, where it is longer than one may be, in parts. */
#ifndef NIGHTJAR_CLIENT_SUBMISSION_SEND_H
#define NIGHTJAR_CLIENT_SUBMISSION_SEND_H

#include "client/client.h"

/* Takes *params. Asks once more where the daemon ended before it answered: the token makes that
 * safe. INVALID: too long even in parts. */
bool submission_send(struct client *client, cJSON **params, cJSON **ret_reply, struct error *error);

#endif
