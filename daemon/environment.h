/* The environment that a process is given. */
#ifndef NIGHTJAR_DAEMON_ENVIRONMENT_H
#define NIGHTJAR_DAEMON_ENVIRONMENT_H

#include "common/error.h"
#include "common/json.h"

#include <stdbool.h>
#include <stddef.h>

/* A list of "K=V" for exec, ended by NULL. All-zero is valid and empty. */
struct environment {
    char **item; /* owned, each too */
    size_t n, capacity;
};
void environment_release(struct environment *environment);
/* From ["K=V"]; NULL: the daemon's own. */
bool environment_read(struct environment *environment, const cJSON *list, struct error *error);
/* Replaces or adds. */
__attribute__((format(printf, 4, 5))) bool environment_set(struct environment *environment,
                                                           struct error *error, const char *name,
                                                           const char *format, ...);

#endif
