#include "worker/engine/order.h"

#include "common/random.h"

#define CHUNK 64

int64_t order_steps(const struct order *order)
{
    int64_t whole = order->list->n / order->batch;

    return whole + (order->last != LAST_BATCH_DROP && order->list->n % order->batch > 0);
}

/* Places first .. first + n - 1 of the epoch's order; first + n does not go beyond its end. */
static void fill_run(const struct order *order, int64_t epoch, int64_t first, int64_t n,
                     int64_t *ret_row)
{
    uint32_t purpose = random_purpose("shuffle", "train");
    uint64_t index[CHUNK];

    for (int64_t done = 0; done < n; done += CHUNK) {
        int64_t some = n - done < CHUNK ? n - done : CHUNK;

        if (order->shuffle)
            random_permute_range(order->seed, (uint64_t)epoch, purpose, (uint64_t)order->list->n,
                                 (uint64_t)(first + done), (size_t)some, index);
        else
            row_list_copy(order->list, first + done, some, ret_row + done);
        for (int64_t i = 0; order->shuffle && i < some; i++)
            ret_row[done + i] = row_list_at(order->list, (int64_t)index[i]);
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
