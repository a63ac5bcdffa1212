#include "daemon/report/setting_range.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFINITION "#/$defs/"
#define NAME_SIZE 128

static double bound(const cJSON *node, const char *closed, const char *open, double none,
                    bool *ret_open)
{
    *ret_open = json_member(node, open) != NULL;
    return json_number(node, *ret_open ? open : closed, none);
}

static bool read_range(const cJSON *node, struct setting_range *ret)
{
    const char *type = json_text(node, "type", "");
    struct setting_range range = {.whole = strcmp(type, "integer") == 0};

    if (!range.whole && strcmp(type, "number") != 0)
        return false;
    range.low = bound(node, "minimum", "exclusiveMinimum", -INFINITY, &range.open_low);
    range.high = bound(node, "maximum", "exclusiveMaximum", INFINITY, &range.open_high);
    *ret = range;
    return true;
}

/* Whether an object may be what the node describes: it has all that has to be there, and its type.
 */
static bool fits(const cJSON *node, const cJSON *value)
{
    const cJSON *type = json_member(value, "type"), *name;
    const cJSON *constant = json_member(json_at(node, "properties.type"), "const");

    cJSON_ArrayForEach(name, json_member(node, "required"))
    {
        if (!json_member(value, name->valuestring))
            return false;
    }
    return !type || !constant || cJSON_Compare(type, constant, true);
}

static bool look(const cJSON *schema, const cJSON *node, const cJSON *value, const char *path,
                 struct setting_range *ret);

static bool look_within(const cJSON *schema, const cJSON *node, const cJSON *value,
                        const char *path, struct setting_range *ret)
{
    char name[NAME_SIZE];
    size_t size = strcspn(path, ".[");
    char *end;
    long index;

    if (*path == '[') {
        index = strtol(path + 1, &end, 10);
        return *end == ']' && look(schema, json_member(node, "items"),
                                   cJSON_GetArrayItem(value, (int)index), end + 1, ret);
    }
    if (*path == '.')
        return look_within(schema, node, value, path + 1, ret);
    (void)snprintf(name, sizeof(name), "%.*s", (int)size, path);
    return look(schema, json_member(json_member(node, "properties"), name),
                json_member(value, name), path + size, ret);
}

static bool look(const cJSON *schema, const cJSON *node, const cJSON *value, const char *path,
                 struct setting_range *ret)
{
    const char *reference = json_text(node, "$ref", NULL);
    const cJSON *one;

    if (reference && strncmp(reference, DEFINITION, strlen(DEFINITION)) == 0)
        return look(schema,
                    json_member(json_member(schema, "$defs"), reference + strlen(DEFINITION)),
                    value, path, ret);
    if (!node || !fits(node, value))
        return false;
    cJSON_ArrayForEach(one, json_member(node, "anyOf"))
    {
        if (look(schema, one, value, path, ret))
            return true;
    }
    return *path ? look_within(schema, node, value, path, ret) : read_range(node, ret);
}

bool setting_range_find(const cJSON *schema, const cJSON *spec, const char *path,
                        struct setting_range *ret_range)
{
    return look(schema, schema, spec, path, ret_range);
}

bool setting_range_allows(const struct setting_range *range, double value)
{
    return (range->open_low ? value > range->low : value >= range->low) &&
           (range->open_high ? value < range->high : value <= range->high) &&
           (!range->whole || value == round(value));
}
