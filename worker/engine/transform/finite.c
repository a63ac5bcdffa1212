#include "worker/engine/transform/finite.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "common/owner.h"
#include "worker/engine/dataset/row_list.h"
#include "worker/engine/dataset/window.h"
#include "worker/engine/transform/apply.h"
#include "worker/engine/transform/row_stream.h"
#include "worker/engine/transform/select.h"

#define COLUMNS_TOLD 5
#define LARGEST (sizeof(real) == sizeof(float) ? (double)FLT_MAX : DBL_MAX)

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "looking at prepared values");
}

struct trouble {    /* of a column */
    int64_t n, row; /* values; where the first is */
};

/* Whether the values of a window are those of its rows: each is looked at once then, and not in
 * every window that it lies in. */
static bool rows_will_do(const struct preparation *preparation)
{
    for (int64_t i = 0; i < preparation->n_transforms; i++) {
        const struct transform *transform = &preparation->transform[i];
        bool alone = !transform->kind->apply && (!transform->kind->along || transform->stored);

        if (!alone && transform->kind->apply != select_apply)
            return false;
    }
    return true;
}

/* Kinds that are fitted to the values make no large ones of them, and to look at all that they make
 * would cost as much as to fit them. */
static bool may_grow(const struct preparation *preparation)
{
    for (int64_t i = 0; i < preparation->n_transforms; i++)
        if (preparation->transform[i].kind->grows)
            return true;
    return false;
}

static bool all_finite(const double *x, int64_t n)
{
    bool all = true;

    for (int64_t i = 0; i < n; i++)
        all &= fabs(x[i]) <= LARGEST; /* NAN is not */
    return all;
}

static void take_window(struct row_list *list, int64_t row)
{
    list->row[list->n++] = row;
}

/* As few of the windows as their rows lie in: most overlap, and each costs what it does in
 * training. */
static bool thin_out(const struct row_list *windows, int64_t length, struct row_list *ret,
                     struct error *error)
{
    int64_t last = -length - 1, before = last;

    ret->row = calloc((size_t)windows->n + 1, sizeof(*ret->row));
    if (!ret->row)
        return no_memory(error);
    for (struct row_walk at = {.list = windows}; row_walk(&at); before = at.row) {
        if (at.row - last > length && before != last)
            take_window(ret, last = before);
        if (at.row - last > length)
            take_window(ret, last = at.row);
    }
    if (before != last)
        take_window(ret, before);
    return true;
}

static void look(const struct block *block, const int64_t *row, struct trouble *trouble)
{
    int64_t n = block_rows(block);

    for (int64_t j = 0; j < block->width; j++) {
        const double *x = block_column(block, j);

        if (all_finite(x, n))
            continue;
        for (int64_t i = 0; i < n; i++)
            if (!all_finite(x + i, 1) && trouble[j].n++ == 0)
                trouble[j].row = row[i / block->steps];
    }
}

static void tell(const struct prepared_parts *parts, bool windows, const struct trouble *trouble,
                 struct warning_list *warnings)
{
    int told = 0;

    for (int64_t j = 0; j < parts->preparation->width && told < COLUMNS_TOLD; j++) {
        if (trouble[j].n == 0)
            continue;
        warning_add(warnings, parts->preparation->column[j].name, (double)trouble[j].n,
                    "%s%lld value%s not finite once prepared, the first in %srow %lld of %s: a "
                    "transform makes more of it than a float%zu holds",
                    windows ? "at least " : "", (long long)trouble[j].n,
                    trouble[j].n == 1 ? " is" : "s are", windows ? "the window of " : "",
                    (long long)dataset_file_row(parts->dataset, trouble[j].row),
                    parts->dataset->path, 8 * sizeof(real));
        told++;
    }
}

static bool look_at_part(struct applier *applier, const struct row_list *part,
                         const struct window_config *window, struct trouble *trouble,
                         struct error *error)
{
    scoped(row_list_release) struct row_list thin = {0};
    const struct row_stream stream = {applier, window ? &thin : part, window};
    const struct block *block;
    const int64_t *row;

    if (window && !thin_out(part, window->length, &thin, error))
        return false;
    for (int64_t at = 0; (block = row_stream_next(&stream, &at, &row));)
        look(block, row, trouble);
    return true;
}

bool finite_warn(const struct prepared_parts *parts, struct warning_list *warnings,
                 struct error *error)
{
    const struct window_config *window = rows_will_do(parts->preparation) ? NULL : parts->window;
    const struct split *split = window ? parts->windows : parts->rows;
    scoped(memory_free) struct trouble *trouble =
        calloc((size_t)parts->preparation->width + 1, sizeof(*trouble));
    scoped(applier_free) struct applier *applier = NULL;

    if (!trouble)
        return no_memory(error);
    if (!may_grow(parts->preparation)) /* the source's own were looked at when they were read */
        return true;
    if (!applier_make(parts->preparation, parts->dataset, parts->stretches, &applier, error))
        return false;
    for (int part = 0; part < SPLIT_PART_COUNT; part++)
        if (!look_at_part(applier, &split->part[part], window, trouble, error))
            return false;
    tell(parts, window != NULL, trouble, warnings);
    return true;
}
