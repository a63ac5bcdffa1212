#include "worker/engine/sampling/order.h"

#include <stdlib.h>

#include "common/owner.h"
#include "common/random.h"

struct keyed {
    uint64_t key;
    int64_t row;
};

static int by_key(const void *left, const void *right)
{
    const struct keyed *a = left, *b = right;

    if (a->key != b->key)
        return (a->key > b->key) - (a->key < b->key);
    return (a->row > b->row) - (a->row < b->row);
}

static int by_row(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

    return (a > b) - (a < b);
}

void sampling_sort(int64_t *row, int64_t n)
{
    qsort(row, (size_t)n, sizeof(*row), by_row);
}

bool sampling_order(const uint64_t *row_id, const int32_t *label, int64_t class, uint64_t seed,
                    const struct row_list *rows, int64_t **ret, int64_t *ret_n, struct error *error)
{
    uint32_t purpose = random_purpose("sampling", "order");
    scoped(memory_free) struct keyed *keyed = calloc((size_t)rows->n + 1, sizeof(*keyed));
    scoped(memory_free) int64_t *row = calloc((size_t)rows->n + 1, sizeof(*row));
    int64_t n = 0;

    if (!keyed || !row)
        return error_set(error, ERROR_NO_MEMORY, "choosing training rows");
    for (struct row_walk walk = {.list = rows}; row_walk(&walk);) {
        int64_t at = walk.row;
        struct philox_block block;

        if (label && label[at] != class)
            continue;
        block = random_block(seed, row_id ? row_id[at] : (uint64_t)at, 0, purpose);
        keyed[n++] =
            (struct keyed){.key = (uint64_t)block.word[0] << 32 | block.word[1], .row = at};
    }
    qsort(keyed, (size_t)n, sizeof(*keyed), by_key);
    for (int64_t i = 0; i < n; i++)
        row[i] = keyed[i].row;
    *ret = take(&row);
    *ret_n = n;
    return true;
}
