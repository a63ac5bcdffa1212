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
