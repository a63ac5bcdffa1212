/* nj data plot: recordings as curves; nj data drift: the figures of scalers as rows stream by. */
#ifndef NIGHTJAR_CLIENT_COMMAND_DATA_PLOT_H
#define NIGHTJAR_CLIENT_COMMAND_DATA_PLOT_H

#include "client/client.h"

bool data_plot_run(struct client *client, const char *verb, struct error *error);
bool data_drift_run(struct client *client, const char *verb, struct error *error);

#endif
