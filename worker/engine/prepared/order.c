#include "worker/engine/prepared/order.h"

#include <stdbool.h>
#include <string.h>

#define DIGIT_BITS 11
#define DIGITS (1 << DIGIT_BITS)

uint64_t order_of_real(double value)
{
    uint64_t bits;

    value += 0.0; /* -0 and 0 are one time */
    memcpy(&bits, &value, sizeof(bits));
    return bits >> 63 ? ~bits : bits | 1ULL << 63;
}

static uint32_t digit(const struct order_key *item, int shift)
{
    return (uint32_t)((shift < 64 ? item->key >> shift : (uint64_t)item->major >> (shift - 64)) &
                      (DIGITS - 1));
}

/* False: all items have the same digit, and nothing was moved. */
static bool deal(const struct order_key *from, struct order_key *to, int64_t n, int shift)
{
    int64_t place[DIGITS] = {0};

    for (int64_t i = 0; i < n; i++)
        place[digit(&from[i], shift)]++;
    if (place[digit(&from[0], shift)] == n)
        return false;
    for (int64_t i = 0, sum = 0; i < DIGITS; i++) {
        int64_t count = place[i];

        place[i] = sum;
        sum += count;
    }
    for (int64_t i = 0; i < n; i++)
        to[place[digit(&from[i], shift)]++] = from[i];
    return true;
}

void order_sort(struct order_key *item, struct order_key *scratch, int64_t n)
{
    struct order_key *from = item, *to = scratch;

    for (int shift = 0; n > 1 && shift < 96; shift += shift == 55 ? 9 : DIGIT_BITS) {
        if (!deal(from, to, n, shift))
            continue;
        from = to;
        to = from == item ? scratch : item;
    }
    if (from != item)
        memcpy(item, from, (size_t)n * sizeof(*item));
}
