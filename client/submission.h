/*
 * The params of `submit`: from a spec file or a command line, and the options.
 */
#ifndef NIGHTJAR_CLIENT_SUBMISSION_H
#define NIGHTJAR_CLIENT_SUBMISSION_H

#include "client/client.h"
#include "common/spec/spec.h"

/* What follows "--", to be run here. */
bool submission_of_program(const struct arguments *arguments, cJSON **ret_params,
                           struct error *error);
/* The file's content is the base. Paths in it are relative to its
 * folder (standard input: to the working directory). */
bool submission_of_file(const struct arguments *arguments, struct spec_file *file,
                        cJSON **ret_params, struct error *error);

/* Options that stand for a place in the spec (--priority: queue.priority) and --set. They win over
 * what the file says, in the base and in every delta. */
bool submission_set_options(const struct arguments *arguments, cJSON *params, struct error *error);
/* Any other value at a path (--after: queue.after). */
bool submission_set(cJSON *params, const char *path, const cJSON *value, struct error *error);
/* Environment and token. */
bool submission_add_context(cJSON *params, struct error *error);

/* {path, size, mtime_ns, hash} of a file; the hash only where it is not too large to be read at
 * once. What is no regular file adds nothing. */
bool submission_fingerprint(cJSON *params, const char *path, struct error *error);

#endif
