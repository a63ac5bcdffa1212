/*
 * Hashes of ids are sorted and compared with their neighbours: of as many ids at a time as memory
 * allows, those whose hash leaves the pass's remainder. Ids of equal hashes are compared
 * themselves.
 */
#include "worker/engine/prepared/unique.h"

#include <stdlib.h>

#include "common/buffer.h"
#include "common/owner.h"
#include "worker/engine/prepared/order.h"

#define IDS_OF_A_PASS ((int64_t)2 * 1024 * 1024)
#define FORGOTTEN_ROWS ((int64_t)1024 * 1024) /* read before their pages may go */

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 32) * 0x9e3779b97f4a7c15ULL;
    x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9ULL;
    return x ^ x >> 32;
}

static uint64_t part_of_id(const struct id *id, int64_t row)
{
    return id->integer ? (uint64_t)id->integer[row] : (uint64_t)(uint32_t)id->code[row];
}

static uint64_t hash_of(const struct dataset *dataset, int64_t row)
{
    uint64_t hash = 0;

    for (int64_t i = 0; i < dataset->n_ids; i++)
        hash = mix(hash ^ mix(part_of_id(&dataset->id[i], row) + (uint64_t)i));
    return hash;
}

static bool same_id(const struct dataset *dataset, int64_t a, int64_t b)
{
    for (int64_t i = 0; i < dataset->n_ids; i++)
        if (part_of_id(&dataset->id[i], a) != part_of_id(&dataset->id[i], b))
            return false;
    return true;
}

static bool twice(const struct dataset *dataset, int64_t a, int64_t b, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    int64_t first = dataset_file_row(dataset, a), second = dataset_file_row(dataset, b);

    if (!dataset_write_id(dataset, a, &text, error))
        return false;
    return error_set_at(error, ERROR_INVALID, "data.id", "'%s' stands in rows %lld and %lld of %s",
                        text.data, (long long)(first < second ? first : second),
                        (long long)(first < second ? second : first), dataset->path);
}

bool unique_check(const struct dataset *dataset, struct error *error)
{
    int64_t n_rows = dataset->n_rows, n_passes = n_rows / IDS_OF_A_PASS + 1;
    int64_t room = n_passes == 1 ? n_rows : IDS_OF_A_PASS * 2;
    scoped(memory_free) struct order_key *item = malloc(((size_t)room + 1) * sizeof(*item));
    scoped(memory_free) struct order_key *scratch = malloc(((size_t)room + 1) * sizeof(*scratch));

    if (dataset->n_ids == 0)
        return true;
    if (!item || !scratch)
        return error_set(error, ERROR_NO_MEMORY, "looking for ids that stand twice");
    for (int64_t pass = 0; pass < n_passes; pass++) {
        int64_t n = 0;

        for (int64_t row = 0; row < n_rows && n < room; row++) {
            uint64_t hash = hash_of(dataset, row);

            if (row % FORGOTTEN_ROWS == FORGOTTEN_ROWS - 1)
                dataset_forget_pages(dataset);
            if ((int64_t)(hash % (uint64_t)n_passes) == pass)
                item[n++] = (struct order_key){.key = hash, .index = (uint32_t)row};
        }
        order_sort(item, scratch, n);
        for (int64_t i = 1; i < n; i++)
            if (item[i].key == item[i - 1].key &&
                same_id(dataset, item[i].index, item[i - 1].index))
                return twice(dataset, item[i - 1].index, item[i].index, error);
    }
    return true;
}
