#include "daemon/parameter.h"

#include "common/owner.h"

#include <string.h>

const cJSON *parameter_value(const cJSON *parameter)
{
    return cJSON_IsObject(parameter) ? json_member(parameter, "value") : parameter;
}

bool parameter_lies_within(const char *path, const char *outer)
{
    size_t length = strlen(outer);

    return strncmp(path, outer, length) == 0 && strchr(".[", path[length]);
}

static bool add_readable(cJSON *readable, const cJSON *parameter)
{
    const char *label = json_text(parameter, "label", NULL);
    cJSON *copy;

    if (label)
        return json_add_text(readable, parameter->string, label);
    copy = cJSON_Duplicate(parameter_value(parameter), true);
    return copy && json_add_item(readable, parameter->string, &copy);
}

bool parameters_readable(const cJSON *parameters, cJSON **ret_readable, struct error *error)
{
    scoped(json_free) cJSON *readable = cJSON_CreateObject();
    const cJSON *parameter;
    bool good = readable != NULL;

    cJSON_ArrayForEach(parameter, parameters) good = good && add_readable(readable, parameter);
    if (!good)
        return error_set(error, ERROR_NO_MEMORY, "reading parameters");
    *ret_readable = take(&readable);
    return true;
}
