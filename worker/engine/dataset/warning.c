#include "worker/engine/dataset/warning.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
