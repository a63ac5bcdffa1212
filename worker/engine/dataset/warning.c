#include "worker/engine/dataset/warning.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "common/owner.h"

#define MORE ", ..."

/* One more place of a warning that is there already; places beyond what fits are counted. */
static void add_place(struct warning *warning, const char *where)
{
    size_t used = strlen(warning->where), left = sizeof(warning->where) - used;

    warning->figure = ++warning->n_places;
    if (used >= strlen(MORE) && strcmp(warning->where + used - strlen(MORE), MORE) == 0)
        return;
    if (strlen(", ") + strlen(where) + sizeof(MORE) <= left)
        (void)snprintf(warning->where + used, left, ", %s", where);
    else
        (void)snprintf(warning->where + used, left, MORE);
}

void warning_add(struct warning_list *list, const char *where, double figure, const char *format,
                 ...)
{
    struct warning warning = {.figure = figure, .n_places = 1};
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(warning.text, sizeof(warning.text), format, arguments);
    va_end(arguments);
    (void)snprintf(warning.where, sizeof(warning.where) - sizeof(MORE), "%s", where);
    for (int i = 0; i < list->n; i++)
        if (strcmp(list->item[i].text, warning.text) == 0) {
            add_place(&list->item[i], where);
            return;
        }
    if (list->n < WARNING_LIMIT)
        list->item[list->n++] = warning;
}

static bool print_one(const struct warning *warning, struct buffer *text, struct error *error)
{
    scoped(json_free) cJSON *line = cJSON_CreateObject();

    if (!json_add_text(line, "where", warning->where) ||
        !json_add_text(line, "text", warning->text) ||
        !json_add_integer(line, "places", warning->n_places) ||
        (isfinite(warning->figure) && !json_add_number(line, "figure", warning->figure)))
        return error_set(error, ERROR_NO_MEMORY, "keeping warnings");
    return json_print(line, text, error) && buffer_append_text(text, "\n", error);
}

bool warnings_print(const struct warning_list *list, struct buffer *text, struct error *error)
{
    for (int i = 0; i < list->n; i++)
        if (!print_one(&list->item[i], text, error))
            return false;
    return true;
}

bool warnings_parse(const char *text, struct warning_list *list, struct error *error)
{
    const char *end;

    for (; (end = strchr(text, '\n')) && list->n < WARNING_LIMIT; text = end + 1) {
        struct warning *warning = &list->item[list->n];
        scoped(json_free) cJSON *json = NULL;

        if (!json_parse(text, (size_t)(end - text), &json, error))
            return false;
        (void)snprintf(warning->where, sizeof(warning->where), "%s", json_text(json, "where", ""));
        (void)snprintf(warning->text, sizeof(warning->text), "%s", json_text(json, "text", ""));
        warning->figure = json_number(json, "figure", (double)NAN);
        warning->n_places = (int)json_integer(json, "places", 1);
        list->n++;
    }
    return true;
}

void warnings_append(struct warning_list *list, const struct warning_list *more)
{
    for (int i = 0; i < more->n && list->n < WARNING_LIMIT; i++)
        list->item[list->n++] = more->item[i];
}
