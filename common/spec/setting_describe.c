/* Settings as JSON: the values in force, and the table itself. */
#include "common/spec/setting.h"

#include "common/owner.h"
#include "common/spec/setting_parse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_LIMIT 8

/* ---- values ----------------------------------------------------------------------------------*/

static cJSON *kind_json(const struct kind_choice *choice)
{
    cJSON *object = choice->kind->settings && choice->config
                        ? settings_json(choice->kind->settings, choice->config)
                        : cJSON_CreateObject();
    cJSON *name = cJSON_CreateString(choice->kind->name);

    if (object && name && cJSON_InsertItemInArray(object, 0, name)) {
        name->string = strdup("type");
        if (name->string)
            return object;
        name = NULL;
    }
    cJSON_Delete(name);
    cJSON_Delete(object);
    return NULL;
}

static cJSON *list_item_json(const struct setting *setting, const void *field, size_t i)
{
    switch (setting->type) {
    case SETTING_TYPE_INTEGERS:
        return cJSON_CreateNumber((double)((const struct setting_integers *)field)->item[i]);
    case SETTING_TYPE_REALS:
        return cJSON_CreateNumber(((const struct setting_reals *)field)->item[i]);
    case SETTING_TYPE_TEXTS:
        return cJSON_CreateString(((const struct setting_texts *)field)->item[i]);
    default:
        return kind_json(&((const struct kind_choices *)field)->item[i]);
    }
}

static size_t list_length(const struct setting *setting, const void *field)
{
    switch (setting->type) {
    case SETTING_TYPE_INTEGERS:
        return ((const struct setting_integers *)field)->n;
    case SETTING_TYPE_REALS:
        return ((const struct setting_reals *)field)->n;
    case SETTING_TYPE_TEXTS:
        return ((const struct setting_texts *)field)->n;
    default:
        return ((const struct kind_choices *)field)->n;
    }
}

static cJSON *list_json(const struct setting *setting, const void *field)
{
    size_t n = list_length(setting, field);
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; list && i < n; i++) {
        cJSON *item = list_item_json(setting, field, i);

        if (!item || !cJSON_AddItemToArray(list, item)) {
            cJSON_Delete(item);
            cJSON_Delete(list);
            return NULL;
        }
    }
    return list;
}

/* What was left out has no value: printing it would not parse to the same config. */
static bool is_unset(const struct setting *setting, const void *field)
{
    switch (setting->type) {
    case SETTING_TYPE_TEXT:
    case SETTING_TYPE_EXPRESSION:
        return *(char *const *)field == NULL;
    case SETTING_TYPE_JSON:
        return *(cJSON *const *)field == NULL;
    case SETTING_TYPE_KIND:
        return ((const struct kind_choice *)field)->kind == NULL;
    case SETTING_TYPE_INTEGERS:
    case SETTING_TYPE_REALS:
    case SETTING_TYPE_TEXTS:
    case SETTING_TYPE_KINDS:
        return list_length(setting, field) == 0;
    default:
        return false;
    }
}

static cJSON *value_json(const struct setting *setting, const void *field)
{
    switch (setting->type) {
    case SETTING_TYPE_INTEGER:
    case SETTING_TYPE_SIZE:
        return cJSON_CreateNumber((double)*(const int64_t *)field);
    case SETTING_TYPE_REAL:
    case SETTING_TYPE_DURATION:
        return cJSON_CreateNumber(*(const double *)field);
    case SETTING_TYPE_BOOLEAN:
        return cJSON_CreateBool(*(const bool *)field);
    case SETTING_TYPE_TEXT:
    case SETTING_TYPE_EXPRESSION:
        return cJSON_CreateString(*(char *const *)field);
    case SETTING_TYPE_CHOICE:
        return cJSON_CreateString(setting->choices[*(const int *)field]);
    case SETTING_TYPE_NESTED:
        return settings_json(setting->nested, field);
    case SETTING_TYPE_KIND:
        return kind_json(field);
    case SETTING_TYPE_JSON:
        return cJSON_Duplicate(*(cJSON *const *)field, true);
    case SETTING_TYPE_NONE:
        return NULL;
    default:
        return list_json(setting, field);
    }
}

cJSON *settings_json(const struct setting *table, const void *config)
{
    scoped(json_free) cJSON *object = cJSON_CreateObject();

    if (!object)
        return NULL;
    for (const struct setting *setting = table; setting && setting->name; setting++) {
        const void *field = (const char *)config + setting->offset;

        if (is_unset(setting, field))
            continue;

        cJSON *value = value_json(setting, field);

        if (!value || !json_add_item(object, setting->name, &value))
            return NULL;
    }
    return take(&object);
}

/* ---- tables ----------------------------------------------------------------------------------*/

/* The registries that are being described: one that meets itself again is told by its names alone,
 * as twenty layers with branches of twenty layers would otherwise fill the memory. */
struct descent {
    const struct kind_registry *registry[DEPTH_LIMIT];
    int depth;
};

static cJSON *describe_table(const struct setting *table, struct descent descent);

static const char *type_name(enum setting_type type)
{
    static const char *const names[] = {
        [SETTING_TYPE_NONE] = "none",
        [SETTING_TYPE_INTEGER] = "integer",
        [SETTING_TYPE_REAL] = "real",
        [SETTING_TYPE_BOOLEAN] = "boolean",
        [SETTING_TYPE_TEXT] = "text",
        [SETTING_TYPE_CHOICE] = "choice",
        [SETTING_TYPE_DURATION] = "duration",
        [SETTING_TYPE_SIZE] = "size",
        [SETTING_TYPE_EXPRESSION] = "expression",
        [SETTING_TYPE_INTEGERS] = "integers",
        [SETTING_TYPE_REALS] = "reals",
        [SETTING_TYPE_TEXTS] = "texts",
        [SETTING_TYPE_NESTED] = "nested",
        [SETTING_TYPE_KIND] = "kind",
        [SETTING_TYPE_KINDS] = "kinds",
        [SETTING_TYPE_JSON] = "json",
    };

    return names[type];
}

static bool is_list(const struct setting *setting)
{
    return setting->type == SETTING_TYPE_INTEGERS || setting->type == SETTING_TYPE_REALS ||
           setting->type == SETTING_TYPE_TEXTS || setting->type == SETTING_TYPE_KINDS;
}

static bool add_default(cJSON *object, const struct setting *setting)
{
    switch (setting->type) {
    case SETTING_TYPE_INTEGER:
    case SETTING_TYPE_SIZE:
    case SETTING_TYPE_REAL:
    case SETTING_TYPE_DURATION:
        return json_add_number(object, "default", setting->initial);
    case SETTING_TYPE_BOOLEAN:
        return json_add_boolean(object, "default", setting->initial != 0);
    case SETTING_TYPE_CHOICE:
        return json_add_text(object, "default", setting->choices[(int)setting->initial]);
    default:
        return json_add_text(object, "default", setting->initial_text);
    }
}

static bool is_unbounded(double limit)
{
    return fabs(limit) >= 1e300;
}

static bool add_range(cJSON *object, const struct setting *setting)
{
    switch (setting->type) {
    case SETTING_TYPE_INTEGER:
    case SETTING_TYPE_REAL:
    case SETTING_TYPE_DURATION:
    case SETTING_TYPE_SIZE:
    case SETTING_TYPE_EXPRESSION:
    case SETTING_TYPE_INTEGERS:
    case SETTING_TYPE_REALS:
        break;
    default:
        return true;
    }
    return (is_unbounded(setting->low) || json_add_number(object, "low", setting->low)) &&
           (is_unbounded(setting->high) || json_add_number(object, "high", setting->high)) &&
           (!(setting->flags & SETTING_OPEN_LOW) || json_add_boolean(object, "open_low", true)) &&
           (!(setting->flags & SETTING_OPEN_HIGH) || json_add_boolean(object, "open_high", true));
}

static bool add_length(cJSON *object, const struct setting *setting)
{
    if (!is_list(setting))
        return true;
    if (setting->min_items && !json_add_integer(object, "min_items", (int64_t)setting->min_items))
        return false;
    if (setting->max_items && !json_add_integer(object, "max_items", (int64_t)setting->max_items))
        return false;
    return !(setting->flags & SETTING_SCALAR_OK || setting->type == SETTING_TYPE_TEXTS) ||
           json_add_boolean(object, "scalar_ok", true);
}

static bool add_choices(cJSON *object, const struct setting *setting)
{
    cJSON *list;

    if (!setting->choices)
        return true;
    list = json_add_array(object, "choices");
    for (size_t i = 0; list && setting->choices[i]; i++) {
        cJSON *name = cJSON_CreateString(setting->choices[i]);

        if (!name || !cJSON_AddItemToArray(list, name)) {
            cJSON_Delete(name);
            return false;
        }
    }
    return list != NULL;
}

static bool add_settings(cJSON *object, const struct setting *table, struct descent descent)
{
    cJSON *list;

    if (descent.depth > DEPTH_LIMIT)
        return true;
    list = describe_table(table, descent);
    return list && json_add_item(object, "settings", &list);
}

static cJSON *describe_kind(const struct kind *kind, bool whole, struct descent descent)
{
    scoped(json_free) cJSON *object = cJSON_CreateObject();

    if (!object || !json_add_text(object, "name", kind->name) ||
        !json_add_text(object, "help", kind->help))
        return NULL;
    if (whole && !add_settings(object, kind->settings, descent))
        return NULL;
    return take(&object);
}

static bool add_kinds(cJSON *object, const struct kind_registry *registry, struct descent descent)
{
    bool whole = descent.depth <= DEPTH_LIMIT;
    cJSON *list = json_add_array(object, "kinds");

    if (!list || !json_add_text(object, "what", registry->what))
        return false;
    for (int i = 0; i < descent.depth && i < DEPTH_LIMIT; i++)
        whole = whole && descent.registry[i] != registry;
    if (descent.depth > 0 && descent.depth <= DEPTH_LIMIT)
        descent.registry[descent.depth - 1] = registry;
    for (; registry; registry = registry->more)
        for (size_t i = 0; registry->kind[i]; i++) {
            cJSON *kind = describe_kind(registry->kind[i], whole, descent);

            if (!kind || !cJSON_AddItemToArray(list, kind)) {
                cJSON_Delete(kind);
                return false;
            }
        }
    return true;
}

static cJSON *describe(const struct setting *setting, struct descent descent)
{
    scoped(json_free) cJSON *object = cJSON_CreateObject();

    if (!object || !json_add_text(object, "name", setting->name) ||
        !json_add_text(object, "type", type_name(setting->type)) || !add_default(object, setting) ||
        !add_range(object, setting) || !add_length(object, setting) ||
        !json_add_boolean(object, "required", setting->flags & SETTING_REQUIRED) ||
        !json_add_text(object, "unit", setting->unit) ||
        !json_add_text(object, "help", setting->help) || !add_choices(object, setting))
        return NULL;
    if (setting->nested && !add_settings(object, setting->nested, descent))
        return NULL;
    if (setting->kinds && !add_kinds(object, setting->kinds, descent))
        return NULL;
    return take(&object);
}

static cJSON *describe_table(const struct setting *table, struct descent descent)
{
    scoped(json_free) cJSON *list = cJSON_CreateArray();

    if (!list)
        return NULL;
    descent.depth++;
    for (const struct setting *setting = table; setting && setting->name; setting++) {
        cJSON *object = describe(setting, descent);

        if (!object || !cJSON_AddItemToArray(list, object)) {
            cJSON_Delete(object);
            return NULL;
        }
    }
    return take(&list);
}

cJSON *settings_describe(const struct setting *table)
{
    return describe_table(table, (struct descent){0});
}
