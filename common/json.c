/* Members, builders and paths of cJSON trees; json_parse.c reads them and json_print.c prints them.
 */
#include "common/json.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"

#define EXACT_INTEGER_LIMIT 9007199254740992.0 /* 2^53 */

void json_free(cJSON **json)
{
    cJSON_Delete(*json);
    *json = NULL;
}

/* ---- members ---- */

const cJSON *json_member(const cJSON *json, const char *name)
{
    return cJSON_IsObject(json) ? cJSON_GetObjectItemCaseSensitive(json, name) : NULL;
}

const char *json_text(const cJSON *json, const char *name, const char *fallback)
{
    const cJSON *item = json_member(json, name);

    return cJSON_IsString(item) && item->valuestring ? item->valuestring : fallback;
}

double json_number(const cJSON *json, const char *name, double fallback)
{
    const cJSON *item = json_member(json, name);

    return cJSON_IsNumber(item) ? item->valuedouble : fallback;
}

int64_t json_integer(const cJSON *json, const char *name, int64_t fallback)
{
    const cJSON *item = json_member(json, name);

    if (!cJSON_IsNumber(item) || !(fabs(item->valuedouble) <= EXACT_INTEGER_LIMIT) ||
        item->valuedouble != (double)(int64_t)item->valuedouble)
        return fallback;
    return (int64_t)item->valuedouble;
}

bool json_boolean(const cJSON *json, const char *name, bool fallback)
{
    const cJSON *item = json_member(json, name);

    return cJSON_IsBool(item) ? cJSON_IsTrue(item) : fallback;
}

/* ---- builders ---- */

bool json_add_item(cJSON *object, const char *name, cJSON **value)
{
    scoped(json_free) cJSON *item = take(value);

    if (!object || !item || !cJSON_AddItemToObject(object, name, item))
        return false;
    item = NULL;
    return true;
}

bool json_add_text(cJSON *object, const char *name, const char *text)
{
    return !text || cJSON_AddStringToObject(object, name, text);
}

bool json_add_number(cJSON *object, const char *name, double value)
{
    return cJSON_AddNumberToObject(object, name, value);
}

bool json_add_integer(cJSON *object, const char *name, int64_t value)
{
    return cJSON_AddNumberToObject(object, name, (double)value);
}

bool json_add_boolean(cJSON *object, const char *name, bool value)
{
    return cJSON_AddBoolToObject(object, name, value);
}

cJSON *json_add_object(cJSON *object, const char *name)
{
    return cJSON_AddObjectToObject(object, name);
}

cJSON *json_add_array(cJSON *object, const char *name)
{
    return cJSON_AddArrayToObject(object, name);
}

/* ---- paths ---- */

struct step {
    char name[256]; /* of a member; empty: an index */
    int index;
};

enum step_outcome { STEP_BAD, STEP_END, STEP_FOUND };

static enum step_outcome next_index(const char **at, struct step *step)
{
    char *end;
    long index;

    if ((*at)[1] < '0' || (*at)[1] > '9')
        return STEP_BAD;
    index = strtol(*at + 1, &end, 10);
    if (*end != ']' || index >= INT_MAX)
        return STEP_BAD;
    *at = end + 1;
    *step = (struct step){.index = (int)index};
    return STEP_FOUND;
}

/* Cuts the next step off a path; `first`: nothing was cut yet. */
static enum step_outcome next_step(const char **at, bool first, struct step *step)
{
    if (**at == '\0')
        return first ? STEP_BAD : STEP_END;
    if (**at == '[')
        return next_index(at, step);
    if (!first && *(*at)++ != '.')
        return STEP_BAD;
    size_t size = strcspn(*at, ".[");
    if (size == 0 || size >= sizeof(step->name))
        return STEP_BAD;
    memcpy(step->name, *at, size);
    step->name[size] = '\0';
    step->index = -1;
    *at += size;
    return STEP_FOUND;
}

/* `ret_fits`: the step may be taken from a value of this type. */
static cJSON *follow(const cJSON *json, const struct step *step, bool *ret_fits)
{
    if (step->name[0]) {
        *ret_fits = cJSON_IsObject(json);
        return *ret_fits ? cJSON_GetObjectItemCaseSensitive(json, step->name) : NULL;
    }
    *ret_fits = cJSON_IsArray(json);
    return *ret_fits ? cJSON_GetArrayItem(json, step->index) : NULL;
}

const cJSON *json_at(const cJSON *json, const char *path)
{
    const char *at = path;
    struct step step = {.index = -1};
    bool fits = false;

    for (bool first = true; json; first = false) {
        enum step_outcome outcome = next_step(&at, first, &step);
        if (outcome != STEP_FOUND)
            return outcome == STEP_END ? json : NULL;
        json = follow(json, &step, &fits);
    }
    return NULL;
}

static bool check_path(const char *path, struct error *error)
{
    const char *at = path;
    struct step step = {.index = -1};
    int depth = 0;

    for (;; depth++) {
        enum step_outcome outcome = next_step(&at, depth == 0, &step);
        if (outcome == STEP_END)
            return true;
        if (outcome == STEP_BAD)
            return error_set_at(error, ERROR_INVALID, path, "this is no path such as a.b[2].c");
        if (depth >= JSON_DEPTH_LIMIT)
            return error_set_at(error, ERROR_INVALID, path, "a path of more than %d steps",
                                JSON_DEPTH_LIMIT);
    }
}

static bool misfit(const char *path, const char *at, const struct step *step, const cJSON *json,
                   struct error *error)
{
    char prefix[sizeof(error->path)];

    snprintf(prefix, sizeof(prefix), "%.*s", (int)(at - path), path);
    if (step->name[0])
        error_set_at(error, ERROR_INVALID, prefix, "what has this name is no set of keys");
    else if (cJSON_IsArray(json))
        error_set_at(error, ERROR_INVALID, prefix, "the list has only %d elements",
                     cJSON_GetArraySize(json));
    else
        error_set_at(error, ERROR_INVALID, prefix, "this is no list");
    return false;
}

static bool no_memory(struct error *error)
{
    error_set(error, ERROR_NO_MEMORY, "out of memory");
    return false;
}

/* cJSON_ReplaceItemInObject takes no notice when it has no memory for the name. */
void json_replace(cJSON *parent, cJSON *old, cJSON **value)
{
    cJSON *item = take(value);

    if (!(item->type & cJSON_StringIsConst))
        cJSON_free(item->string);
    item->string = take(&old->string);
    item->type = (item->type & ~cJSON_StringIsConst) | (old->type & cJSON_StringIsConst);
    (void)cJSON_ReplaceItemViaPointer(parent, old, item);
}

/* Puts *value where `step` leads from `json`; taken in any case. */
static bool put(cJSON *json, const struct step *step, cJSON **value, struct error *error)
{
    scoped(json_free) cJSON *item = take(value);
    bool fits = false;
    cJSON *old = follow(json, step, &fits);

    if (old)
        json_replace(json, old, &item);
    else if (step->name[0] ? !cJSON_AddItemToObject(json, step->name, item)
                           : !cJSON_AddItemToArray(json, item))
        return no_memory(error);
    item = NULL;
    return true;
}

/* The value wrapped in what the rest of the path asks for; taken in any case. */
static bool wrap(const char *path, const char *at, cJSON **value, cJSON **ret, struct error *error)
{
    scoped(json_free) cJSON *item = take(value);
    struct step step = {.index = -1};

    if (next_step(&at, false, &step) == STEP_END) {
        *ret = take(&item);
        return true;
    }
    scoped(json_free) cJSON *holder = step.name[0] ? cJSON_CreateObject() : cJSON_CreateArray();
    if (!holder)
        return no_memory(error);
    if (!step.name[0] && step.index > 0)
        return misfit(path, at, &step, holder, error);
    cJSON *inner = take(&item);
    if (!wrap(path, at, &inner, &item, error) || !put(holder, &step, &item, error))
        return false;
    *ret = take(&holder);
    return true;
}

bool json_set_at(cJSON *json, const char *path, cJSON **value, struct error *error)
{
    scoped(json_free) cJSON *item = take(value);
    scoped(json_free) cJSON *wrapped = NULL;
    const char *at = path;
    struct step step = {.index = -1};

    if (!item)
        return no_memory(error);
    if (!check_path(path, error))
        return false;
    for (bool first = true;; first = false) {
        bool fits = false;
        next_step(&at, first, &step);
        cJSON *next = follow(json, &step, &fits);
        if (!fits || (!next && !step.name[0] && step.index != cJSON_GetArraySize(json)))
            return misfit(path, at, &step, json, error);
        if (!next || cJSON_IsNull(next) || *at == '\0')
            break;
        json = next;
    }
    return wrap(path, at, &item, &wrapped, error) && put(json, &step, &wrapped, error);
}

static bool merge_member(cJSON *target, const cJSON *patch, struct error *error)
{
    cJSON *old = cJSON_GetObjectItemCaseSensitive(target, patch->string);
    cJSON *copy;

    if (cJSON_IsObject(old) && cJSON_IsObject(patch))
        return json_merge(old, patch, error);
    copy = cJSON_Duplicate(patch, true);
    if (!copy)
        return no_memory(error);
    if (old)
        json_replace(target, old, &copy);
    return !copy || json_add_item(target, patch->string, &copy) || no_memory(error);
}

bool json_merge(cJSON *target, const cJSON *patch, struct error *error)
{
    if (!cJSON_IsObject(target) || !cJSON_IsObject(patch))
        return error_set(error, ERROR_INVALID, "only sets of keys can be merged");
    for (const cJSON *item = patch->child; item; item = item->next)
        if (!merge_member(target, item, error))
            return false;
    return true;
}
