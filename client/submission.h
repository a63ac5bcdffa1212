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

/* Options that name places of a spec: of nj submit, and of nj edit for what waits. */
#define SUBMISSION_OPTION_PRIORITY                                                                \
    {                                                                                             \
        .name = "priority", .letter = 'p', .type = OPTION_INTEGER, .value = "N", .low = -1000000, \
        .high = 1000000, .help = "Higher starts first; 0 where not said."                         \
    }
#define SUBMISSION_OPTIONS_RESOURCES                                                    \
    {.name = "cpus",                                                                    \
     .letter = 'c',                                                                     \
     .type = OPTION_REAL,                                                               \
     .value = "N",                                                                      \
     .low = 0.1,                                                                        \
     .high = 1024,                                                                      \
     .help = "Processors it may use."},                                                 \
        {.name = "memory",                                                              \
         .type = OPTION_SIZE,                                                           \
         .value = "SIZE",                                                               \
         .help = "Memory it needs, and may use: 4G."},                                  \
        {.name = "time",                                                                \
         .letter = 't',                                                                 \
         .type = OPTION_DURATION,                                                       \
         .value = "TIME",                                                               \
         .help = "The longest it may run: 3h; 0: no limit."},                           \
        {.name = "gpus",                                                                \
         .type = OPTION_INTEGER,                                                        \
         .value = "N",                                                                  \
         .low = 0,                                                                      \
         .high = 64,                                                                    \
         .help = "Graphics processors it needs."},                                      \
    {                                                                                   \
        .name = "retries", .type = OPTION_INTEGER, .value = "N", .low = 0, .high = 100, \
        .help = "How often it is run again after a failure; not after a timeout."       \
    }

#endif
