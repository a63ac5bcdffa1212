#include "client/scale.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_scale(const char *text, char *ret_metric, size_t size, double *ret_factor,
                       struct error *error)
{
    const char *equals = strchr(text, '=');
    char *end = NULL;
    double factor = equals ? strtod(equals + 1, &end) : 0;

    if (!equals || equals == text || end == equals + 1 || *end || !isfinite(factor) ||
        factor == 0 || (size_t)(equals - text) >= size)
        return error_set(error, ERROR_INVALID,
                         "--scale: expected METRIC=FACTOR, as in rmse=1e5, not '%s'", text);
    (void)snprintf(ret_metric, size, "%.*s", (int)(equals - text), text);
    *ret_factor = factor;
    return true;
}

bool scale_ask(const struct arguments *arguments, cJSON *params, struct error *error)
{
    cJSON *scale = NULL;
    const char *text;

    for (size_t at = 0; (text = arguments_next(arguments, "scale", &at));) {
        char metric[128];
        double factor;

        if (!read_scale(text, metric, sizeof(metric), &factor, error))
            return false;
        if (!scale)
            scale = json_add_object(params, "scale");
        cJSON_DeleteItemFromObjectCaseSensitive(scale, metric); /* the last one counts */
        if (!scale || !json_add_number(scale, metric, factor))
            return error_set(error, ERROR_NO_MEMORY, "preparing the request");
    }
    return true;
}
