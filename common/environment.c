/* A list of "NAME=value", as execve() wants it. */
#include "common/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"

void environment_release(struct environment *environment)
{
    for (size_t i = 0; i < environment->n; i++)
        free(environment->item[i]);
    free(environment->item);
    *environment = (struct environment){0};
}

/* Takes *entry in any case. */
static bool append(struct environment *environment, char **entry, struct error *error)
{
    scoped(memory_free) char *owned = take(entry);
    char **item = NULL;

    if (owned)
        item = reallocarray(environment->item, environment->n + 2, sizeof(*item));
    if (!item)
        return error_set(error, ERROR_NO_MEMORY, "setting up the environment");
    environment->item = item;
    item[environment->n++] = take(&owned);
    item[environment->n] = NULL;
    return true;
}

bool environment_copy(char *const *from, struct environment *ret_environment, struct error *error)
{
    scoped(environment_release) struct environment copy = {0};

    for (; *from; from++) {
        char *entry = strdup(*from);

        if (!append(&copy, &entry, error))
            return false;
    }
    *ret_environment = copy;
    copy = (struct environment){0};
    return true;
}

static char **find(const struct environment *environment, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < environment->n; i++)
        if (!strncmp(environment->item[i], name, length) && environment->item[i][length] == '=')
            return &environment->item[i];
    return NULL;
}

bool environment_set(struct environment *environment, const char *name, const char *value,
                     struct error *error)
{
    scoped(memory_free) char *entry = NULL;
    char **place = find(environment, name);

    if (asprintf(&entry, "%s=%s", name, value) < 0) {
        entry = NULL;
        return error_set(error, ERROR_NO_MEMORY, "setting %s", name);
    }
    if (!place)
        return append(environment, &entry, error);
    free(*place);
    *place = take(&entry);
    return true;
}

const char *environment_get(const struct environment *environment, const char *name)
{
    char **place = find(environment, name);

    return place ? strchr(*place, '=') + 1 : NULL;
}
