/* The series of experiments as a picture: nj show --curves. */
#ifndef NIGHTJAR_CLIENT_CURVES_H
#define NIGHTJAR_CLIENT_CURVES_H

#include "client/client.h"
#include "client/select.h"

/* A panel for each metric that was reported by steps (--metric: those alone), a colour for each
 * experiment: faint as it was reported, and the mean of the last --smooth values over it. Writes an
 * .svg file at `path`. NOT_FOUND where there is no such series. */
bool curves_draw(struct client *client, const struct id_list *ids, const char *path,
                 struct error *error);

#endif
