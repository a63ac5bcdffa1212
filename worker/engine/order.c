#include "worker/engine/order.h"

#include "common/random.h"
#include "worker/engine/kernel/kernel.h"

int64_t order_steps(const struct order *order)
{
    int64_t whole = order->list->n / order->batch;

    return whole + (order->last != LAST_BATCH_DROP && order->list->n % order->batch > 0);
}

/* Places first .. first + n - 1 of the epoch's order; first + n does not go beyond its end. */
static void fill_run(const struct order *order, int64_t epoch, int64_t first, int64_t n,
                     int64_t *ret_row)
{
    const struct permutation permutation = {.seed = order->seed,
                                            .step = (uint64_t)epoch,
                                            .n = (uint64_t)order->list->n,
                                            .purpose = random_purpose("shuffle", "train")};

    if (!order->shuffle) {
        row_list_copy(order->list, first, n, ret_row);
        return;
    }
    kernel_pick()->permute(&permutation, (uint64_t)first, n, (uint64_t *)ret_row);
    for (int64_t i = 0; i < n; i++)
        ret_row[i] = row_list_at(order->list, ret_row[i]);
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

int64_t order_fill(const struct order *order, int64_t epoch, int64_t batch, int64_t *ret_row)
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
