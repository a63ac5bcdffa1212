#include "daemon/compose.h"

#include "common/owner.h"
#include "common/spec/spec.h"
#include "daemon/parameter.h"
#include "daemon/placeholder.h"

#include <stdio.h>
#include <string.h>

bool compose_is_command(const cJSON *spec)
{
    return json_member(spec, "command") != NULL;
}

/* Whether the path begins with a key that the spec's kind has. */
static bool names_setting(const cJSON *spec, const char *path)
{
    enum spec_owner owner;
    char key[64];
    size_t length = strcspn(path, ".[");

    if (length >= sizeof(key))
        return false;
    memcpy(key, path, length);
    key[length] = '\0';
    owner = spec_owner_of(key);
    return owner == SPEC_OWNER_COMMON || (owner == SPEC_OWNER_ENGINE && !compose_is_command(spec));
}

/* Whether it is done with what stood in its placeholders. */
static bool is_placed(const cJSON *spec, const cJSON *parameter, const cJSON *used)
{
    return json_member(used, parameter->string) &&
           (compose_is_command(spec) || !names_setting(spec, parameter->string));
}

/* Parameters are set in their order: a later one that holds the path of this one would replace what
 * this one sets, and a report would tell of values that nothing ran with. */
static const cJSON *find_replacer(const cJSON *spec, const cJSON *parameter, const cJSON *used)
{
    for (const cJSON *later = parameter->next; later; later = later->next)
        if (parameter_lies_within(parameter->string, later->string) &&
            !is_placed(spec, later, used))
            return later;
    return NULL;
}

static bool set_parameter(cJSON *spec, const cJSON *parameter, const cJSON *used,
                          struct error *error)
{
    const cJSON *replacer;
    cJSON *value;
    char path[128];

    (void)snprintf(path, sizeof(path), "sweep.parameters.%s", parameter->string);
    if (is_placed(spec, parameter, used))
        return true;
    if (!names_setting(spec, parameter->string))
        return error_set_at(error, ERROR_INVALID, path,
                            "is used nowhere: there is no {%s} in the spec, and it names no "
                            "setting such as %s",
                            parameter->string,
                            compose_is_command(spec) ? "resources.cpus" : "train.optimizer.rate");
    replacer = find_replacer(spec, parameter, used);
    if (replacer)
        return error_set_at(error, ERROR_INVALID, path,
                            "is replaced by %s, which stands behind it: let %s come first, or take "
                            "one of them out",
                            replacer->string, replacer->string);
    value = cJSON_Duplicate(parameter_value(parameter), true);
    if (!value)
        return error_set(error, ERROR_NO_MEMORY, "composing a spec");
    if (spec_set_at(spec, parameter->string, &value, error))
        return true;
    if (error->kind == ERROR_INVALID)
        return error_set_at(error, ERROR_INVALID, path, "names no place of the spec");
    return false;
}

static bool apply_parameters(cJSON *spec, const cJSON *parameters, struct error *error)
{
    scoped(json_free) cJSON *used = NULL;
    const cJSON *parameter;

    if (!placeholder_replace(spec, parameters, &used, error))
        return false;
    cJSON_ArrayForEach(parameter, parameters)
    {
        if (!set_parameter(spec, parameter, used, error))
            return false;
    }
    return true;
}

static bool set_identity(cJSON *spec, const char *name, int64_t seed, struct error *error)
{
    cJSON_DeleteItemFromObjectCaseSensitive(spec, "name");
    cJSON_DeleteItemFromObjectCaseSensitive(spec, "seed");
    if (json_add_text(spec, "name", name) && json_add_integer(spec, "seed", seed))
        return true;
    return error_set(error, ERROR_NO_MEMORY, "composing a spec");
}

bool compose_spec(const cJSON *base, const cJSON *delta, const cJSON *parameters, const char *name,
                  int64_t seed, cJSON **ret_spec, struct error *error)
{
    scoped(json_free) cJSON *spec = cJSON_Duplicate(base, true);

    if (!spec)
        return error_set(error, ERROR_NO_MEMORY, "composing a spec");
    if (delta && !json_merge(spec, delta, error))
        return false;
    if (parameters && !apply_parameters(spec, parameters, error))
        return false;
    if (!set_identity(spec, name, seed, error))
        return false;
    *ret_spec = take(&spec);
    return true;
}
