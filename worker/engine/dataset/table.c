#include "worker/engine/dataset/table.h"

#include <stdlib.h>
#include <string.h>

void table_profile_release(struct table_profile *profile)
{
    for (int64_t i = 0; i < profile->n_columns; i++)
        free(profile->column[i].name);
    free(profile->column);
    *profile = (struct table_profile){0};
}

int64_t table_profile_find(const struct table_profile *profile, const char *name)
{
    for (int64_t i = 0; name && i < profile->n_columns; i++)
        if (strcmp(profile->column[i].name, name) == 0)
            return i;
    return -1;
}

bool column_init(struct column *column, enum column_form form, const char *name, int64_t n)
{
    size_t size = (size_t)n + 1; /* so that no room is no failure */

    column->form = form;
    column->name = strdup(name);
    if (form == FORM_REAL)
        column->real = malloc(size * sizeof(*column->real));
    else if (form == FORM_INTEGER)
        column->integer = malloc(size * sizeof(*column->integer));
    else if (form == FORM_TEXT)
        column->code = malloc(size * sizeof(*column->code));
    return column->name && (form == FORM_SKIP || column->real || column->integer || column->code);
}

void column_release(struct column *column)
{
    free(column->name);
    free(column->real);
    free(column->integer);
    free(column->code);
    dictionary_release(&column->dictionary);
    *column = (struct column){0};
}

void table_release(struct table *table)
{
    for (int64_t i = 0; i < table->n_columns; i++)
        column_release(&table->column[i]);
    free(table->column);
    *table = (struct table){0};
}

static bool reorder(void **data, size_t size, const int64_t *order, int64_t n)
{
    char *from = *data;
    char *to = from ? malloc((size_t)n * size + 1) : NULL;

    if (!from)
        return true;
    if (!to)
        return false;
    for (int64_t i = 0; i < n; i++)
        memcpy(to + (size_t)i * size, from + (size_t)order[i] * size, size);
    free(from);
    *data = to;
    return true;
}

bool table_reorder(struct table *table, const int64_t *order, struct error *error)
{
    for (int64_t i = 0; i < table->n_columns; i++) {
        struct column *column = &table->column[i];

        if (!reorder((void **)&column->real, sizeof(*column->real), order, table->n_rows) ||
            !reorder((void **)&column->integer, sizeof(*column->integer), order, table->n_rows) ||
            !reorder((void **)&column->code, sizeof(*column->code), order, table->n_rows))
            return error_set(error, ERROR_NO_MEMORY, "sorting %lld rows", (long long)table->n_rows);
    }
    return true;
}
