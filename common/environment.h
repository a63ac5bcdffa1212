/* The environment that a run gets: the caller's, with some variables set. */
#ifndef NIGHTJAR_COMMON_ENVIRONMENT_H
#define NIGHTJAR_COMMON_ENVIRONMENT_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

struct environment {
    char **item; /* owned, each too: "NAME=value"; ended by NULL */
    size_t n;
};

void environment_release(struct environment *environment);
bool environment_copy(char *const *from, struct environment *ret_environment, struct error *error);
/* Replaces or adds. */
bool environment_set(struct environment *environment, const char *name, const char *value,
                     struct error *error);
const char *environment_get(const struct environment *environment, const char *name); /* or NULL */

#endif
