/*
 * JSON Schema (draft 2020-12) of a spec.
 *
 * Families of kinds are definitions: #/$defs/optimizer is a name or a mapping with a type,
 * #/$defs/optimizer.adam the mapping alone. In a spec with a sweep any number may be a placeholder
 * such as "{rate}", so it may be one here. What may be left out may be null.
 */
#include "client/settings_tree.h"

#include "common/owner.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "writing the schema");
}

static bool schema_of_table(const cJSON *table, cJSON **ret_schema, struct error *error);
static bool schema_of_setting(const cJSON *setting, cJSON **ret_schema, struct error *error);

/* An object with one member: {"type": "string"}. NULL: no memory. */
static cJSON *object_with(const char *name, const char *text)
{
    scoped(json_free) cJSON *object = cJSON_CreateObject();

    if (!object || !json_add_text(object, name, text))
        return NULL;
    return take(&object);
}

/* {"anyOf": [*first, *second]}; takes both in any case. */
static cJSON *any_of(cJSON **first, cJSON **second)
{
    scoped(json_free) cJSON *object = cJSON_CreateObject();
    cJSON *list = object ? json_add_array(object, "anyOf") : NULL;

    if (!list || !*first || !*second || !cJSON_AddItemToArray(list, *first)) {
        json_free(first);
        json_free(second);
        return NULL;
    }
    *first = NULL;
    if (!cJSON_AddItemToArray(list, *second)) {
        json_free(second);
        return NULL;
    }
    *second = NULL;
    return take(&object);
}

/* "sweep method" and grid: sweep_method.grid, as a reference holds no spaces. */
static const char *definition_key(const char *family, const char *kind, char key[160])
{
    snprintf(key, 160, "%s%s%s", family, kind ? "." : "", kind ? kind : "");
    for (char *c = key; *c; c++) {
        if (*c == ' ')
            *c = '_';
    }
    return key;
}

static cJSON *reference_to(const char *family, const char *kind)
{
    char key[160], text[180];

    snprintf(text, sizeof(text), "#/$defs/%s", definition_key(family, kind, key));
    return object_with("$ref", text);
}

static bool add_range(cJSON *schema, const cJSON *setting)
{
    const cJSON *low = json_member(setting, "low"), *high = json_member(setting, "high");
    bool open_low = json_boolean(setting, "open_low", false);
    bool open_high = json_boolean(setting, "open_high", false);

    return (!low ||
            json_add_number(schema, open_low ? "exclusiveMinimum" : "minimum", low->valuedouble)) &&
           (!high ||
            json_add_number(schema, open_high ? "exclusiveMaximum" : "maximum", high->valuedouble));
}

static cJSON *number_schema(const cJSON *setting, const char *type)
{
    scoped(json_free) cJSON *schema = object_with("type", type);

    return schema && add_range(schema, setting) ? take(&schema) : NULL;
}

static cJSON *text_schema(void)
{
    cJSON *string = object_with("type", "string"), *number = object_with("type", "number");

    return any_of(&string, &number);
}

static cJSON *pattern_schema(const char *pattern)
{
    scoped(json_free) cJSON *schema = object_with("type", "string");

    return schema && json_add_text(schema, "pattern", pattern) ? take(&schema) : NULL;
}

static cJSON *or_placeholder(cJSON *schema)
{
    cJSON *placeholder = object_with("$ref", "#/$defs/placeholder");

    return any_of(&schema, &placeholder);
}

/* A setting that is null is one that is left out. Takes the schema in any case. */
static cJSON *or_null(cJSON *schema)
{
    cJSON *either = cJSON_GetObjectItemCaseSensitive(schema, "anyOf");
    cJSON *nothing = object_with("type", "null");

    if (!either)
        return any_of(&schema, &nothing);
    if (cJSON_AddItemToArray(either, nothing))
        return schema;
    json_free(&nothing);
    json_free(&schema);
    return NULL;
}

static cJSON *number_or_pattern(const cJSON *setting, const char *type, const char *pattern)
{
    cJSON *number = number_schema(setting, type), *text = pattern_schema(pattern);

    return or_placeholder(any_of(&number, &text));
}

/* YAML reads true and false as booleans: where they are choices, both notations are. */
static cJSON *choice_schema(const cJSON *setting)
{
    scoped(json_free) cJSON *schema = cJSON_CreateObject();
    cJSON *choices = schema ? json_add_array(schema, "enum") : NULL;
    const cJSON *choice;

    cJSON_ArrayForEach(choice, json_member(setting, "choices"))
    {
        bool yes = strcmp(choice->valuestring, "true") == 0;

        if (!cJSON_AddItemToArray(choices, cJSON_CreateString(choice->valuestring)))
            return NULL;
        if ((yes || strcmp(choice->valuestring, "false") == 0) &&
            !cJSON_AddItemToArray(choices, cJSON_CreateBool(yes)))
            return NULL;
    }
    return schema ? or_placeholder(take(&schema)) : NULL;
}

/* Takes *item in any case. */
static cJSON *list_schema(const cJSON *setting, cJSON *item)
{
    cJSON *schema = object_with("type", "array");
    cJSON *single = json_boolean(setting, "scalar_ok", false) ? cJSON_Duplicate(item, true) : NULL;
    const cJSON *low = json_member(setting, "min_items"), *high = json_member(setting, "max_items");

    if (!schema || !item || !json_add_item(schema, "items", &item) ||
        (low && !json_add_number(schema, "minItems", low->valuedouble)) ||
        (high && !json_add_number(schema, "maxItems", high->valuedouble))) {
        json_free(&schema);
        json_free(&single);
        return NULL;
    }
    return json_boolean(setting, "scalar_ok", false) ? any_of(&schema, &single) : schema;
}

/* With a default the type may be left out. */
static cJSON *kind_schema(const cJSON *setting)
{
    const char *family = json_text(setting, "what", "kind");
    const char *initial = json_text(setting, "default", NULL);
    cJSON *any = reference_to(family, NULL), *typical;

    if (!initial)
        return any;
    typical = reference_to(family, initial);
    return any_of(&any, &typical);
}

static cJSON *scalar_schema(const cJSON *setting, const char *type)
{
    if (strcmp(type, "integer") == 0)
        return or_placeholder(number_schema(setting, "integer"));
    if (strcmp(type, "real") == 0)
        return or_placeholder(number_schema(setting, "number"));
    if (strcmp(type, "boolean") == 0)
        return or_placeholder(object_with("type", "boolean"));
    if (strcmp(type, "text") == 0)
        return text_schema();
    if (strcmp(type, "choice") == 0)
        return choice_schema(setting);
    if (strcmp(type, "duration") == 0)
        return number_or_pattern(setting, "number", "^([0-9]+(\\.[0-9]*)?[smhdw]?)+$");
    if (strcmp(type, "size") == 0)
        return number_or_pattern(setting, "integer", "^[0-9]+(\\.[0-9]*)?([KMGTPkmgtp]i?)?B?$");
    if (strcmp(type, "expression") == 0)
        return number_or_pattern(setting, "integer", "^[-+*/(){} A-Za-z0-9_.]+$");
    return NULL;
}

static cJSON *plain_schema(const cJSON *setting, const char *type)
{
    if (strcmp(type, "integers") == 0)
        return list_schema(setting, number_schema(setting, "integer"));
    if (strcmp(type, "reals") == 0)
        return list_schema(setting, number_schema(setting, "number"));
    if (strcmp(type, "texts") == 0)
        return list_schema(setting, text_schema());
    if (strcmp(type, "kind") == 0)
        return kind_schema(setting);
    if (strcmp(type, "kinds") == 0)
        return list_schema(setting, kind_schema(setting));
    if (strcmp(type, "json") == 0)
        return cJSON_CreateObject();
    return scalar_schema(setting, type);
}

/* The user's own keys, each a list of values, one value, or a mapping of `entries`. */
static bool schema_of_entries(const cJSON *entries, cJSON **ret_schema, struct error *error)
{
    scoped(json_free) cJSON *schema = object_with("type", "object");
    cJSON *table = NULL, *list = object_with("type", "array"), *either;

    if (!schema || !list || !schema_of_table(entries, &table, error)) {
        json_free(&list);
        return schema && list ? false : no_memory(error);
    }
    either = any_of(&list, &table);
    if (!either || !json_add_item(schema, "additionalProperties", &either))
        return no_memory(error);
    *ret_schema = take(&schema);
    return true;
}

static bool add_documentation(cJSON *schema, const cJSON *setting, struct error *error)
{
    const char *help = json_text(setting, "help", ""), *unit = json_text(setting, "unit", "");
    const cJSON *initial = json_member(setting, "default");
    scoped(buffer_release) struct buffer text = {0};
    cJSON *copy;

    if (!buffer_append_format(&text, error, "%s%s%s%s", help, *unit ? " In " : "", unit,
                              *unit ? "." : ""))
        return false;
    if (text.size && !json_add_text(schema, "description", text.data))
        return no_memory(error);
    if (!initial)
        return true;
    copy = cJSON_Duplicate(initial, false);
    if (copy && copy->string) {
        cJSON_free(copy->string);
        copy->string = NULL;
    }
    return (copy && json_add_item(schema, "default", &copy)) || no_memory(error);
}

static bool schema_of_setting(const cJSON *setting, cJSON **ret_schema, struct error *error)
{
    const cJSON *entries = json_member(setting, "entries");
    const cJSON *table = json_member(setting, "settings");
    scoped(json_free) cJSON *schema = NULL;

    if (entries) {
        if (!schema_of_entries(entries, &schema, error))
            return false;
    } else if (table) {
        if (!schema_of_table(table, &schema, error))
            return false;
    } else {
        schema = plain_schema(setting, json_text(setting, "type", ""));
    }
    if (schema && !json_boolean(setting, "required", false))
        schema = or_null(take(&schema));
    if (!schema)
        return no_memory(error);
    if (!add_documentation(schema, setting, error))
        return false;
    *ret_schema = take(&schema);
    return true;
}

static bool add_required(cJSON *schema, const cJSON *table, struct error *error)
{
    const cJSON *setting;
    cJSON *list = NULL;

    cJSON_ArrayForEach(setting, table)
    {
        cJSON *name;

        if (!json_boolean(setting, "required", false))
            continue;
        if (!list)
            list = json_add_array(schema, "required");
        name = cJSON_CreateString(json_text(setting, "name", ""));
        if (!list || !name || !cJSON_AddItemToArray(list, name)) {
            cJSON_Delete(name);
            return no_memory(error);
        }
    }
    return true;
}

static bool schema_of_table(const cJSON *table, cJSON **ret_schema, struct error *error)
{
    scoped(json_free) cJSON *schema = object_with("type", "object");
    cJSON *properties = schema ? json_add_object(schema, "properties") : NULL;
    const cJSON *setting;

    if (!properties)
        return no_memory(error);
    cJSON_ArrayForEach(setting, table)
    {
        cJSON *property;

        if (!schema_of_setting(setting, &property, error))
            return false;
        if (!json_add_item(properties, json_text(setting, "name", ""), &property))
            return no_memory(error);
    }
    if (!json_add_boolean(schema, "additionalProperties", false))
        return no_memory(error);
    if (!add_required(schema, table, error))
        return false;
    *ret_schema = take(&schema);
    return true;
}

/* ---- families --------------------------------------------------------------------------------*/

static bool define_kind(cJSON *definitions, const char *family, const cJSON *kind,
                        struct error *error)
{
    const char *name = json_text(kind, "name", "");
    scoped(json_free) cJSON *schema = NULL;
    cJSON *type = cJSON_CreateObject(), *properties;
    char key[160];

    if (!type || !json_add_text(type, "const", name) ||
        !schema_of_table(json_member(kind, "settings"), &schema, error)) {
        json_free(&type);
        return schema ? no_memory(error) : false;
    }
    definition_key(family, name, key);
    properties = cJSON_GetObjectItemCaseSensitive(schema, "properties");
    return (json_add_text(schema, "description", json_text(kind, "help", "")) &&
            json_add_item(properties, "type", &type) && json_add_item(definitions, key, &schema)) ||
           no_memory(error);
}

/* Its names, and every kind with a type. NULL: no memory. */
static cJSON *family_schema(const cJSON *kinds)
{
    scoped(json_free) cJSON *names = cJSON_CreateObject();
    scoped(json_free) cJSON *typed = object_with("type", "object");
    cJSON *list = names ? json_add_array(names, "enum") : NULL;
    cJSON *required = typed ? json_add_array(typed, "required") : NULL;
    cJSON *any = typed ? json_add_array(typed, "anyOf") : NULL;
    const cJSON *kind;

    if (!list || !required || !any || !cJSON_AddItemToArray(required, cJSON_CreateString("type")))
        return NULL;
    cJSON_ArrayForEach(kind, kinds)
    {
        const char *name = json_text(kind, "name", "");

        if (!cJSON_AddItemToArray(list, cJSON_CreateString(name)) ||
            !cJSON_AddItemToArray(any, reference_to(kinds->string, name)))
            return NULL;
    }
    return any_of(&names, &typed);
}

static bool define_families(cJSON *definitions, const cJSON *tree, struct error *error)
{
    scoped(json_free) cJSON *families = NULL;
    const cJSON *kinds, *kind;

    if (!settings_tree_families(tree, &families, error))
        return false;
    cJSON_ArrayForEach(kinds, families)
    {
        cJSON *schema = family_schema(kinds);
        char key[160];

        if (!schema ||
            !json_add_item(definitions, definition_key(kinds->string, NULL, key), &schema))
            return no_memory(error);
        cJSON_ArrayForEach(kind, kinds)
        {
            if (!define_kind(definitions, kinds->string, kind, error))
                return false;
        }
    }
    return true;
}

/* What an experiment of a list says is merged over the rest, so that it may leave out anything. */
static bool refine_experiments(cJSON *table)
{
    cJSON *properties = cJSON_GetObjectItemCaseSensitive(table, "properties");
    cJSON *schema = cJSON_GetObjectItemCaseSensitive(properties, "experiments");
    cJSON *item = object_with("type", "object");

    if (!schema) {
        json_free(&item);
        return true;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(schema, "anyOf"); /* of anything */
    return item && json_add_text(schema, "type", "array") && json_add_item(schema, "items", &item);
}

bool settings_schema(const cJSON *tree, cJSON **ret_schema, struct error *error)
{
    scoped(json_free) cJSON *schema = cJSON_CreateObject();
    scoped(json_free) cJSON *definitions = cJSON_CreateObject();
    cJSON *placeholder = pattern_schema("^\\{[^{}]+\\}$"), *table = NULL, *member;

    if (!schema || !definitions || !placeholder ||
        !json_add_text(schema, "$schema", "https://json-schema.org/draft/2020-12/schema") ||
        !json_add_text(schema, "title", "A spec of Nightjar") ||
        !json_add_item(definitions, "placeholder", &placeholder)) {
        json_free(&placeholder);
        return no_memory(error);
    }
    if (!define_families(definitions, tree, error) || !schema_of_table(tree, &table, error))
        return false;
    /* a model is required of a pipeline only */
    cJSON_DeleteItemFromObjectCaseSensitive(table, "required");
    if (!refine_experiments(table)) {
        json_free(&table);
        return no_memory(error);
    }
    while ((member = cJSON_DetachItemFromArray(table, 0))) {
        scoped(memory_free) char *name = take(&member->string);

        if (!json_add_item(schema, name, &member)) {
            json_free(&table);
            return no_memory(error);
        }
    }
    json_free(&table);
    if (!json_add_item(schema, "$defs", &definitions))
        return no_memory(error);
    *ret_schema = take(&schema);
    return true;
}
