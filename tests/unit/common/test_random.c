/* Philox against Random123's published vectors, and the shape of what is drawn from it. */
#include "common/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N_DRAWS 200000

static void philox_gives_the_known_answers(void **state)
{
    static const struct {
        uint32_t counter[4], key[2], answer[4];
    } vectors[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
        struct philox_block block = philox(vectors[i].counter, vectors[i].key);
        assert_memory_equal(block.word, vectors[i].answer, sizeof(block.word));
    }
}

static void block_is_philox_of_seed_element_step_and_purpose(void **state)
{
    const uint32_t counter[4] = {0x55667788, 0x11223344, 0xddeeff00, 0xabcdef01};
    const uint32_t key[2] = {0x89abcdef, 0x01234567};
    struct philox_block expected = philox(counter, key);
    struct philox_block block =
        random_block(0x0123456789abcdef, 0x1122334455667788, 0x99aabbccddeeff00, 0xabcdef01);

    (void)state;
    assert_memory_equal(block.word, expected.word, sizeof(block.word));
}

static void purposes_differ(void **state)
{
    (void)state;
    assert_int_equal(random_purpose("dropout", "hidden1"), random_purpose("dropout", "hidden1"));
    assert_int_not_equal(random_purpose("dropout", "hidden1"),
                         random_purpose("dropout", "hidden2"));
    assert_int_not_equal(random_purpose("dropout", "hidden1"), random_purpose("init", "hidden1"));
    assert_int_not_equal(random_purpose("ab", "c"), random_purpose("a", "bc"));
    assert_int_not_equal(random_purpose("a", ""), random_purpose("", "a"));
}

/* Correlation of the streams that differ in one argument: about 1 / sqrt(N_DRAWS) if independent.
 */
static void streams_are_independent(void **state)
{
    double sums[4] = {0};

    (void)state;
    for (uint64_t i = 0; i < N_DRAWS; i++) {
        double base = random_uniform(7, i, 3, 5) - 0.5;
        sums[0] += base * (random_uniform(8, i, 3, 5) - 0.5);
        sums[1] += base * (random_uniform(7, i + 1, 3, 5) - 0.5);
        sums[2] += base * (random_uniform(7, i, 4, 5) - 0.5);
        sums[3] += base * (random_uniform(7, i, 3, 6) - 0.5);
    }
    for (int i = 0; i < 4; i++)
        assert_true(fabs(sums[i] / N_DRAWS * 12) < 5 / sqrt(N_DRAWS));
}

static void uniform_has_its_moments(void **state)
{
    double sum = 0, squares = 0, low = 1, high = 0;
    int bins[64] = {0};
    double chi = 0;

    (void)state;
    for (uint64_t i = 0; i < N_DRAWS; i++) {
        double x = random_uniform(1, i, 0, 0);
        assert_true(x >= 0 && x < 1);
        sum += x;
        squares += x * x;
        low = fmin(low, x);
        high = fmax(high, x);
        bins[(int)(x * 64)]++;
    }
    assert_true(fabs(sum / N_DRAWS - 0.5) < 5 * sqrt(1.0 / 12 / N_DRAWS));
    assert_true(fabs(squares / N_DRAWS - 1.0 / 3) < 5 * sqrt(4.0 / 45 / N_DRAWS));
    assert_true(low < 1e-3 && high > 1 - 1e-3);
    for (int i = 0; i < 64; i++)
        chi += pow(bins[i] - N_DRAWS / 64.0, 2) / (N_DRAWS / 64.0);
    assert_true(chi < 63 + 5 * sqrt(2 * 63));
}

static void normal_has_its_moments(void **state)
{
    double sum[5] = {0};

    (void)state;
    for (uint64_t i = 0; i < N_DRAWS; i++) {
        double x = random_normal(1, i, 0, 0);
        assert_true(isfinite(x));
        for (int k = 1; k <= 4; k++)
            sum[k] += pow(x, k);
    }
    assert_true(fabs(sum[1] / N_DRAWS) < 5 * sqrt(1.0 / N_DRAWS));
    assert_true(fabs(sum[2] / N_DRAWS - 1) < 5 * sqrt(2.0 / N_DRAWS));
    assert_true(fabs(sum[3] / N_DRAWS) < 5 * sqrt(15.0 / N_DRAWS));
    assert_true(fabs(sum[4] / N_DRAWS - 3) < 5 * sqrt(96.0 / N_DRAWS));
}

static void below_is_uniform_and_below(void **state)
{
    int counts[7] = {0};
    double chi = 0;

    (void)state;
    for (uint64_t i = 0; i < N_DRAWS; i++) {
        uint64_t x = random_below(1, i, 0, 0, 7);
        assert_true(x < 7);
        counts[x]++;
    }
    for (int i = 0; i < 7; i++)
        chi += pow(counts[i] - N_DRAWS / 7.0, 2) / (N_DRAWS / 7.0);
    assert_true(chi < 30);
    assert_true(random_below(1, 2, 3, 4, 1) == 0);
}

/* With n at 3/4 of 2^64 a quarter of the draws is rejected; without that every third number, the
 * image of two draws, would come twice as often as the others. */
static void below_rejects_what_would_count_twice(void **state)
{
    const uint64_t n = (1ULL << 63) + (1ULL << 62); /* 3/4 of 2^64 */
    int low = 0;

    (void)state;
    for (uint64_t i = 0; i < N_DRAWS; i++) {
        uint64_t x = random_below(1, i, 0, 0, n);
        assert_true(x < n);
        low += x % 3 == 0;
    }
    assert_true(fabs(low - N_DRAWS / 3.0) < 5 * sqrt(N_DRAWS * 2.0 / 9));
}

static void permutation_is_a_bijection(void **state)
{
    static const uint64_t large[] = {511, 512, 513, 1023, 4096, 4097, 10007, 65535, 65536, 100003};
    static uint8_t seen[100003];
    const size_t n_large = sizeof(large) / sizeof(*large);

    (void)state;
    for (uint64_t i = 1; i < 300 + n_large; i++) {
        uint64_t n = i < 300 ? i : large[i - 300];
        memset(seen, 0, n);
        for (uint64_t from = 0; from < n; from++) {
            uint64_t to = random_permute(42, 9, 1, n, from);
            assert_true(to < n);
            assert_int_equal(seen[to]++, 0);
        }
    }
}

static void permutation_of_a_huge_set_stays_within(void **state)
{
    const uint64_t n = (uint64_t)1 << 62;

    (void)state;
    for (uint64_t i = 0; i < 1000; i++)
        assert_true(random_permute(1, 1, 1, n, n - 1 - i) < n);
}

#define SEED_OF_ALL_BITS 0x123456789abcdef0

static void check_stretch(const struct permutation *permutation, uint64_t step, uint64_t first)
{
    uint64_t left = permutation->n - first, index[40];
    size_t count = left < 40 ? (size_t)left : 40;

    permutation_range(permutation, first, count, index);
    for (size_t k = 0; k < count; k++)
        assert_true(index[k] ==
                    random_permute(SEED_OF_ALL_BITS, step, 0xfedcba98, permutation->n, first + k));
}

/* Of small sizes, where many results lie beyond the end and go through again, whole; of large ones
 * stretches at both ends, and across a carry from one half of the index to the other. */
static void whole_permutation_is_what_its_elements_are(void **state)
{
    static const uint64_t sizes[] = {1, 2, 3, 7, 8, 9, 40, 1437, 5000011, (uint64_t)1 << 40};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t n = sizes[i], half = (uint64_t)ceil(sqrt((double)n));
        struct permutation permutation;
        struct error error;

        assert_true(permutation_init(&permutation, n, &error));
        for (uint64_t step = 0; step < 2; step++) {
            permutation_draw(&permutation, SEED_OF_ALL_BITS, step, 0xfedcba98);
            check_stretch(&permutation, step, 0);
            check_stretch(&permutation, step, n > 40 ? half * (half / 2) - 20 : n / 2);
            check_stretch(&permutation, step, n > 40 ? n - 40 : n - 1);
        }
        permutation_release(&permutation);
    }
}

/* All 24 orders of 4 elements come equally often. */
static void permutations_of_few_come_equally_often(void **state)
{
    int counts[256] = {0}, orders = 0;
    const int n_orders = 24, n_seeds = 24000;
    double chi = 0;

    (void)state;
    for (int seed = 0; seed < n_seeds; seed++) {
        unsigned order = 0;
        for (uint64_t i = 0; i < 4; i++)
            order = order << 2 | (unsigned)random_permute((uint64_t)seed, 0, 0, 4, i);
        counts[order]++;
    }
    for (int i = 0; i < 256; i++) {
        orders += counts[i] > 0;
        if (counts[i] > 0)
            chi += pow(counts[i] - (double)n_seeds / n_orders, 2) / ((double)n_seeds / n_orders);
    }
    assert_int_equal(orders, n_orders);
    assert_true(chi < 23 + 6 * sqrt(2 * 23));
}

static void permutations_of_two_steps_differ(void **state)
{
    int same = 0;

    (void)state;
    for (uint64_t i = 0; i < 10000; i++)
        same += random_permute(1, 1, 1, 10000, i) == random_permute(1, 2, 1, 10000, i);
    assert_true(same < 10); /* one is expected */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_known_answers),
        cmocka_unit_test(block_is_philox_of_seed_element_step_and_purpose),
        cmocka_unit_test(purposes_differ),
        cmocka_unit_test(streams_are_independent),
        cmocka_unit_test(uniform_has_its_moments),
        cmocka_unit_test(normal_has_its_moments),
        cmocka_unit_test(below_is_uniform_and_below),
        cmocka_unit_test(below_rejects_what_would_count_twice),
        cmocka_unit_test(permutation_is_a_bijection),
        cmocka_unit_test(permutation_of_a_huge_set_stays_within),
        cmocka_unit_test(whole_permutation_is_what_its_elements_are),
        cmocka_unit_test(permutations_of_few_come_equally_often),
        cmocka_unit_test(permutations_of_two_steps_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
