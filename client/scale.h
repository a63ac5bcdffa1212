/* --scale rmse=1e5: numbers of a metric as a person likes to read them. The daemon scales them, so
 * that what it says of them in sentences is scaled, too. */
#ifndef NIGHTJAR_CLIENT_SCALE_H
#define NIGHTJAR_CLIENT_SCALE_H

#include "client/client.h"

/* Adds what is said of it to the params of `report`, `best` or `compare` (docs/protocol.md).
 * INVALID where it is not METRIC=FACTOR. */
bool scale_ask(const struct arguments *arguments, cJSON *params, struct error *error);

#define COMMAND_OPTION_SCALE                                                                       \
    {                                                                                              \
        .name = "scale", .type = OPTION_TEXT, .repeats = true, .value = "METRIC=FACTOR",           \
        .help = "Show a metric's numbers times a factor, as in rmse=1e5, in tables, findings and " \
                "--json alike; may be given several times."                                        \
    }

#endif
