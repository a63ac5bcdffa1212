/* Duplicates in the list that was read stay as they are; a name that is set stands there once. */
#include "daemon/environment.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/owner.h"

void environment_release(struct environment *environment)
{
    for (size_t i = 0; i < environment->n; i++)
        free(environment->item[i]);
    free(environment->item);
    *environment = (struct environment){0};
}

/* Takes `text` (NULL: there was no memory for it). */
static bool put(struct environment *environment, char *text, struct error *error)
{
    if (text && environment->n + 1 >= environment->capacity) {
        size_t capacity = environment->capacity ? 2 * environment->capacity : 64;
        char **item = realloc(environment->item, capacity * sizeof(*item));
        if (item) {
            environment->item = item;
            environment->capacity = capacity;
        }
    }
    if (!text || environment->n + 1 >= environment->capacity) {
        free(text);
        return error_set(error, ERROR_NO_MEMORY, "the environment of a run");
    }
    environment->item[environment->n++] = text;
    environment->item[environment->n] = NULL;
    return true;
}

bool environment_read(struct environment *environment, const cJSON *list, struct error *error)
{
    const cJSON *entry;

    if (!list) {
        for (char **own = environ; *own; own++)
            if (!put(environment, strdup(*own), error))
                return false;
        return true;
    }
    cJSON_ArrayForEach(entry, list)
    {
        const char *text = cJSON_GetStringValue(entry);
        if (text && strchr(text, '=') && !put(environment, strdup(text), error))
            return false;
    }
    return true;
}

static void forget(struct environment *environment, const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; i < environment->n;) {
        char *item = environment->item[i];
        if (strncmp(item, name, size) != 0 || item[size] != '=') {
            i++;
            continue;
        }
        free(item);
        environment->item[i] = environment->item[--environment->n];
        environment->item[environment->n] = NULL;
    }
}

bool environment_set(struct environment *environment, struct error *error, const char *name,
                     const char *format, ...)
{
    scoped(memory_free) char *value = NULL;
    char *entry = NULL;
    va_list arguments;

    va_start(arguments, format);
    int size = vasprintf(&value, format, arguments);
    va_end(arguments);
    if (size < 0) {
        value = NULL;
        return error_set(error, ERROR_NO_MEMORY, "the environment of a run");
    }
    forget(environment, name);
    if (asprintf(&entry, "%s=%s", name, value) < 0)
        entry = NULL;
    return put(environment, entry, error);
}
