/* nj data export: prepared samples, in a file for other programs. */
#ifndef NIGHTJAR_CLIENT_COMMAND_DATA_EXPORT_H
#define NIGHTJAR_CLIENT_COMMAND_DATA_EXPORT_H

#include "client/client.h"

bool data_export_run(struct client *client, const char *verb, struct error *error);

#endif
