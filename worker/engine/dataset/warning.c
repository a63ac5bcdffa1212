#include "worker/engine/dataset/warning.h"

#include <stdarg.h>
#include <stdio.h>

void warning_add(struct warning_list *list, const char *where, double figure, const char *format,
                 ...)
{
    va_list arguments;

    if (list->n == WARNING_LIMIT)
        return;
    (void)snprintf(list->item[list->n].where, sizeof(list->item[0].where), "%s", where);
    va_start(arguments, format);
    (void)vsnprintf(list->item[list->n].text, sizeof(list->item[0].text), format, arguments);
    va_end(arguments);
    list->item[list->n++].figure = figure;
}
