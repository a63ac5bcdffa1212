/* Who owns which part of a spec, what makes an experiment, and what tells two of them apart. */
#include "common/spec/spec.h"

#include "common/hash.h"
#include "common/owner.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *key;
    enum spec_owner owner;
    bool identity; /* part of the configuration's key */
} top_level[] = {
    {"name", SPEC_OWNER_COMMON, false},        {"question", SPEC_OWNER_COMMON, false},
    {"expectation", SPEC_OWNER_COMMON, false}, {"tags", SPEC_OWNER_COMMON, false},
    {"seed", SPEC_OWNER_COMMON, false},        {"command", SPEC_OWNER_COMMON, true},
    {"data", SPEC_OWNER_ENGINE, true},         {"prepare", SPEC_OWNER_ENGINE, true},
    {"model", SPEC_OWNER_ENGINE, true},        {"train", SPEC_OWNER_ENGINE, true},
    {"evaluate", SPEC_OWNER_ENGINE, true},     {"resources", SPEC_OWNER_COMMON, false},
    {"queue", SPEC_OWNER_COMMON, false},       {"on_finish", SPEC_OWNER_COMMON, false},
    {"sweep", SPEC_OWNER_DAEMON, true},        {"experiments", SPEC_OWNER_DAEMON, true},
};
#define N_TOP_LEVEL (sizeof(top_level) / sizeof(top_level[0]))

enum spec_owner spec_owner_of(const char *top_level_key)
{
    for (size_t i = 0; i < N_TOP_LEVEL; i++) {
        if (strcmp(top_level[i].key, top_level_key) == 0)
            return top_level[i].owner;
    }
    return SPEC_OWNER_NONE;
}

bool spec_check_keys(const cJSON *root, struct diagnostics *diagnostics)
{
    const char *names[N_TOP_LEVEL];
    const cJSON *member;
    bool good = true;

    for (size_t i = 0; i < N_TOP_LEVEL; i++)
        names[i] = top_level[i].key;
    if (!cJSON_IsObject(root)) {
        diagnostics_add(diagnostics, "", "expected a mapping of settings");
        return false;
    }
    cJSON_ArrayForEach(member, root)
    {
        const char *nearest;

        if (spec_owner_of(member->string) != SPEC_OWNER_NONE)
            continue;
        nearest = setting_suggest(member->string, names, N_TOP_LEVEL);
        if (nearest)
            diagnostics_add(diagnostics, member->string, "unknown setting; did you mean '%s'?",
                            nearest);
        else
            diagnostics_add(diagnostics, member->string, "unknown setting");
        good = false;
    }
    return good;
}

bool spec_check_experiment(const cJSON *root, struct diagnostics *diagnostics)
{
    const cJSON *member;
    bool good = true;

    if (json_member(root, "command")) {
        cJSON_ArrayForEach(member, root)
        {
            if (spec_owner_of(member->string) != SPEC_OWNER_ENGINE)
                continue;
            diagnostics_add(diagnostics, member->string,
                            "an experiment is either a command or a pipeline; remove this or the "
                            "command");
            good = false;
        }
        return good;
    }
    if (!json_member(root, "data") && !json_member(root, "model")) {
        diagnostics_add(diagnostics, "", "nothing to run: give a command, or data and a model");
        return false;
    }
    return true;
}

cJSON *spec_select(const cJSON *root, enum spec_owner owner)
{
    scoped(json_free) cJSON *part = cJSON_CreateObject();
    const cJSON *member;

    if (!part)
        return NULL;
    cJSON_ArrayForEach(member, root)
    {
        cJSON *copy;

        if (!member->string || spec_owner_of(member->string) != owner)
            continue;
        copy = cJSON_Duplicate(member, true);
        if (!copy || !json_add_item(part, member->string, &copy))
            return NULL;
    }
    return take(&part);
}

/* ---- the configuration's key -------------------------------------------------------------------
 * Hashed is the spec as JSON with the keys of every object in order, so that neither the order nor
 * the notation of a file matters.
 */

static int compare_names(const void *a, const void *b)
{
    const cJSON *const *first = a;
    const cJSON *const *second = b;

    return strcmp((*first)->string, (*second)->string);
}

static cJSON *sorted_copy(const cJSON *value);

static bool add_sorted(cJSON *copy, const cJSON *value)
{
    size_t size = (size_t)cJSON_GetArraySize(value), n = 0;
    scoped(memory_free) const cJSON **members = calloc(size ? size : 1, sizeof(const cJSON *));
    const cJSON *member;

    if (!members)
        return false;
    cJSON_ArrayForEach(member, value)
    {
        members[n++] = member;
    }
    if (cJSON_IsObject(value))
        qsort(members, n, sizeof(const cJSON *), compare_names);
    for (size_t i = 0; i < n; i++) {
        cJSON *item = sorted_copy(members[i]);
        bool added = item && (cJSON_IsObject(value) ? json_add_item(copy, members[i]->string, &item)
                                                    : cJSON_AddItemToArray(copy, item));

        if (!added)
            return false;
    }
    return true;
}

static cJSON *sorted_copy(const cJSON *value)
{
    cJSON *copy = cJSON_Duplicate(value, false);

    if (copy && !add_sorted(copy, value))
        json_free(&copy);
    return copy;
}

/* `adam` -> {type: adam}, at the place that the first `length` bytes of `path` name. */
static bool write_out(cJSON *root, const char *path, size_t length, struct error *error)
{
    scoped(memory_free) char *place = strndup(path, length);
    scoped(json_free) cJSON *kind = cJSON_CreateObject();
    const cJSON *text;

    if (!place || !kind)
        return error_set(error, ERROR_NO_MEMORY, "setting %s", path);
    text = json_at(root, place);
    if (!cJSON_IsString(text))
        return true;
    if (!json_add_text(kind, "type", text->valuestring))
        return error_set(error, ERROR_NO_MEMORY, "setting %s", path);
    return json_set_at(root, place, &kind, error);
}

bool spec_set_at(cJSON *root, const char *path, cJSON **value, struct error *error)
{
    scoped(json_free) cJSON *item = take(value);
    size_t length = strcspn(path, ".[");
    scoped(memory_free) char *key = strndup(path, length);

    if (!key)
        return error_set(error, ERROR_NO_MEMORY, "setting %s", path);
    if (spec_owner_of(key) == SPEC_OWNER_ENGINE) {
        for (const char *dot = strchr(path, '.'); dot; dot = strchr(dot + 1, '.')) {
            if (!write_out(root, path, (size_t)(dot - path), error))
                return false;
        }
    }
    return json_set_at(root, path, &item, error);
}

static bool is_identity(const char *key)
{
    for (size_t i = 0; i < N_TOP_LEVEL; i++) {
        if (strcmp(top_level[i].key, key) == 0)
            return top_level[i].identity;
    }
    return true;
}

bool spec_configuration_key(const cJSON *spec, char ret_key[33], struct error *error)
{
    scoped(json_free) cJSON *copy = sorted_copy(spec);
    scoped(buffer_release) struct buffer text = {0};
    cJSON *member = copy ? copy->child : NULL;

    if (!copy)
        return error_set(error, ERROR_NO_MEMORY, "hashing a spec");
    while (member) {
        cJSON *next = member->next;

        if (member->string && !is_identity(member->string))
            cJSON_Delete(cJSON_DetachItemViaPointer(copy, member));
        member = next;
    }
    if (!json_print(copy, &text, error))
        return false;
    hash_text(text.data, text.size, ret_key);
    return true;
}
