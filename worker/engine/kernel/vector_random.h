/*
 * Philox and what is drawn from it in vectors, with the rounds of common/random.c, whose bits they
 * have; see vector_kernels.h.
 */
#include "common/random.h"

/* LANES blocks at once. */
INLINE void philox_words(WORDS word[4], uint64_t seed)
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);

    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        WORDS low0, high0, low2, high2;

        u_products(word[0], u_set(PHILOX_FIRST), &low0, &high0);
        u_products(word[2], u_set(PHILOX_SECOND), &low2, &high2);
        word[0] = u_xor(u_xor(high2, word[1]), u_set(k0));
        word[2] = u_xor(u_xor(high0, word[3]), u_set(k1));
        word[1] = low2;
        word[3] = low0;
        k0 += PHILOX_KEY_FIRST;
        k1 += PHILOX_KEY_SECOND;
    }
}

INLINE void mask_words(float *mask, int64_t width, const struct mask_draw *draw, int64_t block)
{
    int64_t i = block / MASK_GROUP_BLOCKS * MASK_GROUP + block % MASK_GROUP_BLOCKS;
    WORDS word[4] = {u_set((uint32_t)draw->row_id), u_set((uint32_t)(draw->row_id >> 32)),
                     u_set((uint32_t)draw->step),
                     u_add(u_set(draw->purpose + (uint32_t)block), u_lanes())};

    philox_words(word, draw->seed);
    for (int k = 0; k < 4 && i < width; k++, i += MASK_GROUP_BLOCKS) {
        VECTOR factor = u_keep(word[k], u_set(draw->threshold), v_set(draw->keep));
        bool whole = i + LANES <= width;

        store(mask + i, factor, v_mask(whole ? LANES : width - i), whole);
    }
}

VECTOR_ISA static void vector_dropout_mask(float *mask, int64_t width, const struct mask_draw *draw)
{
    int64_t groups = (width + MASK_GROUP - 1) / MASK_GROUP;

    for (int64_t block = 0; block < groups * MASK_GROUP_BLOCKS; block += LANES)
        mask_words(mask, width, draw, block);
}

/* ---- a permutation's rounds, see permutation_range() ------------------------------------------*/

/* Several vectors go side by side: each waits for what its own lanes look up. */
#define TURNED 4

INLINE WORDS turn_words(WORDS value, WORDS size, WORDS angle)
{
    WORDS sum = u_add(value, angle);

    return u_min(sum, u_sub(sum, size)); /* which wraps round where sum is below size */
}

VECTOR_ISA static void vector_permutation_rounds(const struct permutation *permutation,
                                                 struct index_lanes *lanes)
{
    WORDS a = u_set(permutation->a), b = u_set(permutation->b), left[TURNED], right[TURNED];

    _Static_assert(PERMUTATION_LANES % (TURNED * LANES) == 0, "no vector is a part of one");
    for (int i = 0; i < PERMUTATION_LANES; i += TURNED * LANES) {
        const uint32_t *angle = permutation->angle;

        UNROLL for (int k = 0; k < TURNED; k++) left[k] = u_load(lanes->left + i + k * LANES);
        UNROLL for (int k = 0; k < TURNED; k++) right[k] = u_load(lanes->right + i + k * LANES);
        for (int round = 0; round < PERMUTATION_ROUNDS; round += 2) {
            UNROLL for (int k = 0; k < TURNED; k++) left[k] =
                turn_words(left[k], a, u_look_up(angle, right[k]));
            angle += permutation->b;
            UNROLL for (int k = 0; k < TURNED; k++) right[k] =
                turn_words(right[k], b, u_look_up(angle, left[k]));
            angle += permutation->a;
        }
        UNROLL for (int k = 0; k < TURNED; k++) u_store(lanes->left + i + k * LANES, left[k]);
        UNROLL for (int k = 0; k < TURNED; k++) u_store(lanes->right + i + k * LANES, right[k]);
    }
}
