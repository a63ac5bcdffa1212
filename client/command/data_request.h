/* What the verbs of nj data have in common: a source or a spec to ask about, and the engine to ask.
 */
#ifndef NIGHTJAR_CLIENT_COMMAND_DATA_REQUEST_H
#define NIGHTJAR_CLIENT_COMMAND_DATA_REQUEST_H

#include "client/client.h"
#include "common/spec/spec.h"

/* A spec (.yaml, .yml), or one made for a source alone; with what --set says. */
bool data_request_read(const struct arguments *arguments, const char *path, struct spec_file **ret,
                       struct error *error);
/* "cwd": from where its paths are seen. */
bool data_request_add_cwd(const char *path, cJSON *request, struct error *error);
/* "data": moved out of the spec, which has to have some. */
bool data_request_add_data(const char *path, struct spec_file *file, cJSON *request,
                           struct error *error);
/* "folder": that of prepared data. */
bool data_request_add_folder(cJSON *request, struct error *error);

/* Asks `nightjar-engine verb`. *ret_answer NULL: it has told what is wrong, and its status is the
 * client's. Caller owns the answer. */
bool data_request_ask(struct client *client, const char *verb, const cJSON *request,
                      cJSON **ret_answer, struct error *error);

#endif
