/*
 * All that is wrong with a spec. The list is bounded: a file of a million mistakes is told by its
 * first hundred. Wanting memory never hides that there was a mistake: it sets `overflow`.
 */
#include "common/spec/setting.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void diagnostics_release(struct diagnostics *diagnostics)
{
    free(diagnostics->item);
    *diagnostics = (struct diagnostics){0};
}

static struct diagnostic *next_item(struct diagnostics *diagnostics)
{
    size_t n = diagnostics->n;

    if (n >= DIAGNOSTICS_LIMIT)
        return NULL;
    if ((n & (n - 1)) == 0) { /* 0, 1, 2, 4, ...: full */
        size_t capacity = n ? 2 * n : 1;
        struct diagnostic *item = realloc(diagnostics->item, capacity * sizeof(*item));

        if (!item)
            return NULL;
        diagnostics->item = item;
    }
    diagnostics->n++;
    return &diagnostics->item[n];
}

void diagnostics_add(struct diagnostics *diagnostics, const char *path, const char *format, ...)
{
    struct diagnostic *item = next_item(diagnostics);
    va_list arguments;

    if (!item) {
        diagnostics->overflow = true;
        return;
    }
    snprintf(item->path, sizeof(item->path), "%s", path ? path : "");
    va_start(arguments, format);
    vsnprintf(item->message, sizeof(item->message), format, arguments);
    va_end(arguments);
}

static cJSON *diagnostic_json(const struct diagnostic *diagnostic)
{
    cJSON *object = cJSON_CreateObject();

    if (object && json_add_text(object, "path", diagnostic->path) &&
        json_add_text(object, "message", diagnostic->message))
        return object;
    cJSON_Delete(object);
    return NULL;
}

cJSON *diagnostics_json(const struct diagnostics *diagnostics)
{
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; list && i < diagnostics->n; i++) {
        cJSON *object = diagnostic_json(&diagnostics->item[i]);

        if (!object || !cJSON_AddItemToArray(list, object)) {
            cJSON_Delete(object);
            cJSON_Delete(list);
            return NULL;
        }
    }
    return list;
}
