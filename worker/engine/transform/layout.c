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

void layout_keep(struct layout *layout, const int64_t *column, int64_t n)
{
    int64_t kept = 0;

    for (int64_t i = 0; i < layout->width; i++) {
        if (kept < n && column[kept] == i)
            layout->column[kept++] = layout->column[i];
        else
            free(layout->column[i].name);
    }
    layout->width = kept;
}

/* ---- selection --------------------------------------------------------------------------------*/

static int64_t find(const struct layout *layout, const char *name, size_t size)
{
    for (int64_t i = 0; i < layout->width; i++)
        if (strlen(layout->column[i].name) == size &&
            memcmp(layout->column[i].name, name, size) == 0)
            return i;
    return -1;
}

static bool is_of(const struct layout_column *column, enum layout_sort sort)
{
    return sort == LAYOUT_ANY || (column->categorical == (sort == LAYOUT_CATEGORIES) &&
                                  (column->n_tokens == 0 || sort == LAYOUT_CATEGORIES));
}

/* "first..last" */
static bool find_range(const struct layout *layout, const char *name, int64_t *ret_first,
                       int64_t *ret_last)
{
    const char *dots = strstr(name, "..");

    if (!dots)
        return false;
    *ret_first = find(layout, name, (size_t)(dots - name));
    *ret_last = find(layout, dots + 2, strlen(dots + 2));
    return *ret_first >= 0 && *ret_last >= *ret_first;
}

/* Names of several columns pass over those of another sort; *ret_n: how many were marked. */
static void mark_several(const struct layout *layout, const char *name, enum layout_sort sort,
                         bool *mark, int64_t *ret_n)
{
    size_t size = strlen(name);
    bool begins = size > 0 && name[size - 1] == '*';
    int64_t first = 0, last = layout->width - 1;

    *ret_n = 0;
    if (!begins && !find_range(layout, name, &first, &last))
        return;
    for (int64_t i = first; i <= last; i++)
        if (is_of(&layout->column[i], sort) &&
            (!begins || strncmp(layout->column[i].name, name, size - 1) == 0)) {
            mark[i] = true;
            ++*ret_n;
        }
}

static bool mark_name(const struct layout *layout, const char *name, enum layout_sort sort,
                      const char *path, bool *mark, struct error *error)
{
    int64_t at = find(layout, name, strlen(name)), several;
    char place[128];

    (void)snprintf(place, sizeof(place), "%s.columns", path);
    if (at < 0)
        mark_several(layout, name, sort, mark, &several);
    else if (!is_of(&layout->column[at], sort))
        return error_set_at(error, ERROR_INVALID, place, "'%s' is %s", name,
                            layout->column[at].categorical    ? "categorical"
                            : layout->column[at].n_tokens > 0 ? "made of tokens"
                                                              : "numeric");
    else
        mark[at] = true;
    return at >= 0 || several > 0 ||
           error_set_at(error, ERROR_INVALID, place, "there is no feature '%s'", name);
}

bool layout_select(const struct layout *layout, const struct setting_texts *names,
                   enum layout_sort sort, const char *path, int64_t **ret, int64_t *ret_n,
                   struct error *error)
{
    scoped(memory_free) bool *mark = calloc((size_t)layout->width + 1, sizeof(*mark));
    scoped(memory_free) int64_t *column = calloc((size_t)layout->width + 1, sizeof(*column));
    int64_t n = 0;

    if (!mark || !column)
        return error_set(error, ERROR_NO_MEMORY, "choosing columns");
    for (size_t i = 0; i < names->n; i++)
        if (!mark_name(layout, names->item[i], sort, path, mark, error))
            return false;
    for (int64_t i = 0; i < layout->width; i++)
        if (names->n == 0 ? is_of(&layout->column[i], sort) : mark[i])
            column[n++] = i;
    *ret = take(&column);
    *ret_n = n;
    return true;
}
