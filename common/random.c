/*
 * Philox4x32-10 and what is drawn from it. One block of 128 bits belongs to each
 * (seed, element, step, purpose); what one number needs comes from its own block.
 */
#include "common/random.h"

#include "common/hash.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define PHILOX_ROUNDS 10
#define PHILOX_FIRST 0xd2511f53
#define PHILOX_SECOND 0xcd9e8d57
#define PHILOX_KEY_FIRST 0x9e3779b9  /* golden ratio */
#define PHILOX_KEY_SECOND 0xbb67ae85 /* sqrt(3) - 1 */
#define FEISTEL_ROUNDS 8

static inline __attribute__((always_inline)) void
philox_round(uint32_t *c0, uint32_t *c1, uint32_t *c2, uint32_t *c3, uint32_t k0, uint32_t k1)
{
    uint64_t first = (uint64_t)PHILOX_FIRST * *c0, second = (uint64_t)PHILOX_SECOND * *c2;

    *c0 = (uint32_t)(second >> 32) ^ *c1 ^ k0;
    *c2 = (uint32_t)(first >> 32) ^ *c3 ^ k1;
    *c1 = (uint32_t)second;
    *c3 = (uint32_t)first;
}

struct philox_block philox(const uint32_t counter[4], const uint32_t key[2])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];

    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        philox_round(&c0, &c1, &c2, &c3, k0, k1);
        k0 += PHILOX_KEY_FIRST;
        k1 += PHILOX_KEY_SECOND;
    }
    return (struct philox_block){{c0, c1, c2, c3}};
}

uint32_t random_purpose(const char *purpose, const char *name)
{
    /* ("ab", "c") and ("a", "bc") are not the same: each text has a hash of its own */
    uint64_t both[2] = {hash_bytes(purpose, strlen(purpose)), hash_bytes(name, strlen(name))};
    uint64_t hash = hash_bytes(both, sizeof(both));

    return (uint32_t)(hash ^ hash >> 32);
}

struct philox_block random_block(uint64_t seed, uint64_t element, uint64_t step, uint32_t purpose)
{
    const uint32_t counter[4] = {(uint32_t)element, (uint32_t)(element >> 32), (uint32_t)step,
                                 purpose};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};

    return philox(counter, key);
}

static uint64_t low_half(struct philox_block block)
{
    return (uint64_t)block.word[1] << 32 | block.word[0];
}

static uint64_t high_half(struct philox_block block)
{
    return (uint64_t)block.word[3] << 32 | block.word[2];
}

/* [0, 1) with 53 bits. */
static double unit(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

double random_uniform(uint64_t seed, uint64_t element, uint64_t step, uint32_t purpose)
{
    return unit(low_half(random_block(seed, element, step, purpose)));
}

double random_normal(uint64_t seed, uint64_t element, uint64_t step, uint32_t purpose)
{
    struct philox_block block = random_block(seed, element, step, purpose);
    double radius = sqrt(-2.0 * log(1.0 - unit(low_half(block)))); /* 1 - u: never log(0) */

    return radius * cos(2.0 * M_PI * unit(high_half(block)));
}

/* Multiply and reject (Lemire): the high word of bits * n, unless the low word falls into the part
 * that would count twice. A rejected draw continues with the cipher of its own block. */
uint64_t random_below(uint64_t seed, uint64_t element, uint64_t step, uint32_t purpose, uint64_t n)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    struct philox_block block = random_block(seed, element, step, purpose);
    uint64_t refused = (0 - n) % n; /* 2^64 mod n */

    for (;;) {
        __extension__ unsigned __int128 product = (unsigned __int128)low_half(block) * n;
        if ((uint64_t)product >= refused)
            return (uint64_t)(product >> 64);
        block = philox(block.word, key);
    }
}

/* An index is a pair (left, right) with left < a, right < b and a * b hardly more than n. Each
 * round turns one of the two by a number that the other one gives, which can be undone: a
 * bijection. The few results beyond n go through again, until they are below.
 *
 * Several indices go side by side: each waits for its own products, not for the others'. Inlined
 * for a constant number of lanes. */
struct feistel {
    uint64_t seed, step, n;
    uint32_t a, b, purpose;
};

#define LANES 8
#define EACH_LANE(lane, n) for (int lane = 0; lane < (n); lane++)

static inline __attribute__((always_inline)) void turn(const struct feistel *feistel,
                                                       uint32_t value[LANES], uint32_t size,
                                                       const uint32_t by[LANES], uint32_t round,
                                                       int lanes)
{
    uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
    uint32_t k0 = (uint32_t)feistel->seed, k1 = (uint32_t)(feistel->seed >> 32);

    EACH_LANE(lane, lanes)
    {
        c0[lane] = by[lane];
        c1[lane] = round;
        c2[lane] = (uint32_t)feistel->step;
        c3[lane] = feistel->purpose;
    }
    for (int i = 0; i < PHILOX_ROUNDS; i++) {
        EACH_LANE(lane, lanes) philox_round(&c0[lane], &c1[lane], &c2[lane], &c3[lane], k0, k1);
        k0 += PHILOX_KEY_FIRST;
        k1 += PHILOX_KEY_SECOND;
    }
    EACH_LANE(lane, lanes)
    {
        uint64_t sum = value[lane] + (((uint64_t)c0[lane] * size) >> 32);

        value[lane] = (uint32_t)(sum >= size ? sum - size : sum);
    }
}

static inline __attribute__((always_inline)) void permute_lanes(const struct feistel *feistel,
                                                                uint64_t *index, int lanes)
{
    uint32_t left[LANES], right[LANES];

    EACH_LANE(lane, lanes)
    {
        left[lane] = (uint32_t)(index[lane] / feistel->b);
        right[lane] = (uint32_t)(index[lane] % feistel->b);
    }
    for (uint32_t round = 0; round < FEISTEL_ROUNDS; round += 2) {
        turn(feistel, left, feistel->a, right, round, lanes);
        turn(feistel, right, feistel->b, left, round + 1, lanes);
    }
    EACH_LANE(lane, lanes) index[lane] = (uint64_t)left[lane] * feistel->b + right[lane];
}

static uint64_t permute_until_below(const struct feistel *feistel, uint64_t index)
{
    while (index >= feistel->n)
        permute_lanes(feistel, &index, 1);
    return index;
}

static struct feistel feistel_of(uint64_t seed, uint64_t step, uint32_t purpose, uint64_t n)
{
    const uint64_t a = (uint64_t)ceil(sqrt((double)n)), b = (n + a - 1) / a;

    assert(n > 0 && n <= (uint64_t)1 << 62);
    return (struct feistel){
        .seed = seed, .step = step, .n = n, .a = (uint32_t)a, .b = (uint32_t)b, .purpose = purpose};
}

uint64_t random_permute(uint64_t seed, uint64_t step, uint32_t purpose, uint64_t n, uint64_t index)
{
    const struct feistel feistel = feistel_of(seed, step, purpose, n);

    assert(index < n);
    permute_lanes(&feistel, &index, 1);
    return permute_until_below(&feistel, index);
}

void random_permute_range(uint64_t seed, uint64_t step, uint32_t purpose, uint64_t n,
                          uint64_t first, size_t count, uint64_t *ret_index)
{
    const struct feistel feistel = feistel_of(seed, step, purpose, n);

    assert(first <= n && count <= n - first);
    for (size_t done = 0; done < count; done += LANES) {
        size_t lanes = count - done < LANES ? count - done : LANES;
        uint64_t index[LANES] = {0};

        for (size_t lane = 0; lane < lanes; lane++)
            index[lane] = first + done + lane;
        permute_lanes(&feistel, index, LANES);
        for (size_t lane = 0; lane < lanes; lane++)
            ret_index[done + lane] = permute_until_below(&feistel, index[lane]);
    }
}
