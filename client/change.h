/* Verbs that change the state of experiments: cancel, hold, release, restart, pause, resume. */
#ifndef NIGHTJAR_CLIENT_CHANGE_H
#define NIGHTJAR_CLIENT_CHANGE_H

#include "client/client.h"

/* Asks for `method` on what the arguments select and tells which ones changed ("cancelled 12") and
 * which did not, and why. Exit status 1 where nothing changed. */
bool change_run(struct client *client, const char *method, const char *past, struct error *error);

/* The same for params that are there already; takes *params. */
bool change_ask(struct client *client, const char *method, const char *past, cJSON **params,
                struct error *error);

extern const struct command_option change_options[];

#endif
