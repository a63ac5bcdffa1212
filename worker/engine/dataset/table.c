#include "worker/engine/dataset/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void table_profile_release(struct table_profile *profile)
{
    for (int64_t i = 0; i < profile->n_columns; i++)
        free(profile->column[i].name);
    free(profile->column);
    *profile = (struct table_profile){0};
}

const char *column_missing_place(const struct column_profile *column, char *to, size_t size)
{
    (void)snprintf(to, size, "%s %lld%s%s", column->missing_in_row ? "row" : "line",
                   (long long)column->missing_line, column->missing_file ? " of " : "",
                   column->missing_file ? column->missing_file : "");
    return to;
}

int64_t table_profile_find(const struct table_profile *profile, const char *name)
{
    for (int64_t i = 0; name && i < profile->n_columns; i++)
        if (strcmp(profile->column[i].name, name) == 0)
            return i;
    return -1;
}

static bool may_lack(const struct table_format *format, const char *name)
{
    for (size_t i = 0; i < format->lacking.n; i++)
        if (strcmp(format->lacking.item[i], name) == 0)
            return true;
    return false;
}

static int64_t n_lacking(const struct table_format *format)
{
    int64_t n = 0;

    for (size_t i = 0; i < format->names.n; i++)
        n += may_lack(format, format->names.item[i]);
    return n;
}

bool table_check_names(const struct table_format *format, const char *path, int64_t n_columns,
                       struct error *error)
{
    int64_t n = (int64_t)format->names.n;

    return n == 0 || n == n_columns || n - n_lacking(format) == n_columns ||
           error_set_at(error, ERROR_INVALID, "data.names", "%zu names where %s has %lld columns",
                        format->names.n, path, (long long)n_columns);
}

const char *table_next_name(const struct table_format *format, int64_t n_columns, size_t *at)
{
    bool whole = (int64_t)format->names.n == n_columns;

    while (*at < format->names.n) {
        const char *name = format->names.item[(*at)++];

        if (whole || !may_lack(format, name))
            return name;
    }
    return NULL;
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
