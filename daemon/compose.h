/*
 * The spec in force of one experiment: what its batch shares, its delta, its parameters.
 *
 * `{name}` in an element of the command or in any other text of the spec is replaced by the
 * parameter; "{{" and "}}" stand for braces. Texts about the batch (batch_owns_text) stay as they
 * are. An element that is nothing but "{name}" outside a
 * command takes the value with its type. For pipelines a parameter that is used in no placeholder
 * names a path of the spec (model[0].units); for commands one that is used nowhere must be the path
 * of something that the spec has.
 */
#ifndef NIGHTJAR_DAEMON_COMPOSE_H
#define NIGHTJAR_DAEMON_COMPOSE_H

#include "common/error.h"
#include "common/json.h"

#include <stdbool.h>
#include <stdint.h>

/* `delta` and `parameters` may be NULL. INVALID, with the path, where they do not fit the base.
 * Caller owns *ret_spec. */
bool compose_spec(const cJSON *base, const cJSON *delta, const cJSON *parameters, const char *name,
                  int64_t seed, cJSON **ret_spec, struct error *error);
bool compose_is_command(const cJSON *spec); /* else a pipeline */

#endif
