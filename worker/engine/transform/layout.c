#include "worker/engine/transform/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"

void layout_release(struct layout *layout)
{
    for (int64_t i = 0; i < layout->width; i++)
        free(layout->column[i].name);
    free(layout->column);
    *layout = (struct layout){0};
}

bool layout_add(struct layout *layout, const struct layout_column *column, struct error *error)
{
    int64_t width = layout->width;

    /* grows when a power of two is full */
    if ((width & (width - 1)) == 0) {
        size_t room = width > 0 ? 2 * (size_t)width : 1;
        struct layout_column *grown = realloc(layout->column, room * sizeof(*grown));

        if (!grown)
            return error_set(error, ERROR_NO_MEMORY, "listing columns");
        layout->column = grown;
    }
    layout->column[width] = *column;
    layout->column[width].name = strdup(column->name);
    if (!layout->column[width].name)
        return error_set(error, ERROR_NO_MEMORY, "listing columns");
    layout->width++;
    return true;
}

/* ---- selection --------------------------------------------------------------------------------*/

static bool mark_name(const struct layout *layout, const char *name, bool categorical,
                      const char *path, bool *mark, struct error *error)
{
    char place[128];

    (void)snprintf(place, sizeof(place), "%s.columns", path);
    for (int64_t i = 0; i < layout->width; i++) {
        if (strcmp(layout->column[i].name, name) != 0)
            continue;
        if (layout->column[i].categorical != categorical)
            return error_set_at(error, ERROR_INVALID, place, "'%s' is %s", name,
                                categorical ? "numeric" : "categorical");
        mark[i] = true;
        return true;
    }
    return error_set_at(error, ERROR_INVALID, place, "there is no feature '%s'", name);
}

bool layout_select(const struct layout *layout, const struct setting_texts *names, bool categorical,
                   const char *path, int64_t **ret, int64_t *ret_n, struct error *error)
{
    scoped(memory_free) bool *mark = calloc((size_t)layout->width + 1, sizeof(*mark));
    scoped(memory_free) int64_t *column = calloc((size_t)layout->width + 1, sizeof(*column));
    int64_t n = 0;

    if (!mark || !column)
        return error_set(error, ERROR_NO_MEMORY, "choosing columns");
    for (size_t i = 0; i < names->n; i++)
        if (!mark_name(layout, names->item[i], categorical, path, mark, error))
            return false;
    for (int64_t i = 0; i < layout->width; i++)
        if (names->n == 0 ? layout->column[i].categorical == categorical : mark[i])
            column[n++] = i;
    *ret = take(&column);
    *ret_n = n;
    return true;
}
