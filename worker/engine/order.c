#include "worker/engine/order.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/kernel/kernel.h"

#define ASKED_AHEAD 24 /* of the memory: where a list of rows is read */

int64_t order_steps(const struct order *order)
{
    int64_t whole = order->list->n / order->batch;

    return whole + (order->last != LAST_BATCH_DROP && order->list->n % order->batch > 0);
}

static void short_rows_release(struct short_rows *rows)
{
    free(rows->first);
    free(rows->beyond);
    *rows = (struct short_rows){0};
}

/* Whether no row lies further from the first ones than can be told. */
static bool shorten(const struct row_list *list, struct short_rows *rows)
{
    for (int64_t i = 0; i < list->n; i++) {
        int64_t *first = &rows->first[i / SHORT_ROWS];

        if (i % SHORT_ROWS == 0)
            *first = list->row[i];
        if (list->row[i] < *first || list->row[i] - *first > UINT16_MAX)
            return false;
        rows->beyond[i] = (uint16_t)(list->row[i] - *first);
    }
    return true;
}

static bool short_rows_make(const struct row_list *list, struct short_rows *ret_rows,
                            struct error *error)
{
    int64_t firsts = (list->n + SHORT_ROWS - 1) / SHORT_ROWS;
    scoped(short_rows_release) struct short_rows rows = {0};

    if (!list->row)
        return true;
    rows.first = malloc((size_t)firsts * sizeof(*rows.first));
    rows.beyond = malloc((size_t)list->n * sizeof(*rows.beyond));
    if (!rows.first || !rows.beyond)
        return error_set(error, ERROR_NO_MEMORY, "shuffling %" PRId64 " rows", list->n);
    if (!shorten(list, &rows))
        return true;
    *ret_rows = rows;
    rows = (struct short_rows){0};
    return true;
}

void order_release(struct order *order)
{
    permutation_release(&order->permutation);
    short_rows_release(&order->rows);
}

bool order_prepare(struct order *order, struct error *error)
{
    order->drawn.epoch = -1;
    if (!order->shuffle || order->list->n == 0)
        return true;
    if (!permutation_init(&order->permutation, (uint64_t)order->list->n, error))
        return false;
    order->permutation.rounds = kernel_pick()->permutation_rounds;
    return short_rows_make(order->list, &order->rows, error);
}

/* Whether the permutation is that of the epoch. */
static bool is_drawn(const struct order *order, int64_t epoch)
{
    return order->drawn.epoch == epoch && order->drawn.seed == order->seed;
}

/* From places in the list to the rows that it has there. */
static void find(const struct row_list *list, int64_t n, int64_t *row)
{
    for (int64_t i = 0; i < n; i++) {
        if (list->row && i + ASKED_AHEAD < n)
            __builtin_prefetch(list->row + row[i + ASKED_AHEAD]);
        row[i] = row_list_at(list, row[i]);
    }
}

static void find_short(const struct short_rows *rows, int64_t n, int64_t *row)
{
    for (int64_t i = 0; i < n; i++) {
        if (i + ASKED_AHEAD < n)
            __builtin_prefetch(rows->beyond + row[i + ASKED_AHEAD]);
        row[i] = rows->first[row[i] / SHORT_ROWS] + rows->beyond[row[i]];
    }
}

/* The rows at places `first` and after it. */
static void draw(struct order *order, int64_t epoch, int64_t first)
{
    const struct row_list *list = order->list;
    struct order_drawn *drawn = &order->drawn;

    if (!is_drawn(order, epoch))
        permutation_draw(&order->permutation, order->seed, (uint64_t)epoch,
                         random_purpose("shuffle", "train"));
    drawn->seed = order->seed;
    drawn->epoch = epoch;
    drawn->first = first;
    drawn->n = list->n - first < ORDER_DRAWN ? list->n - first : ORDER_DRAWN;
    permutation_range(&order->permutation, (uint64_t)first, (size_t)drawn->n,
                      (uint64_t *)drawn->row);
    if (order->rows.beyond)
        find_short(&order->rows, drawn->n, drawn->row);
    else
        find(list, drawn->n, drawn->row);
}

/* Places first .. first + n - 1 of the epoch's order; first + n does not go beyond its end. */
static void fill_run(struct order *order, int64_t epoch, int64_t first, int64_t n, int64_t *ret_row)
{
    const struct order_drawn *drawn = &order->drawn;

    if (!order->shuffle) {
        row_list_copy(order->list, first, n, ret_row);
        return;
    }
    for (int64_t count; n > 0; first += count, ret_row += count, n -= count) {
        if (!is_drawn(order, epoch) || first < drawn->first || first >= drawn->first + drawn->n)
            draw(order, epoch, first);
        count = drawn->first + drawn->n - first;
        count = count < n ? count : n;
        memcpy(ret_row, drawn->row + (first - drawn->first), (size_t)count * sizeof(*ret_row));
    }
}

/* The first stretches have one row more than the others where the list does not divide. */
static int64_t fill_lanes(const struct order *order, int64_t batch, int64_t *ret_row)
{
    int64_t length = order->list->n / order->batch, more = order->list->n % order->batch, row = 0;

    more = order->last == LAST_BATCH_DROP ? 0 : more;
    for (; row < (batch < length ? order->batch : more); row++)
        ret_row[row] = row_list_at(order->list, row * length + (row < more ? row : more) + batch);
    return row;
}

int64_t order_fill(struct order *order, int64_t epoch, int64_t batch, int64_t *ret_row)
{
    int64_t first = batch * order->batch, left = order->list->n - first;
    int64_t rows = left < order->batch ? left : order->batch;

    if (order->lanes)
        return fill_lanes(order, batch, ret_row);
    fill_run(order, epoch, first, rows, ret_row);
    while (order->last == LAST_BATCH_PAD && rows < order->batch) {
        int64_t room = order->batch - rows;
        int64_t n = room < order->list->n ? room : order->list->n;

        fill_run(order, epoch, 0, n, ret_row + rows);
        rows += n;
    }
    return rows;
}
