#include "daemon/tally.h"

#include <stdlib.h>

#define SLOTS_FIRST 64

struct tally_slot {
    uint64_t key;
    int64_t count; /* 0: free */
};

void tally_release(struct tally *tally)
{
    free(tally->slot);
    *tally = (struct tally){0};
}

static struct tally_slot *slot_of(const struct tally *tally, uint64_t key)
{
    size_t i = key % tally->n_slots;

    while (tally->slot[i].count && tally->slot[i].key != key)
        i = (i + 1) % tally->n_slots;
    return &tally->slot[i];
}

static bool grow(struct tally *tally, struct error *error)
{
    struct tally larger = {.n = tally->n,
                           .n_slots = tally->n_slots ? 2 * tally->n_slots : SLOTS_FIRST};

    larger.slot = calloc(larger.n_slots, sizeof(*larger.slot));
    if (!larger.slot)
        return error_set(error, ERROR_NO_MEMORY, "counting");
    for (size_t i = 0; i < tally->n_slots; i++)
        if (tally->slot[i].count)
            *slot_of(&larger, tally->slot[i].key) = tally->slot[i];
    tally_release(tally);
    *tally = larger;
    return true;
}

bool tally_add(struct tally *tally, uint64_t key, int64_t *ret_before, struct error *error)
{
    struct tally_slot *slot;

    if (2 * tally->n >= tally->n_slots && !grow(tally, error))
        return false;
    slot = slot_of(tally, key);
    tally->n += slot->count == 0;
    slot->key = key;
    *ret_before = slot->count++;
    return true;
}
