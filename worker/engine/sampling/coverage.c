#include "worker/engine/sampling/sampling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"

static bool append(struct buffer *text, int64_t found, int64_t all, const char *what,
                   struct error *error)
{
    return buffer_append_format(text, error, "%s%lld of %lld %s", text->size > 0 ? ", " : "",
                                (long long)found, (long long)all, what);
}

/* How many different codes the rows have. */
static bool cover_codes(const int32_t *code, int32_t n_codes, const struct row_list *rows,
                        const char *what, struct buffer *text, struct error *error)
{
    scoped(memory_free) bool *seen = calloc((size_t)n_codes + 1, sizeof(*seen));
    int64_t found = 0;

    if (!seen)
        return error_set(error, ERROR_NO_MEMORY, "looking at what rows cover");
    for (struct row_walk at = {.list = rows}; row_walk(&at);)
        seen[code[at.row]] = true;
    for (int32_t i = 0; i < n_codes; i++)
        found += seen[i];
    return append(text, found, n_codes, what, error);
}

/* The n-th of the names that '/' joins; size 0: there are not so many. */
static const char *part_of(const char *name, int n, size_t *ret_size)
{
    for (; n > 0 && name; n--) {
        name = strchr(name, '/');
        name = name ? name + 1 : NULL;
    }
    *ret_size = name ? strcspn(name, "/") : 0;
    return name;
}

/* Codes of one column of a key of several; *ret_n 0: there is no such column. */
static bool split_codes(const struct dataset *dataset, int part, int32_t **ret, int32_t *ret_n,
                        struct error *error)
{
    scoped(dictionary_release) struct dictionary names = {0};
    scoped(memory_free) int32_t *of = calloc((size_t)dataset->groups.n + 1, sizeof(*of));
    scoped(memory_free) int32_t *code = calloc((size_t)dataset->n_rows + 1, sizeof(*code));

    if (!of || !code)
        return error_set(error, ERROR_NO_MEMORY, "looking at what rows cover");
    *ret_n = 0;
    for (int32_t i = 0; i < dataset->groups.n; i++) {
        size_t size;
        const char *name = part_of(dataset->groups.text[i], part, &size);

        if (size == 0)
            return true;
        if (!dictionary_add(&names, name, size, &of[i], error))
            return false;
    }
    for (int64_t row = 0; row < dataset->n_rows; row++)
        code[row] = of[dataset->group[row]];
    *ret = take(&code);
    *ret_n = names.n;
    return true;
}

static bool cover_key(const struct dataset *dataset, const struct row_list *rows,
                      struct buffer *text, struct error *error)
{
    for (int part = 0; part < 16; part++) {
        scoped(memory_free) int32_t *code = NULL;
        char what[48];
        int32_t n;

        if (!split_codes(dataset, part, &code, &n, error))
            return false;
        if (n == 0)
            return true;
        (void)snprintf(what, sizeof(what), "in its column %d", part + 1);
        if (!cover_codes(code, n, rows, what, text, error))
            return false;
    }
    return true;
}

bool sampling_coverage(const struct dataset *dataset, const struct row_list *rows,
                       struct buffer *text, struct error *error)
{
    if (dataset->label &&
        !cover_codes(dataset->label, dataset->classes.n, rows, "classes", text, error))
        return false;
    if (!dataset->group)
        return true;
    return cover_codes(dataset->group, dataset->groups.n, rows, "groups", text, error) &&
           (dataset->groups.n == 0 || !strchr(dataset->groups.text[0], '/') ||
            cover_key(dataset, rows, text, error));
}
