/* Everything that is known of one experiment. */
#ifndef NIGHTJAR_CLIENT_SHOW_H
#define NIGHTJAR_CLIENT_SHOW_H

#include "client/client.h"
#include "client/render.h"

/* The daemon's `show` of one experiment; the caller owns it. */
bool show_ask(struct client *client, int64_t id, cJSON **ret_experiment, struct error *error);
/* For a person. */
bool show_print(const struct render *render, const cJSON *experiment, struct error *error);

#endif
