/* Waiting for experiments: nj wait and nj submit --wait. */
#ifndef NIGHTJAR_CLIENT_WAIT_H
#define NIGHTJAR_CLIENT_WAIT_H

#include "client/client.h"

#define WAIT_TIMEOUT_STATUS 124 /* as timeout(1) has it */

/* Sets the exit status to the verdict of what *select (taken in any case) selects. timeout_s < 0:
 * none. Draws progress on a terminal unless --quiet; tells what failed. */
bool wait_run(struct client *client, cJSON **select, double timeout_s, struct error *error);

#endif
