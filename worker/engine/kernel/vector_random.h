/*
 * Philox and what is drawn from it in vectors, with the rounds of common/random.c, whose bits they
 * have; see vector_kernels.h.
 */
#define PHILOX_ROUNDS 10
#define PHILOX_FIRST 0xd2511f53
#define PHILOX_SECOND 0xcd9e8d57
#define PHILOX_KEY_FIRST 0x9e3779b9
#define PHILOX_KEY_SECOND 0xbb67ae85
#define FEISTEL_ROUNDS 8

/* ---- masks ------------------------------------------------------------------------------------*/

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

/* ---- permutations -----------------------------------------------------------------------------*/

#define PERMUTED_VECTORS (LANES / 4) /* side by side: each waits for its own products */
#define PERMUTED (PERMUTED_VECTORS * DOUBLE_LANES)
#define EACH_VECTOR(v) UNROLL for (int v = 0; v < PERMUTED_VECTORS; v++)

/* Half of an index is turned by a number that the other half gives. Each lane of 64 bits has one
 * word: products take its low half, whatever lies above. */
INLINE void turn(WORDS value[PERMUTED_VECTORS], uint32_t size, const WORDS by[PERMUTED_VECTORS],
                 const struct permutation *permutation, uint32_t round)
{
    WORDS c0[PERMUTED_VECTORS], c1[PERMUTED_VECTORS], c2[PERMUTED_VECTORS], c3[PERMUTED_VECTORS];
    uint32_t k0 = (uint32_t)permutation->seed, k1 = (uint32_t)(permutation->seed >> 32);

    EACH_VECTOR(v)
    {
        c0[v] = by[v];
        c1[v] = w_set(round);
        c2[v] = w_set((uint32_t)permutation->step);
        c3[v] = w_set(permutation->purpose);
    }
    for (int i = 0; i < PHILOX_ROUNDS; i++) {
        EACH_VECTOR(v)
        {
            WORDS first = w_product(c0[v], w_set(PHILOX_FIRST));
            WORDS second = w_product(c2[v], w_set(PHILOX_SECOND));

            c0[v] = u_xor(u_xor(w_high(second), c1[v]), w_set(k0));
            c2[v] = u_xor(u_xor(w_high(first), c3[v]), w_set(k1));
            c1[v] = second;
            c3[v] = first;
        }
        k0 += PHILOX_KEY_FIRST;
        k1 += PHILOX_KEY_SECOND;
    }
    EACH_VECTOR(v)
    {
        WORDS sum = w_add(value[v], w_high(w_product(c0[v], w_set(size))));

        value[v] = u_min(sum, w_sub(sum, w_set(size))); /* below 0 it is larger */
    }
}

/* index[i] = left[i] * b + right[i], PERMUTED of them, once through the rounds. */
INLINE void permute_once(const struct permutation *permutation, uint32_t a, uint32_t b,
                         const uint64_t *left, const uint64_t *right, uint64_t *index)
{
    WORDS l[PERMUTED_VECTORS], r[PERMUTED_VECTORS];

    EACH_VECTOR(v)
    {
        l[v] = w_load(left + (ptrdiff_t)v * DOUBLE_LANES);
        r[v] = w_load(right + (ptrdiff_t)v * DOUBLE_LANES);
    }
    for (uint32_t round = 0; round < FEISTEL_ROUNDS; round += 2) {
        turn(l, a, r, permutation, round);
        turn(r, b, l, permutation, round + 1);
    }
    EACH_VECTOR(v)
    w_store(index + (ptrdiff_t)v * DOUBLE_LANES, w_add(w_product(l[v], w_set(b)), r[v]));
}

VECTOR_ISA static void vector_permute(const struct permutation *permutation, uint64_t first,
                                      int64_t n, uint64_t *ret_index)
{
    uint64_t a = (uint64_t)ceil(sqrt((double)permutation->n));
    uint64_t b = (permutation->n + a - 1) / a, l = first / b, r = first % b;
    uint64_t left[PERMUTED], right[PERMUTED], index[PERMUTED];

    for (int64_t done = 0; done < n; done += PERMUTED) {
        for (int i = 0; i < PERMUTED; i++) {
            left[i] = l;
            right[i] = r;
            r = r + 1 < b ? r + 1 : 0;
            l += r == 0;
        }
        permute_once(permutation, (uint32_t)a, (uint32_t)b, left, right, index);
        for (int i = 0; i < PERMUTED && done + i < n; i++)
            ret_index[done + i] =
                index[i] < permutation->n /* else it goes through again */
                    ? index[i]
                    : random_permute(permutation->seed, permutation->step, permutation->purpose,
                                     permutation->n, first + (uint64_t)(done + i));
    }
}
