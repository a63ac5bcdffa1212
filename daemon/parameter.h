/*
 * What an experiment got of a sweep: {"model[0].units": 32, "rate": {"label": "slow", "value":
 * 0.1}}. A value that has a label, and any object, is wrapped.
 */
#ifndef NIGHTJAR_DAEMON_PARAMETER_H
#define NIGHTJAR_DAEMON_PARAMETER_H

#include "common/error.h"
#include "common/json.h"

#include <stdbool.h>

/* Without its label; borrowed. NULL: there is none. */
const cJSON *parameter_value(const cJSON *parameter);
/* Whether a path is that of `outer` or lies within it: train.epochs in train, but not trainer. */
bool parameter_lies_within(const char *path, const char *outer);
/* As people read them: labels instead of labelled values. NULL: {}. Caller owns. */
bool parameters_readable(const cJSON *parameters, cJSON **ret_readable, struct error *error);

#endif
