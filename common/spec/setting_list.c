/* Lists of numbers and texts, kinds and lists of kinds; and the release of all of them. */
#include "common/spec/setting.h"

#include "common/spec/setting_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool check_length(const struct setting *setting, size_t n, const char *path,
                         struct diagnostics *diagnostics)
{
    size_t high = setting->max_items ? setting->max_items : SIZE_MAX;

    if (n >= setting->min_items && n <= high)
        return true;
    if (n < setting->min_items)
        diagnostics_add(diagnostics, path, "expected at least %zu item%s, not %zu",
                        setting->min_items, setting->min_items == 1 ? "" : "s", n);
    else
        diagnostics_add(diagnostics, path, "expected at most %zu item%s, not %zu", high,
                        high == 1 ? "" : "s", n);
    return false;
}

/* The list at `value`, or the single item that stands for one: *ret_first and the items after it
 * where `*ret_n` is more than 1. */
static bool list_of(const struct setting *setting, const cJSON *value, const char *path,
                    const cJSON **ret_first, size_t *ret_n, struct diagnostics *diagnostics)
{
    bool scalar_ok = setting->type == SETTING_TYPE_TEXTS || setting->flags & SETTING_SCALAR_OK;
    char buffer[SETTING_VALUE_SIZE];

    if (cJSON_IsArray(value)) {
        *ret_first = value->child;
        *ret_n = (size_t)cJSON_GetArraySize(value);
    } else if (scalar_ok) {
        *ret_first = value;
        *ret_n = 1;
    } else {
        diagnostics_add(diagnostics, path, "expected a list, not %s",
                        setting_format_value(value, buffer));
        return false;
    }
    return check_length(setting, *ret_n, path, diagnostics);
}

static bool parse_integers(const struct setting *setting, const cJSON *item, const char *path,
                           struct setting_integers *list, struct diagnostics *diagnostics)
{
    char place[SETTING_PATH_SIZE];
    bool good = true;

    for (size_t i = 0; i < list->n; i++, item = item->next)
        good = setting_read_integer(setting, item, setting_path_item(place, path, i),
                                    &list->item[i], diagnostics) &&
               good;
    return good;
}

static bool parse_reals(const struct setting *setting, const cJSON *item, const char *path,
                        struct setting_reals *list, struct diagnostics *diagnostics)
{
    char place[SETTING_PATH_SIZE];
    bool good = true;

    for (size_t i = 0; i < list->n; i++, item = item->next)
        good = setting_read_real(setting, item, setting_path_item(place, path, i), &list->item[i],
                                 diagnostics) &&
               good;
    return good;
}

static bool parse_texts(const cJSON *item, const char *path, struct setting_texts *list,
                        struct diagnostics *diagnostics)
{
    char place[SETTING_PATH_SIZE];
    bool good = true;

    for (size_t i = 0; i < list->n; i++, item = item->next)
        good = setting_read_text(item, setting_path_item(place, path, i), &list->item[i],
                                 diagnostics) &&
               good;
    return good;
}

bool setting_parse_list(const struct setting *setting, const cJSON *value, const char *path,
                        void *field, struct diagnostics *diagnostics)
{
    /* the three list structs differ in the type of their items alone; each is written as itself */
    struct setting_integers *integers = field;
    struct setting_reals *reals = field;
    struct setting_texts *texts = field;
    const cJSON *first;
    void *items;
    size_t n;

    if (!list_of(setting, value, path, &first, &n, diagnostics))
        return false;
    items = calloc(n ? n : 1, 8);
    if (!items)
        return setting_no_memory(diagnostics);
    switch (setting->type) {
    case SETTING_TYPE_INTEGERS:
        *integers = (struct setting_integers){.item = items, .n = n};
        return parse_integers(setting, first, path, integers, diagnostics);
    case SETTING_TYPE_REALS:
        *reals = (struct setting_reals){.item = items, .n = n};
        return parse_reals(setting, first, path, reals, diagnostics);
    default:
        *texts = (struct setting_texts){.item = items, .n = n};
        return parse_texts(first, path, texts, diagnostics);
    }
}
_Static_assert(sizeof(char *) == 8 && sizeof(double) == 8, "items of every list have 8 bytes");

const struct kind *kind_find(const struct kind_registry *registry, const char *name)
{
    for (; registry; registry = registry->more)
        for (size_t i = 0; registry->kind[i]; i++)
            if (strcmp(registry->kind[i]->name, name) == 0)
                return registry->kind[i];
    return NULL;
}

static size_t kind_names(const struct kind_registry *registry, const char **names, size_t capacity,
                         char *list, size_t size)
{
    size_t used = 0, n = 0;

    for (; registry; registry = registry->more)
        for (size_t i = 0; registry->kind[i] && n < capacity; i++, n++) {
            names[n] = registry->kind[i]->name;
            if (used < size)
                used += (size_t)snprintf(list + used, size - used, "%s%s", n ? ", " : "", names[n]);
        }
    return n;
}

static bool fail_kind(const struct kind_registry *registry, const char *name, const char *path,
                      struct diagnostics *diagnostics)
{
    const char *names[128];
    char list[400] = "";
    size_t n = kind_names(registry, names, sizeof(names) / sizeof(names[0]), list, sizeof(list));
    const char *nearest = name ? setting_suggest(name, names, n) : NULL;

    if (!name)
        diagnostics_add(diagnostics, path, "required, but missing; known: %s", list);
    else if (nearest)
        diagnostics_add(diagnostics, path, "unknown %s '%.40s'; did you mean '%s'?", registry->what,
                        name, nearest);
    else
        diagnostics_add(diagnostics, path, "unknown %s '%.40s'; known: %s", registry->what, name,
                        list);
    return false;
}

/* The name that `value` gives, or the default; false with a complaint where neither is there. */
static bool kind_name_of(const struct setting *setting, const cJSON *value, const char *path,
                         const char **ret_name, char *place, struct diagnostics *diagnostics)
{
    const cJSON *type = cJSON_IsObject(value) ? json_member(value, "type") : value;
    char buffer[SETTING_VALUE_SIZE];

    if (cJSON_IsObject(value))
        setting_path_member(place, path, "type");
    else
        snprintf(place, SETTING_PATH_SIZE, "%s", path);
    if (!type || cJSON_IsNull(type)) {
        *ret_name = setting->initial_text;
        return *ret_name || fail_kind(setting->kinds, NULL, place, diagnostics);
    }
    if (!cJSON_IsString(type)) {
        diagnostics_add(diagnostics, place, "expected the name of the %s%s, not %s",
                        setting->kinds->what, cJSON_IsObject(value) ? "" : " or a mapping",
                        setting_format_value(type, buffer));
        return false;
    }
    *ret_name = type->valuestring;
    return true;
}

static bool check_kind(const struct kind_choice *choice, const char *path,
                       struct diagnostics *diagnostics)
{
    struct error error = {0};

    if (!choice->kind->check || choice->kind->check(choice->config, path, &error))
        return true;
    diagnostics_add(diagnostics, error.path[0] ? error.path : path, "%s", error.message);
    return false;
}

bool setting_parse_kind(const struct setting *setting, const cJSON *value, const char *path,
                        struct kind_choice *choice, struct diagnostics *diagnostics)
{
    char place[SETTING_PATH_SIZE];
    const struct kind *kind;
    const char *name;

    if (!kind_name_of(setting, value, path, &name, place, diagnostics))
        return false;
    kind = kind_find(setting->kinds, name);
    if (!kind)
        return fail_kind(setting->kinds, name, place, diagnostics);
    choice->kind = kind;
    choice->config = kind->config_size ? calloc(1, kind->config_size) : NULL;
    if (kind->config_size && !choice->config)
        return setting_no_memory(diagnostics);
    return setting_parse_table(kind->settings, cJSON_IsObject(value) ? value : NULL, path, kind,
                               choice->config, diagnostics) &&
           check_kind(choice, path, diagnostics);
}

bool setting_parse_kinds(const struct setting *setting, const cJSON *value, const char *path,
                         struct kind_choices *choices, struct diagnostics *diagnostics)
{
    char place[SETTING_PATH_SIZE];
    const cJSON *item;
    bool good = true;
    size_t n;

    if (!list_of(setting, value, path, &item, &n, diagnostics))
        return false;
    choices->item = calloc(n ? n : 1, sizeof(*choices->item));
    if (!choices->item)
        return setting_no_memory(diagnostics);
    choices->n = n;
    for (size_t i = 0; i < n; i++, item = item->next)
        good = setting_parse_kind(setting, item, setting_path_item(place, path, i),
                                  &choices->item[i], diagnostics) &&
               good;
    return good;
}

void setting_release_kind(struct kind_choice *choice)
{
    if (choice->kind && choice->config)
        settings_release(choice->kind->settings, choice->config);
    free(choice->config);
    *choice = (struct kind_choice){0};
}

static void release_texts(struct setting_texts *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->item[i]);
    free(list->item);
    *list = (struct setting_texts){0};
}

static void release_kinds(struct kind_choices *choices)
{
    for (size_t i = 0; i < choices->n; i++)
        setting_release_kind(&choices->item[i]);
    free(choices->item);
    *choices = (struct kind_choices){0};
}

static void release_field(const struct setting *setting, void *field)
{
    switch (setting->type) {
    case SETTING_TYPE_TEXT:
    case SETTING_TYPE_EXPRESSION:
        free(*(char **)field);
        *(char **)field = NULL;
        return;
    case SETTING_TYPE_INTEGERS:
        free(((struct setting_integers *)field)->item);
        *(struct setting_integers *)field = (struct setting_integers){0};
        return;
    case SETTING_TYPE_REALS:
        free(((struct setting_reals *)field)->item);
        *(struct setting_reals *)field = (struct setting_reals){0};
        return;
    case SETTING_TYPE_TEXTS:
        release_texts(field);
        return;
    case SETTING_TYPE_NESTED:
        settings_release(setting->nested, field);
        return;
    case SETTING_TYPE_KIND:
        setting_release_kind(field);
        return;
    case SETTING_TYPE_KINDS:
        release_kinds(field);
        return;
    case SETTING_TYPE_JSON:
        json_free(field);
        return;
    case SETTING_TYPE_INTEGER:
    case SETTING_TYPE_SIZE:
        *(int64_t *)field = 0;
        return;
    case SETTING_TYPE_REAL:
    case SETTING_TYPE_DURATION:
        *(double *)field = 0;
        return;
    case SETTING_TYPE_BOOLEAN:
        *(bool *)field = false;
        return;
    case SETTING_TYPE_CHOICE:
        *(int *)field = 0;
        return;
    case SETTING_TYPE_NONE:
        return;
    }
}

void settings_release(const struct setting *table, void *config)
{
    for (const struct setting *setting = table; setting && setting->name; setting++)
        release_field(setting, (char *)config + setting->offset);
}
