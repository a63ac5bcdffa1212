/* Predictions beside the truth, as a picture: nj evaluate --plot. */
#ifndef NIGHTJAR_CLIENT_COMMAND_EVALUATE_PLOT_H
#define NIGHTJAR_CLIENT_COMMAND_EVALUATE_PLOT_H

#include "client/client.h"

/* Of the files of --predictions, else of what the experiment's run predicted: of each output the
 * means, their spread and the error; of a single one, or of --target, predicted against true.
 * Writes an .svg file at `path`. */
bool evaluate_plot(struct client *client, const char *path, struct error *error);

#endif
