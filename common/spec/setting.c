/*
 * Parsing by a settings table: one value at a time into its field, every complaint with its path.
 * Lists and kinds are in setting_list.c, descriptions of tables in setting_describe.c.
 *
 * A setting that is missing or null takes its default. Memory that a field owns hangs in the config
 * at once, so that a config is released the same way whether parsing succeeded or not.
 */
#include "common/spec/setting.h"

#include "common/spec/setting_parse.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTEGER_LIMIT 9007199254740992.0 /* 2^53: beyond it doubles skip integers */

bool setting_no_memory(struct diagnostics *diagnostics)
{
    diagnostics->overflow = true;
    return false;
}

const char *setting_path_member(char *buffer, const char *path, const char *name)
{
    size_t size = strnlen(path, SETTING_PATH_SIZE - 1), more;

    memcpy(buffer, path, size);
    if (size > 0 && size < SETTING_PATH_SIZE - 1)
        buffer[size++] = '.';
    more = strnlen(name, SETTING_PATH_SIZE - 1 - size);
    memcpy(buffer + size, name, more);
    buffer[size + more] = '\0';
    return buffer;
}

const char *setting_path_item(char *buffer, const char *path, size_t index)
{
    snprintf(buffer, SETTING_PATH_SIZE, "%s[%zu]", path, index);
    return buffer;
}

const char *setting_format_number(double number, char *buffer)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buffer, SETTING_NUMBER_SIZE, "%.*g", digits, number);
        if (strtod(buffer, NULL) == number)
            break;
    }
    return buffer;
}

const char *setting_format_value(const cJSON *value, char *buffer)
{
    char number[SETTING_NUMBER_SIZE];

    if (!value || cJSON_IsNull(value))
        snprintf(buffer, SETTING_VALUE_SIZE, "nothing");
    else if (cJSON_IsBool(value))
        snprintf(buffer, SETTING_VALUE_SIZE, "%s", cJSON_IsTrue(value) ? "true" : "false");
    else if (cJSON_IsNumber(value))
        snprintf(buffer, SETTING_VALUE_SIZE, "a number (%s)",
                 setting_format_number(value->valuedouble, number));
    else if (cJSON_IsString(value))
        snprintf(buffer, SETTING_VALUE_SIZE, "text ('%.40s')", value->valuestring);
    else
        snprintf(buffer, SETTING_VALUE_SIZE, "%s", cJSON_IsArray(value) ? "a list" : "a mapping");
    return buffer;
}

static bool fail_type(const char *expected, const cJSON *value, const char *path,
                      struct diagnostics *diagnostics)
{
    char buffer[SETTING_VALUE_SIZE];

    diagnostics_add(diagnostics, path, "expected %s, not %s", expected,
                    setting_format_value(value, buffer));
    return false;
}

static bool in_range(const struct setting *setting, double number)
{
    bool low = setting->flags & SETTING_OPEN_LOW ? number > setting->low : number >= setting->low;
    bool high =
        setting->flags & SETTING_OPEN_HIGH ? number < setting->high : number <= setting->high;

    return low && high;
}

static const char *range_unit(const struct setting *setting)
{
    if (setting->type == SETTING_TYPE_DURATION)
        return " s";
    return setting->type == SETTING_TYPE_SIZE ? " bytes" : "";
}

static bool check_range(const struct setting *setting, double number, const char *path,
                        struct diagnostics *diagnostics)
{
    char text[3][SETTING_NUMBER_SIZE];
    bool open_low = setting->flags & SETTING_OPEN_LOW || isinf(setting->low);
    bool open_high = setting->flags & SETTING_OPEN_HIGH || isinf(setting->high);

    if (in_range(setting, number))
        return true;
    diagnostics_add(
        diagnostics, path, "%s is outside %c%s, %s%c%s", setting_format_number(number, text[0]),
        open_low ? '(' : '[', setting_format_number(setting->low, text[1]),
        setting_format_number(setting->high, text[2]), open_high ? ')' : ']', range_unit(setting));
    return false;
}

bool setting_read_number(const cJSON *value, const char *path, double *ret_number,
                         struct diagnostics *diagnostics)
{
    if (!cJSON_IsNumber(value))
        return fail_type("a number", value, path, diagnostics);
    if (!isfinite(value->valuedouble))
        return fail_type("a finite number", value, path, diagnostics);
    *ret_number = value->valuedouble;
    return true;
}

bool setting_read_integer(const struct setting *setting, const cJSON *value, const char *path,
                          int64_t *ret_integer, struct diagnostics *diagnostics)
{
    char buffer[SETTING_NUMBER_SIZE];
    double number;

    if (!setting_read_number(value, path, &number, diagnostics))
        return false;
    if (number != floor(number)) {
        diagnostics_add(diagnostics, path, "expected an integer, not %s",
                        setting_format_number(number, buffer));
        return false;
    }
    if (fabs(number) >= INTEGER_LIMIT) {
        diagnostics_add(diagnostics, path, "integers of 2^53 and beyond are not exact");
        return false;
    }
    if (!check_range(setting, number, path, diagnostics))
        return false;
    *ret_integer = (int64_t)number;
    return true;
}

bool setting_read_real(const struct setting *setting, const cJSON *value, const char *path,
                       double *ret_real, struct diagnostics *diagnostics)
{
    double number;

    if (!setting_read_number(value, path, &number, diagnostics) ||
        !check_range(setting, number, path, diagnostics))
        return false;
    *ret_real = number;
    return true;
}

bool setting_read_text(const cJSON *value, const char *path, char **ret_text,
                       struct diagnostics *diagnostics)
{
    char number[SETTING_NUMBER_SIZE];
    char *text;

    if (!cJSON_IsString(value) && !(cJSON_IsNumber(value) && isfinite(value->valuedouble)))
        return fail_type(cJSON_IsBool(value) ? "text (in quotes)" : "text", value, path,
                         diagnostics);
    text = strdup(cJSON_IsString(value) ? value->valuestring
                                        : setting_format_number(value->valuedouble, number));
    if (!text)
        return setting_no_memory(diagnostics);
    *ret_text = text;
    return true;
}

static bool parse_boolean(const cJSON *value, const char *path, bool *field,
                          struct diagnostics *diagnostics)
{
    if (!cJSON_IsBool(value))
        return fail_type("true or false", value, path, diagnostics);
    *field = cJSON_IsTrue(value);
    return true;
}

static bool parse_text(const cJSON *value, const char *path, char **field,
                       struct diagnostics *diagnostics)
{
    char *text;

    if (!setting_read_text(value, path, &text, diagnostics))
        return false;
    free(*field);
    *field = text;
    return true;
}

static size_t choice_names(const struct setting *setting, char *list, size_t size)
{
    size_t used = 0, n;

    for (n = 0; setting->choices[n]; n++) {
        if (used < size)
            used += (size_t)snprintf(list + used, size - used, "%s%s", n ? ", " : "",
                                     setting->choices[n]);
    }
    return n;
}

static bool fail_choice(const struct setting *setting, const cJSON *value, const char *path,
                        struct diagnostics *diagnostics)
{
    char list[300] = "", buffer[SETTING_VALUE_SIZE];
    size_t n = choice_names(setting, list, sizeof(list));
    const char *nearest =
        cJSON_IsString(value) ? setting_suggest(value->valuestring, setting->choices, n) : NULL;

    if (nearest)
        diagnostics_add(diagnostics, path, "'%.40s' is none of %s; did you mean '%s'?",
                        value->valuestring, list, nearest);
    else if (cJSON_IsString(value))
        diagnostics_add(diagnostics, path, "'%.40s' is none of %s", value->valuestring, list);
    else
        diagnostics_add(diagnostics, path, "expected one of %s, not %s", list,
                        setting_format_value(value, buffer));
    return false;
}

static bool parse_choice(const struct setting *setting, const cJSON *value, const char *path,
                         int *field, struct diagnostics *diagnostics)
{
    /* choices such as auto, true, false: YAML hands the last two over as booleans */
    const char *text = cJSON_IsBool(value)     ? (cJSON_IsTrue(value) ? "true" : "false")
                       : cJSON_IsString(value) ? value->valuestring
                                               : NULL;

    for (int i = 0; text && setting->choices[i]; i++) {
        if (strcmp(setting->choices[i], text) == 0) {
            *field = i;
            return true;
        }
    }
    return fail_choice(setting, value, path, diagnostics);
}

static bool parse_duration(const struct setting *setting, const cJSON *value, const char *path,
                           double *field, struct diagnostics *diagnostics)
{
    double seconds;

    if (cJSON_IsString(value)) {
        if (!setting_parse_duration(value->valuestring, &seconds))
            return fail_type("a duration such as 90, 15m or 1h30m", value, path, diagnostics);
    } else if (!cJSON_IsNumber(value)) {
        return fail_type("a duration such as 90, 15m or 1h30m", value, path, diagnostics);
    } else if (!setting_read_number(value, path, &seconds, diagnostics)) {
        return false;
    }
    if (!check_range(setting, seconds, path, diagnostics))
        return false;
    *field = seconds;
    return true;
}

static bool parse_size(const struct setting *setting, const cJSON *value, const char *path,
                       int64_t *field, struct diagnostics *diagnostics)
{
    int64_t bytes;

    if (cJSON_IsNumber(value))
        return setting_read_integer(setting, value, path, field, diagnostics);
    if (!cJSON_IsString(value) || !setting_parse_size(value->valuestring, &bytes))
        return fail_type("a size such as 4096, 512K or 4G", value, path, diagnostics);
    if (!check_range(setting, (double)bytes, path, diagnostics))
        return false;
    *field = bytes;
    return true;
}

/* Formulas are evaluated by their owner, who knows the names; a plain number is checked here. */
static bool parse_expression(const struct setting *setting, const cJSON *value, const char *path,
                             char **field, struct diagnostics *diagnostics)
{
    int64_t ignored;

    if (cJSON_IsNumber(value)) {
        if (!setting_read_integer(setting, value, path, &ignored, diagnostics))
            return false;
    } else if (!cJSON_IsString(value) || value->valuestring[0] == '\0') {
        return fail_type("a number or a formula", value, path, diagnostics);
    }
    return parse_text(value, path, field, diagnostics);
}

static bool parse_json(const cJSON *value, cJSON **field, struct diagnostics *diagnostics)
{
    cJSON *copy = cJSON_Duplicate(value, true);

    if (!copy)
        return setting_no_memory(diagnostics);
    cJSON_Delete(*field);
    *field = copy;
    return true;
}

static bool parse_value(const struct setting *setting, const cJSON *value, const char *path,
                        void *field, struct diagnostics *diagnostics)
{
    switch (setting->type) {
    case SETTING_TYPE_INTEGER:
        return setting_read_integer(setting, value, path, field, diagnostics);
    case SETTING_TYPE_REAL:
        return setting_read_real(setting, value, path, field, diagnostics);
    case SETTING_TYPE_BOOLEAN:
        return parse_boolean(value, path, field, diagnostics);
    case SETTING_TYPE_TEXT:
        return parse_text(value, path, field, diagnostics);
    case SETTING_TYPE_CHOICE:
        return parse_choice(setting, value, path, field, diagnostics);
    case SETTING_TYPE_DURATION:
        return parse_duration(setting, value, path, field, diagnostics);
    case SETTING_TYPE_SIZE:
        return parse_size(setting, value, path, field, diagnostics);
    case SETTING_TYPE_EXPRESSION:
        return parse_expression(setting, value, path, field, diagnostics);
    case SETTING_TYPE_INTEGERS:
    case SETTING_TYPE_REALS:
    case SETTING_TYPE_TEXTS:
        return setting_parse_list(setting, value, path, field, diagnostics);
    case SETTING_TYPE_NESTED:
        return settings_parse(setting->nested, value, path, field, diagnostics);
    case SETTING_TYPE_KIND:
        return setting_parse_kind(setting, value, path, field, diagnostics);
    case SETTING_TYPE_KINDS:
        return setting_parse_kinds(setting, value, path, field, diagnostics);
    case SETTING_TYPE_JSON:
        return parse_json(value, field, diagnostics);
    case SETTING_TYPE_NONE:
        break;
    }
    return false;
}

static bool default_text(const struct setting *setting, char **field,
                         struct diagnostics *diagnostics)
{
    if (!setting->initial_text)
        return true;
    *field = strdup(setting->initial_text);
    return *field || setting_no_memory(diagnostics);
}

/* Lists begin empty and JSON unset, as the zeroed config has them. */
static bool set_default(const struct setting *setting, const char *path, void *field,
                        struct diagnostics *diagnostics)
{
    switch (setting->type) {
    case SETTING_TYPE_INTEGER:
    case SETTING_TYPE_SIZE:
        *(int64_t *)field = (int64_t)setting->initial;
        return true;
    case SETTING_TYPE_REAL:
    case SETTING_TYPE_DURATION:
        *(double *)field = setting->initial;
        return true;
    case SETTING_TYPE_BOOLEAN:
        *(bool *)field = setting->initial != 0;
        return true;
    case SETTING_TYPE_CHOICE:
        *(int *)field = (int)setting->initial;
        return true;
    case SETTING_TYPE_TEXT:
    case SETTING_TYPE_EXPRESSION:
        return default_text(setting, field, diagnostics);
    case SETTING_TYPE_NESTED:
        return settings_parse(setting->nested, NULL, path, field, diagnostics);
    case SETTING_TYPE_KIND:
        return !setting->initial_text ||
               setting_parse_kind(setting, NULL, path, field, diagnostics);
    default:
        return true;
    }
}

static bool parse_setting(const struct setting *setting, const cJSON *object, const char *path,
                          void *config, struct diagnostics *diagnostics)
{
    const cJSON *value = json_member(object, setting->name);
    void *field = (char *)config + setting->offset;
    char place[SETTING_PATH_SIZE];

    setting_path_member(place, path, setting->name);
    if (value && !cJSON_IsNull(value))
        return parse_value(setting, value, place, field, diagnostics);
    if (setting->flags & SETTING_REQUIRED) {
        diagnostics_add(diagnostics, place, "required, but missing");
        return false;
    }
    return set_default(setting, place, field, diagnostics);
}

static size_t table_names(const struct setting *table, const char **names, size_t capacity)
{
    size_t n = 0;

    for (const struct setting *setting = table; setting && setting->name && n < capacity; setting++)
        names[n++] = setting->name;
    return n;
}

static bool is_setting(const struct setting *table, const char *name)
{
    for (const struct setting *setting = table; setting && setting->name; setting++) {
        if (strcmp(setting->name, name) == 0)
            return true;
    }
    return false;
}

static void complain_unknown(const struct setting *table, const struct kind *kind, const char *name,
                             const char *path, struct diagnostics *diagnostics)
{
    const char *names[128];
    size_t n = table_names(table, names, sizeof(names) / sizeof(names[0]));
    const char *nearest = setting_suggest(name, names, n);
    char place[SETTING_PATH_SIZE];

    setting_path_member(place, path, name);
    if (nearest)
        diagnostics_add(diagnostics, place, "unknown setting; did you mean '%s'?", nearest);
    else if (kind && n == 0)
        diagnostics_add(diagnostics, place, "unknown setting; %s has none", kind->name);
    else
        diagnostics_add(diagnostics, place, "unknown setting");
}

bool setting_parse_table(const struct setting *table, const cJSON *object, const char *path,
                         const struct kind *kind, void *config, struct diagnostics *diagnostics)
{
    const cJSON *member;
    bool good = true;

    if (object && !cJSON_IsObject(object))
        return fail_type("a mapping", object, path, diagnostics);
    cJSON_ArrayForEach(member, object)
    {
        if (is_setting(table, member->string) || (kind && strcmp(member->string, "type") == 0))
            continue;
        complain_unknown(table, kind, member->string, path, diagnostics);
        good = false;
    }
    for (const struct setting *setting = table; setting && setting->name; setting++)
        good = parse_setting(setting, object, path, config, diagnostics) && good;
    return good;
}

bool settings_parse(const struct setting *table, const cJSON *object, const char *path,
                    void *config, struct diagnostics *diagnostics)
{
    return setting_parse_table(table, object, path, NULL, config, diagnostics);
}
