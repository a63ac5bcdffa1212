#include "worker/engine/transform/row_stream.h"

#include <math.h>
#include <stdlib.h>

#include "common/owner.h"
#include "worker/engine/dataset/window.h"

const struct block *row_stream_next(const struct row_stream *stream, int64_t *at,
                                    const int64_t **ret_row)
{
    int64_t *row = applier_row_room(stream->applier);
    int64_t n = stream->rows->n - *at, most = applier_block_samples(stream->applier);
    const struct block *block;

    if (n == 0)
        return NULL;
    n = n < most ? n : most;
    row_list_copy(stream->rows, *at, n, row);
    if (ret_row)
        *ret_row = row;
    block = stream->window ? applier_windows(stream->applier, stream->window, row, n)
                           : applier_rows(stream->applier, row, n);
    *at += block->n;
    return block;
}

int64_t row_stream_block_rows(const struct row_stream *stream)
{
    return applier_block_rows(stream->applier);
}

bool row_stream_refuse_empty(const struct fitting *fitting, int64_t i, struct error *error)
{
    return error_set_at(error, ERROR_INVALID, "data.features",
                        "'%s' has no value in any training row",
                        fitting->layout->column[fitting->transform->column[i]].name);
}

/* ---- figures ----------------------------------------------------------------------------------*/

struct moments {
    int64_t n;
    double mean, squares; /* of distances from the mean */
};

/* Chan, Golub and LeVeque's update: what was seen, and what is new, as if seen together. */
static void merge(struct moments *into, const struct moments *with)
{
    double n = (double)(into->n + with->n), distance = with->mean - into->mean;

    if (with->n == 0)
        return;
    into->mean += distance * (double)with->n / n;
    into->squares += with->squares + distance * distance * (double)into->n * (double)with->n / n;
    into->n += with->n;
}

/* Two passes over values that are in the cache cost less than one with a division a value. */
static void look(const double *x, int64_t n, struct moments *moments,
                 struct column_figures *figures)
{
    struct moments here = {0};
    double sum = 0, low = figures->minimum, high = figures->maximum;

    for (int64_t i = 0; i < n; i++) {
        if (isnan(x[i]))
            continue;
        here.n++;
        sum += x[i];
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    figures->minimum = low;
    figures->maximum = high;
    if (here.n == 0)
        return;
    here.mean = sum / (double)here.n;
    for (int64_t i = 0; i < n; i++)
        here.squares += isnan(x[i]) ? 0 : (x[i] - here.mean) * (x[i] - here.mean);
    merge(moments, &here);
}

bool row_stream_figures(const struct row_stream *stream, const int64_t *column, int64_t n,
                        struct column_figures *ret, struct error *error)
{
    scoped(memory_free) struct moments *moments = calloc((size_t)n + 1, sizeof(*moments));
    const struct block *block;
    int64_t at = 0;

    if (!moments)
        return error_set(error, ERROR_NO_MEMORY, "looking at training rows");
    for (int64_t i = 0; i < n; i++)
        ret[i] = (struct column_figures){.minimum = (double)INFINITY, .maximum = -(double)INFINITY};
    while ((block = row_stream_next(stream, &at, NULL)))
        for (int64_t i = 0; i < n; i++) {
            look(block_column(block, column[i]), block_rows(block), &moments[i], &ret[i]);
            ret[i].n_missing += block_rows(block);
        }
    for (int64_t i = 0; i < n; i++) {
        ret[i].n = moments[i].n;
        ret[i].n_missing -= moments[i].n;
        ret[i].mean = moments[i].mean;
        /* a constant's mean is rounded, and so would its deviation be */
        if (ret[i].minimum == ret[i].maximum)
            ret[i].mean = ret[i].minimum;
        else if (ret[i].n > 0)
            ret[i].sd = sqrt(moments[i].squares / (double)ret[i].n);
    }
    return true;
}
