#include "common/spec/spec.h"

#include <string.h>

static const char *last_part(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot ? dot + 1 : name;
}

const char *spec_short_name(const cJSON *names, const char *name)
{
    const char *last = last_part(name);
    const cJSON *item;

    cJSON_ArrayForEach(item, names)
    {
        const char *other = item->string ? item->string : cJSON_GetStringValue(item);

        if (other && strcmp(other, name) != 0 && strcmp(last_part(other), last) == 0)
            return name;
    }
    return last;
}
