/* Numbers of a metric as a person likes to read them: with --scale rmse=1e5 a table says
 * "test.rmse x 1e+05" and 12.3 instead of 0.000123. For display alone: --json stays as it is. */
#ifndef NIGHTJAR_CLIENT_SCALE_H
#define NIGHTJAR_CLIENT_SCALE_H

#include "client/client.h"

/* Each changes the daemon's answer to the verb (docs/protocol.md). INVALID where --scale is not
 * METRIC=FACTOR. */
bool scale_best(const struct arguments *arguments, cJSON *result, struct error *error);
bool scale_compare(const struct arguments *arguments, cJSON *result, struct error *error);
bool scale_report(const struct arguments *arguments, cJSON *result, struct error *error);

#define COMMAND_OPTION_SCALE                                                                    \
    {                                                                                           \
        .name = "scale", .type = OPTION_TEXT, .repeats = true, .value = "METRIC=FACTOR",        \
        .help = "Show a metric's numbers times a factor, as in rmse=1e5; may be given several " \
                "times."                                                                        \
    }

#endif
