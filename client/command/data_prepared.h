/* nj data list, clean, verify: the folder of prepared data. */
#ifndef NIGHTJAR_CLIENT_COMMAND_DATA_PREPARED_H
#define NIGHTJAR_CLIENT_COMMAND_DATA_PREPARED_H

#include "client/client.h"

/* `verb`: one of those. Damaged data are an exit status of the client, not a failure. */
bool data_prepared_run(struct client *client, const char *verb, struct error *error);

#endif
