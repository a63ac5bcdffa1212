/* `{name}` in the texts of a spec. See compose.h for what it means. */
#ifndef NIGHTJAR_DAEMON_PLACEHOLDER_H
#define NIGHTJAR_DAEMON_PLACEHOLDER_H

#include "common/error.h"
#include "common/json.h"

#include <stdbool.h>

/* Replaces every placeholder in `spec` by its parameter, but in what is about the batch. *ret_used
 * gets a member (of any value) for each parameter that was used; caller owns. INVALID, with the
 * path of the text: a name that is no parameter (the known ones are told), or a brace that nothing
 * closes. */
bool placeholder_replace(cJSON *spec, const cJSON *parameters, cJSON **ret_used,
                         struct error *error);

#endif
