/*
 * Philox4x32-10 and what is drawn from it. One block of 128 bits belongs to each
 * (seed, element, step, purpose); what one number needs comes from its own block.
 */
#include "common/random.h"

#include "common/hash.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

struct philox_block philox(const uint32_t counter[4], const uint32_t key[2])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];

    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t first = (uint64_t)PHILOX_FIRST * c0, second = (uint64_t)PHILOX_SECOND * c2;

        c0 = (uint32_t)(second >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(first >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)second;
        c3 = (uint32_t)first;
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
 * bijection. The few results beyond n go through again, until they are below. */
struct feistel {
    uint64_t seed, step;
    uint32_t purpose, a, b;
};

static struct feistel feistel_of(uint64_t seed, uint64_t step, uint32_t purpose, uint64_t n)
{
    const uint64_t a = (uint64_t)ceil(sqrt((double)n)), b = (n + a - 1) / a;

    assert(n > 0 && n <= (uint64_t)1 << 62);
    return (struct feistel){
        .seed = seed, .step = step, .purpose = purpose, .a = (uint32_t)a, .b = (uint32_t)b};
}

/* By how much `by` turns what is below `size`. */
static uint32_t angle(const struct feistel *feistel, uint32_t round, uint32_t by, uint32_t size)
{
    uint64_t element = (uint64_t)round << 32 | by;
    struct philox_block block =
        random_block(feistel->seed, element, feistel->step, feistel->purpose);

    return (uint32_t)(((uint64_t)block.word[0] * size) >> 32);
}

static inline uint64_t turn(uint64_t value, uint64_t size, uint64_t angle)
{
    uint64_t sum = value + angle, back = sum - size; /* which wraps round where sum is below size */

    return back < sum ? back : sum;
}

static uint64_t permute_once(const struct feistel *feistel, uint64_t index)
{
    uint32_t a = feistel->a, b = feistel->b;
    uint64_t left = index / b, right = index % b;

    for (uint32_t round = 0; round < PERMUTATION_ROUNDS; round += 2) {
        left = turn(left, a, angle(feistel, round, (uint32_t)right, a));
        right = turn(right, b, angle(feistel, round + 1, (uint32_t)left, b));
    }
    return left * b + right;
}

uint64_t random_permute(uint64_t seed, uint64_t step, uint32_t purpose, uint64_t n, uint64_t index)
{
    const struct feistel feistel = feistel_of(seed, step, purpose, n);

    assert(index < n);
    do
        index = permute_once(&feistel, index);
    while (index >= n);
    return index;
}

/* ---- a whole permutation ----------------------------------------------------------------------*/

void permutation_release(struct permutation *permutation)
{
    free(permutation->angle);
    *permutation = (struct permutation){0};
}

bool permutation_init(struct permutation *ret_permutation, uint64_t n, struct error *error)
{
    const struct feistel feistel = feistel_of(0, 0, 0, n);
    size_t angles = ((size_t)feistel.a + feistel.b) * (PERMUTATION_ROUNDS / 2);
    uint32_t *angle = malloc(angles * sizeof(*angle));

    if (!angle)
        return error_set(error, ERROR_NO_MEMORY, "shuffling %" PRIu64 " rows", n);
    *ret_permutation = (struct permutation){
        .n = n, .a = feistel.a, .b = feistel.b, .angle = angle, .rounds = permutation_rounds};
    return true;
}

void permutation_draw(struct permutation *permutation, uint64_t seed, uint64_t step,
                      uint32_t purpose)
{
    const struct feistel feistel = feistel_of(seed, step, purpose, permutation->n);
    uint32_t *to = permutation->angle;

    for (uint32_t round = 0; round < PERMUTATION_ROUNDS; round += 2) {
        for (uint32_t by = 0; by < feistel.b; by++)
            *to++ = angle(&feistel, round, by, feistel.a);
        for (uint32_t by = 0; by < feistel.a; by++)
            *to++ = angle(&feistel, round + 1, by, feistel.b);
    }
}

/* Several indices go side by side: each waits for what its own halves look up, not for the others'.
 */
#define TOGETHER 8
#define EACH(k) UNROLL for (int k = 0; k < TOGETHER; k++)

static inline void turn_together(const struct permutation *permutation, uint32_t *left_half,
                                 uint32_t *right_half)
{
    uint64_t a = permutation->a, b = permutation->b, left[TOGETHER], right[TOGETHER];
    const uint32_t *of_right = permutation->angle, *of_left = of_right + b;

    EACH(k) left[k] = left_half[k];
    EACH(k) right[k] = right_half[k];
    for (int round = 0; round < PERMUTATION_ROUNDS; round += 2) {
        EACH(k) left[k] = turn(left[k], a, of_right[right[k]]);
        EACH(k) right[k] = turn(right[k], b, of_left[left[k]]);
        of_right += a + b;
        of_left += a + b;
    }
    EACH(k) left_half[k] = (uint32_t)left[k];
    EACH(k) right_half[k] = (uint32_t)right[k];
}

void permutation_rounds(const struct permutation *permutation, struct index_lanes *lanes)
{
    for (int k = 0; k < PERMUTATION_LANES; k += TOGETHER)
        turn_together(permutation, lanes->left + k, lanes->right + k);
}

/* One that lies beyond the end goes through until it does not. */
static uint64_t look_up_again(const struct permutation *permutation, uint64_t index)
{
    uint32_t b = permutation->b;

    while (index >= permutation->n) {
        uint32_t left[TOGETHER] = {(uint32_t)(index / b)},
                 right[TOGETHER] = {(uint32_t)(index % b)};

        turn_together(permutation, left, right);
        index = (uint64_t)left[0] * b + right[0];
    }
    return index;
}

void permutation_range(const struct permutation *permutation, uint64_t first, size_t count,
                       uint64_t *ret_index)
{
    uint32_t b = permutation->b;
    uint32_t left = (uint32_t)(first / b), right = (uint32_t)(first % b);
    struct index_lanes at = {0};

    assert(first <= permutation->n && count <= permutation->n - first);
    for (size_t done = 0; done < count; done += PERMUTATION_LANES) {
        size_t lanes = count - done < PERMUTATION_LANES ? count - done : PERMUTATION_LANES;

        for (size_t k = 0; k < lanes; k++) {
            at.left[k] = left;
            at.right[k] = right;
            right = right + 1 < b ? right + 1 : 0;
            left += right == 0;
        }
        permutation->rounds(permutation, &at);
        for (size_t k = 0; k < lanes; k++) {
            uint64_t index = (uint64_t)at.left[k] * b + at.right[k];

            ret_index[done + k] =
                index < permutation->n ? index : look_up_again(permutation, index);
        }
    }
}
