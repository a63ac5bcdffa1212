#include "daemon/sampler/sampler.h"

static const struct kind *const kinds[] = {&sampler_grid.kind, &sampler_random.kind,
                                           &sampler_tpe.kind, NULL};

const struct kind_registry sampler_registry = {.what = "sweep method", .kind = kinds};

const struct sampler_kind *sampler_of(const cJSON *sweep)
{
    const cJSON *method = json_member(sweep, "method");
    const char *name =
        cJSON_IsString(method) ? method->valuestring : json_text(method, "type", NULL);

    return name ? (const struct sampler_kind *)(const void *)kind_find(&sampler_registry, name)
                : &sampler_grid;
}
