/* The engine's verbs on a stored experiment: nj predict, nj evaluate. */
#ifndef NIGHTJAR_CLIENT_ENGINE_H
#define NIGHTJAR_CLIENT_ENGINE_H

#include "client/client.h"

#define ENGINE_ARGUMENTS_MAX 160

struct engine_call {
    const char *argument[ENGINE_ARGUMENTS_MAX + 1]; /* borrowed: what follows the run's folder */
    size_t n;
};
/* `value` NULL: the name alone. Nothing is added where the limit is reached: INVALID. */
bool engine_call_add(struct engine_call *call, const char *name, const char *value,
                     struct error *error);
/* The folder of the experiment's run (--run; else its latest). */
bool engine_find_run(struct client *client, struct buffer *ret_folder, struct error *error);
/* Becomes the engine: `verb`, the folder of the experiment's run (--run; else its latest), and the
 * rest. Returns only where it fails. */
bool engine_call_run(struct client *client, const char *verb, const struct engine_call *call,
                     struct error *error);

/* The same of files alone: no experiment is asked for. */
bool engine_call_files(const char *verb, const struct engine_call *call, struct error *error);

#define ENGINE_OPTION_RUN                                                           \
    {                                                                               \
        .name = "run", .type = OPTION_INTEGER, .value = "N", .low = 1, .high = 1e9, \
        .help = "Of this run; else of the latest."                                  \
    }

#endif
