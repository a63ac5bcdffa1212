#include "client/settings_tree.h"

#include "client/program.h"
#include "common/owner.h"
#include "common/spec/spec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "reading settings");
}

/* ---- reading ---------------------------------------------------------------------------------*/

static bool collect_line(void *context, char *line, size_t size, struct error *error)
{
    return buffer_append(context, line, size, error) && buffer_append(context, "\n", 1, error);
}

static bool ask(const char *program, cJSON **ret_settings, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    const struct program_reader reader = {collect_line, &text};
    scoped(json_free) cJSON *settings = NULL;
    int status;

    if (!program_filter(program, "settings", "", 0, &reader, &status, error))
        return false;
    if (status != 0)
        return error_set(error, ERROR_INTERNAL, "%s settings: exit status %d", program, status);
    if (!json_parse(text.data ? text.data : "", text.size, &settings, error))
        return error_wrap(error, "%s settings", program);
    if (!cJSON_IsObject(settings))
        return error_set(error, ERROR_INTERNAL, "%s settings: expected an object", program);
    *ret_settings = take(&settings);
    return true;
}

static cJSON *find_named(const cJSON *list, const char *name)
{
    cJSON *item;

    cJSON_ArrayForEach(item, list)
    {
        const char *other = json_text(item, "name", NULL);

        if (other && strcmp(other, name) == 0)
            return item;
    }
    return NULL;
}

/* A table of its own becomes a nested setting of that name; a description stands for itself. */
static cJSON *as_setting(const char *name, const cJSON *described)
{
    scoped(json_free) cJSON *setting = NULL;
    cJSON *table;

    if (cJSON_IsObject(described))
        return cJSON_Duplicate(described, true);
    setting = cJSON_CreateObject();
    table = cJSON_Duplicate(described, true);
    if (!setting || !table || !json_add_text(setting, "name", name) ||
        !json_add_text(setting, "type", "nested") ||
        !json_add_boolean(setting, "required", false) || !json_add_text(setting, "unit", "") ||
        !json_add_text(setting, "help", "")) {
        cJSON_Delete(table);
        return NULL;
    }
    return json_add_item(setting, "settings", &table) ? take(&setting) : NULL;
}

/* "sweep.parameters.*": what each entry of sweep.parameters may be. */
static bool add_entries(cJSON *tree, const char *key, const cJSON *table, struct error *error)
{
    scoped(memory_free) char *path = strndup(key, strlen(key) - 2);
    cJSON *list = tree, *setting = NULL, *copy;

    if (!path)
        return no_memory(error);
    for (char *rest = path, *name = strsep(&rest, "."); name; name = strsep(&rest, ".")) {
        setting = find_named(list, name);
        list = cJSON_GetObjectItemCaseSensitive(setting, "settings");
    }
    if (!setting)
        return error_set(error, ERROR_INTERNAL, "settings: nothing is called %s", path);
    copy = cJSON_Duplicate(table, true);
    return (copy && json_add_item(setting, "entries", &copy)) || no_memory(error);
}

static bool ends_with_entries(const char *key)
{
    size_t size = strlen(key);

    return size > 2 && strcmp(key + size - 2, ".*") == 0;
}

static bool add_program(cJSON *tree, const char *program, struct error *error)
{
    scoped(json_free) cJSON *settings = NULL;
    const cJSON *described;

    if (!ask(program, &settings, error))
        return false;
    cJSON_ArrayForEach(described, settings)
    {
        cJSON *setting;

        if (ends_with_entries(described->string))
            continue;
        setting = as_setting(described->string, described);
        if (!setting || !cJSON_AddItemToArray(tree, setting)) {
            cJSON_Delete(setting);
            return no_memory(error);
        }
    }
    cJSON_ArrayForEach(described, settings)
    {
        if (ends_with_entries(described->string) &&
            !add_entries(tree, described->string, described, error))
            return false;
    }
    return true;
}

/* In the order in which a spec is written. */
static bool sort_tree(cJSON *unsorted, cJSON **ret_tree, struct error *error)
{
    static const char *const order[] = {"name",        "question", "expectation", "tags",
                                        "seed",        "command",  "data",        "prepare",
                                        "model",       "train",    "evaluate",    "sweep",
                                        "experiments", "queue",    "resources",   "on_finish"};
    scoped(json_free) cJSON *tree = cJSON_CreateArray();
    cJSON *setting;

    if (!tree)
        return no_memory(error);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        setting = find_named(unsorted, order[i]);
        if (setting && !cJSON_AddItemToArray(tree, cJSON_DetachItemViaPointer(unsorted, setting)))
            return no_memory(error);
    }
    setting = unsorted->child;
    if (setting)
        return error_set(error, ERROR_INTERNAL, "settings: '%s' has no place in a spec",
                         json_text(setting, "name", "?"));
    *ret_tree = take(&tree);
    return true;
}

bool settings_tree_read(cJSON **ret_tree, struct error *error)
{
    scoped(json_free) cJSON *tree = settings_describe(common_settings);

    if (!tree)
        return no_memory(error);
    return add_program(tree, "nightjard", error) && add_program(tree, "nightjar-engine", error) &&
           sort_tree(tree, ret_tree, error);
}

/* ---- finding ---------------------------------------------------------------------------------*/

struct search {
    const char *path; /* as the user gave it */
    cJSON *found;     /* owned by the caller */
    struct error *error;
};

static bool walk(struct search *search, const cJSON *setting, const char *rest, const char *path);

static bool add_found(struct search *search, const cJSON *item, const char *path)
{
    cJSON *copy = cJSON_Duplicate(item, true);
    cJSON *text = cJSON_CreateString(path);

    if (!copy || !text || !cJSON_InsertItemInArray(copy, 0, text)) {
        cJSON_Delete(copy);
        cJSON_Delete(text);
        return no_memory(search->error);
    }
    text->string = strdup("path");
    return (text->string && cJSON_AddItemToArray(search->found, copy)) || no_memory(search->error);
}

/* The next name of the path; brackets are passed over. "" at the end. */
static const char *next_name(const char *rest, char *name, size_t size)
{
    size_t length = strcspn(rest, ".[");

    snprintf(name, size, "%.*s", (int)length, rest);
    rest += length;
    if (*rest == '[')
        rest += strcspn(rest, ".");
    return *rest == '.' ? rest + 1 : rest;
}

static const cJSON *table_of(const cJSON *setting)
{
    const cJSON *table = json_member(setting, "settings");

    return table ? table : json_member(setting, "entries");
}

static bool walk_table(struct search *search, const cJSON *table, const char *rest,
                       const char *path)
{
    char name[64], place[256];
    const cJSON *setting;

    rest = next_name(rest, name, sizeof(name));
    setting = find_named(table, name);
    if (!setting)
        return true;
    snprintf(place, sizeof(place), "%s%s%s", path, *path ? "." : "", name);
    return walk(search, setting, rest, place);
}

/* optimizer.adam, optimizer.adam.rate, or optimizer.rate: that of every kind which has one. */
static bool walk_kinds(struct search *search, const cJSON *kinds, const char *rest,
                       const char *path)
{
    char name[64], place[256];
    const char *after = next_name(rest, name, sizeof(name));
    const cJSON *kind = find_named(kinds, name);

    if (kind && !*after) {
        snprintf(place, sizeof(place), "%s.%s", path, name);
        return add_found(search, kind, place);
    }
    if (kind) {
        snprintf(place, sizeof(place), "%s.%s", path, name);
        return walk_table(search, json_member(kind, "settings"), after, place);
    }
    cJSON_ArrayForEach(kind, kinds)
    {
        snprintf(place, sizeof(place), "%s.%s", path, json_text(kind, "name", ""));
        if (!walk_table(search, json_member(kind, "settings"), rest, place))
            return false;
    }
    return true;
}

static bool walk(struct search *search, const cJSON *setting, const char *rest, const char *path)
{
    const cJSON *kinds = json_member(setting, "kinds");

    if (!*rest)
        return add_found(search, setting, path);
    if (kinds)
        return walk_kinds(search, kinds, rest, path);
    if (table_of(setting))
        return walk_table(search, table_of(setting), rest, path);
    return true;
}

/* Names that could have been meant: those of the deepest place that does exist. */
static bool fail_unknown(struct search *search, const cJSON *tree)
{
    char parent[256];
    const char *names[256], *wanted, *nearest;
    scoped(json_free) cJSON *found = NULL;
    const cJSON *item, *list = tree;
    size_t n = 0;
    char *dot;

    snprintf(parent, sizeof(parent), "%s", search->path);
    dot = strrchr(parent, '.');
    wanted = dot ? dot + 1 : parent;
    if (dot) {
        *dot = '\0';
        if (!settings_tree_find(tree, parent, &found, search->error))
            return false;
        item = found ? found->child : NULL;
        list = table_of(item) ? table_of(item) : json_member(item, "kinds");
    }
    cJSON_ArrayForEach(item, list)
    {
        if (n < sizeof(names) / sizeof(names[0]))
            names[n++] = json_text(item, "name", "");
    }
    nearest = setting_suggest(wanted, names, n);
    return error_set_at(search->error, ERROR_INVALID, search->path, "unknown setting%s%s%s",
                        nearest ? "; did you mean '" : "", nearest ? nearest : "",
                        nearest ? "'?" : "");
}

bool settings_tree_find(const cJSON *tree, const char *path, cJSON **ret_found, struct error *error)
{
    scoped(json_free) cJSON *found = cJSON_CreateArray();
    struct search search = {.path = path, .found = found, .error = error};

    if (!found)
        return no_memory(error);
    if (!walk_table(&search, tree, path, ""))
        return false;
    if (!found->child)
        return fail_unknown(&search, tree);
    *ret_found = take(&found);
    return true;
}

/* ---- families --------------------------------------------------------------------------------*/

static bool gather_families(cJSON *families, const cJSON *table, struct error *error);

static bool is_whole(const cJSON *kinds)
{
    return kinds->child && json_member(kinds->child, "settings");
}

/* A family that meets itself again is told by its names alone: the whole one counts. */
static bool gather_family(cJSON *families, const char *what, const cJSON *kinds,
                          struct error *error)
{
    const cJSON *known = json_member(families, what), *kind;
    cJSON *copy;

    if (!is_whole(kinds))
        return true;
    if (known) {
        cJSON_ArrayForEach(kind, kinds)
        {
            if (!find_named(known, json_text(kind, "name", "")))
                return error_set(error, ERROR_INTERNAL, "two families of kinds are called '%s'",
                                 what);
        }
        return true;
    }
    copy = cJSON_Duplicate(kinds, true);
    if (!copy || !json_add_item(families, what, &copy))
        return no_memory(error);
    cJSON_ArrayForEach(kind, kinds)
    {
        if (!gather_families(families, json_member(kind, "settings"), error))
            return false;
    }
    return true;
}

static bool gather_families(cJSON *families, const cJSON *table, struct error *error)
{
    const cJSON *setting;

    cJSON_ArrayForEach(setting, table)
    {
        const cJSON *kinds = json_member(setting, "kinds");

        if (kinds && !gather_family(families, json_text(setting, "what", "kind"), kinds, error))
            return false;
        if (!gather_families(families, table_of(setting), error))
            return false;
    }
    return true;
}

bool settings_tree_families(const cJSON *tree, cJSON **ret_families, struct error *error)
{
    scoped(json_free) cJSON *families = cJSON_CreateObject();

    if (!families)
        return no_memory(error);
    if (!gather_families(families, tree, error))
        return false;
    *ret_families = take(&families);
    return true;
}

/* ---- types as text ---------------------------------------------------------------------------*/

static bool has_type(const cJSON *setting, const char *type)
{
    return strcmp(json_text(setting, "type", ""), type) == 0;
}

/* 16M, 1h30m, 0.001: as one would write it in a spec. */
static bool append_number(const cJSON *setting, double number, struct buffer *out,
                          struct error *error)
{
    static const struct {
        const char *type;
        double size;
        const char *suffix;
    } units[] = {
        {"size", 0x1p40, "T"},   {"size", 0x1p30, "G"},      {"size", 0x1p20, "M"},
        {"size", 0x1p10, "K"},   {"duration", 86400.0, "d"}, {"duration", 3600.0, "h"},
        {"duration", 60.0, "m"}, {"duration", 1.0, "s"},
    };
    char text[40];

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        double count = number / units[i].size;

        if (number != 0 && has_type(setting, units[i].type) && count == floor(count))
            return buffer_append_format(out, error, "%.15g%s", count, units[i].suffix);
    }
    if (fabs(number) < 1e12 && number == (double)(int64_t)number)
        return buffer_append_format(out, error, "%.0f", number);
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    return buffer_append_text(out, text, error);
}

static bool append_range(const cJSON *setting, struct buffer *out, struct error *error)
{
    const cJSON *low = json_member(setting, "low"), *high = json_member(setting, "high");
    bool open_low = !low || json_boolean(setting, "open_low", false);
    bool open_high = !high || json_boolean(setting, "open_high", false);

    if (!low && !high)
        return true;
    return buffer_append_text(out, open_low ? " in (" : " in [", error) &&
           (low ? append_number(setting, low->valuedouble, out, error)
                : buffer_append_text(out, "-inf", error)) &&
           buffer_append_text(out, ", ", error) &&
           (high ? append_number(setting, high->valuedouble, out, error)
                 : buffer_append_text(out, "inf", error)) &&
           buffer_append_text(out, open_high ? ")" : "]", error);
}

static bool append_names(const cJSON *list, struct buffer *out, struct error *error)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, list)
    {
        const char *name = cJSON_IsString(item) ? item->valuestring : json_text(item, "name", "");

        if (!buffer_append_format(out, error, "%s%s", item == list->child ? "" : ", ", name))
            return false;
    }
    return true;
}

static bool append_length(const cJSON *setting, struct buffer *out, struct error *error)
{
    int64_t low = json_integer(setting, "min_items", 0);
    int64_t high = json_integer(setting, "max_items", 0);

    if (low && low == high)
        return buffer_append_format(out, error, ", %lld items", (long long)low);
    if (low && high)
        return buffer_append_format(out, error, ", %lld to %lld items", (long long)low,
                                    (long long)high);
    if (low > 1)
        return buffer_append_format(out, error, ", at least %lld items", (long long)low);
    if (high)
        return buffer_append_format(out, error, ", at most %lld items", (long long)high);
    return true;
}

static const char *type_words(const cJSON *setting)
{
    static const char *const words[][2] = {
        {"integer", "integer"},
        {"real", "number"},
        {"boolean", "true or false"},
        {"text", "text"},
        {"choice", "one of "},
        {"duration", "duration"},
        {"size", "size"},
        {"expression", "integer or formula"},
        {"integers", "list of integers"},
        {"reals", "list of numbers"},
        {"texts", "list of texts"},
        {"nested", "mapping"},
        {"kind", "one of "},
        {"kinds", "list of "},
        {"json", "any value"},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (has_type(setting, words[i][0]))
            return words[i][1];
    }
    return json_text(setting, "type", "");
}

bool settings_tree_type(const cJSON *setting, struct buffer *out, struct error *error)
{
    const char *unit = json_text(setting, "unit", "");
    bool told = has_type(setting, "duration") || has_type(setting, "size"); /* by its suffixes */

    return buffer_append_text(out, type_words(setting), error) &&
           append_names(json_member(setting, "choices"), out, error) &&
           append_names(json_member(setting, "kinds"), out, error) &&
           append_range(setting, out, error) &&
           (told || !*unit || buffer_append_format(out, error, " %s", unit)) &&
           append_length(setting, out, error);
}

bool settings_tree_default(const cJSON *setting, struct buffer *out, struct error *error)
{
    const cJSON *value = json_member(setting, "default");

    if (json_boolean(setting, "required", false))
        return buffer_append_text(out, "required", error);
    if (cJSON_IsNumber(value))
        return append_number(setting, value->valuedouble, out, error);
    if (cJSON_IsBool(value))
        return buffer_append_text(out, cJSON_IsTrue(value) ? "true" : "false", error);
    return buffer_append_text(out, cJSON_IsString(value) ? value->valuestring : "", error);
}
