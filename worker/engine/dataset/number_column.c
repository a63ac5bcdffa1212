/*
 * Eight numbers of a column at a time. What number_read_real() decides by branches, which no
 * processor foresees where the numbers of a column are long and short in no order, is computed here
 * for all of them; those of more than 15 digits are done at the end, one after the other.
 */
#include "worker/engine/dataset/number.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

uint64_t number_read_reals_plain(const struct number_column *column, int64_t n, double *ret)
{
    const uint32_t *separator = column->separator;
    uint64_t odd = 0;

    for (int64_t k = 0; k < n; k++, separator += column->stride) {
        uint32_t from = separator[0] + 1;

        if (!number_read_real(column->text + from, separator[1] - from, &ret[k]))
            odd |= (uint64_t)1 << k;
    }
    return odd;
}

#if defined(__x86_64__)

#define WIDE __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl")))
#define LANES 8
#define EXACT_LIMIT 1000000000000000LL /* 10^15: a double holds it, and divides it exactly */
#define FRACTION_MAX 16
#define DIGITS_MAX 19 /* always fit into uint64_t */

/* [i]: 10^(i + 1) */
static const uint64_t integer_power[FRACTION_MAX] = {10ULL,
                                                     100ULL,
                                                     1000ULL,
                                                     10000ULL,
                                                     100000ULL,
                                                     1000000ULL,
                                                     10000000ULL,
                                                     100000000ULL,
                                                     1000000000ULL,
                                                     10000000000ULL,
                                                     100000000000ULL,
                                                     1000000000000ULL,
                                                     10000000000000ULL,
                                                     100000000000000ULL,
                                                     1000000000000000ULL,
                                                     10000000000000000ULL};

struct parts { /* of eight numbers */
    __m512i digits, n_fraction;
    __mmask8 odd, negative;
};

WIDE static inline __m512i set(uint64_t value)
{
    return _mm512_set1_epi64((int64_t)value);
}

/* 10^n, n at most 16. */
WIDE static inline __m512i power(__m512i n)
{
    const __m512i low = _mm512_loadu_si512(integer_power),
                  high = _mm512_loadu_si512(integer_power + LANES);
    __m512i above = _mm512_permutex2var_epi64(low, _mm512_sub_epi64(n, set(1)), high);

    return _mm512_mask_mov_epi64(above, _mm512_testn_epi64_mask(n, n), set(1));
}

/* Eight digits each, the first one lowest: pairs, fours, all. */
WIDE static inline __m512i number_of(__m512i digits)
{
    __m512i pairs = _mm512_maddubs_epi16(digits, _mm512_set1_epi16(1 << 8 | 10));
    __m512i fours = _mm512_madd_epi16(pairs, _mm512_set1_epi32(1 << 16 | 100));

    return _mm512_add_epi64(_mm512_mul_epu32(fours, set(10000)), _mm512_srli_epi64(fours, 32));
}

/* The first n bytes of each word, with zeros in front; n may be beyond 8 or below 0. */
WIDE static inline __m512i first_of(__m512i word, __m512i n)
{
    __m512i bits = _mm512_sub_epi64(set(64), _mm512_slli_epi64(n, 3));

    return _mm512_sllv_epi64(word, _mm512_max_epi64(bits, _mm512_setzero_si512()));
}

WIDE static inline __m512i no_digits(__m512i word)
{
    return _mm512_or_si512(_mm512_add_epi64(word, set(0x7676767676767676)), word);
}

/* Where the first point of each word is; *ret_found: in which words there is one. */
WIDE static inline __m512i find_point(__m512i word, __mmask8 *ret_found)
{
    __m512i other = _mm512_xor_si512(word, set(0x2e2e2e2e2e2e2e2e));
    __m512i found = _mm512_andnot_si512(
        other, _mm512_and_si512(_mm512_sub_epi64(other, set(0x0101010101010101)),
                                set(0x8080808080808080)));
    __m512i lowest = _mm512_and_si512(found, _mm512_sub_epi64(_mm512_setzero_si512(), found));

    *ret_found = _mm512_test_epi64_mask(found, found);
    return _mm512_mask_srli_epi64(set(LANES), *ret_found,
                                  _mm512_sub_epi64(set(63), _mm512_lzcnt_epi64(lowest)), 3);
}

WIDE static inline struct parts read_parts(const struct number_column *column,
                                           const uint32_t *separator)
{
    const __m512i zero = _mm512_setzero_si512(), zeros = set(0x3030303030303030);
    const __m256i step = _mm256_mullo_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
                                            _mm256_set1_epi32((int)column->stride));
    __m256i before = _mm256_i32gather_epi32((const int *)separator, step, 4);
    __m256i behind = _mm256_i32gather_epi32((const int *)separator + 1, step, 4);
    __m512i from = _mm512_cvtepu32_epi64(_mm256_add_epi32(before, _mm256_set1_epi32(1)));
    __m512i size = _mm512_sub_epi64(_mm512_cvtepu32_epi64(behind), from);
    __m512i word = _mm512_i64gather_epi64(from, column->text, 1);
    __m512i n_whole, fraction, more, last, rest, odd;
    struct parts parts;
    __mmask8 found;

    parts.negative = _mm512_cmpeq_epi64_mask(_mm512_and_si512(word, set(0xff)), set('-')) &
                     _mm512_test_epi64_mask(size, size);
    n_whole = _mm512_min_epi64(find_point(word, &found), size);
    parts.n_fraction =
        _mm512_max_epi64(_mm512_sub_epi64(_mm512_sub_epi64(size, n_whole), set(1)), zero);
    from = _mm512_add_epi64(from, n_whole);
    fraction = _mm512_i64gather_epi64(from, column->text + 1, 1);
    more = _mm512_i64gather_epi64(from, column->text + 9, 1);

    /* a minus becomes a zero in front */
    word = _mm512_mask_xor_epi64(word, parts.negative, word, set('-' ^ '0'));
    word = first_of(_mm512_xor_si512(word, zeros), n_whole);
    fraction = first_of(_mm512_xor_si512(fraction, zeros), parts.n_fraction);
    last = _mm512_sub_epi64(parts.n_fraction, set(LANES));
    more = first_of(_mm512_xor_si512(more, zeros), last);
    last = _mm512_max_epi64(last, zero);
    rest = _mm512_add_epi64(_mm512_mul_epu32(number_of(fraction), power(last)), number_of(more));
    parts.digits =
        _mm512_add_epi64(_mm512_mullo_epi64(number_of(word), power(parts.n_fraction)), rest);

    odd = _mm512_or_si512(_mm512_or_si512(no_digits(word), no_digits(fraction)), no_digits(more));
    n_whole = _mm512_mask_sub_epi64(n_whole, parts.negative, n_whole, set(1));
    n_whole = _mm512_add_epi64(n_whole, parts.n_fraction);
    parts.odd = _mm512_test_epi64_mask(odd, set(0x8080808080808080)) |
                (_mm512_cmpgt_epi64_mask(size, set(LANES)) & (__mmask8)~found) |
                _mm512_cmpgt_epi64_mask(parts.n_fraction, set(FRACTION_MAX)) |
                _mm512_cmpgt_epi64_mask(n_whole, set(DIGITS_MAX)) |
                _mm512_cmplt_epi64_mask(n_whole, set(1));
    return parts;
}

WIDE static uint64_t read_wide(const struct number_column *column, int64_t n, double *ret)
{
    const uint32_t *separator = column->separator;
    uint64_t odd = 0, negative = 0, large = 0;
    uint64_t digits[NUMBER_COLUMN_MAX], n_fraction[NUMBER_COLUMN_MAX];
    struct number_column rest = *column;
    int64_t k = 0;

    for (; k + LANES <= n; k += LANES, separator += LANES * column->stride) {
        struct parts parts = read_parts(column, separator);
        __m512d value = _mm512_div_pd(_mm512_cvtepu64_pd(parts.digits),
                                      _mm512_cvtepu64_pd(power(parts.n_fraction)));
        __m512i sign = _mm512_maskz_set1_epi64(parts.negative, INT64_MIN);

        _mm512_storeu_si512(ret + k, _mm512_or_si512(_mm512_castpd_si512(value), sign));
        _mm512_storeu_si512(digits + k, parts.digits);
        _mm512_storeu_si512(n_fraction + k, parts.n_fraction);
        odd |= (uint64_t)parts.odd << k;
        negative |= (uint64_t)parts.negative << k;
        large |= (uint64_t)_mm512_cmpge_epu64_mask(parts.digits, set(EXACT_LIMIT)) << k;
    }
    for (large &= ~odd; large; large &= large - 1) {
        int i = __builtin_ctzll(large);

        if (!number_from_digits(negative >> i & 1, digits[i], n_fraction[i], &ret[i]))
            odd |= (uint64_t)1 << i;
    }
    rest.separator = separator;
    return k < n ? odd | number_read_reals_plain(&rest, n - k, ret + k) << k : odd;
}

static bool is_wide(void)
{
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

uint64_t number_read_reals(const struct number_column *column, int64_t n, double *ret)
{
#if defined(__x86_64__)
    if (is_wide())
        return read_wide(column, n, ret);
#endif
    return number_read_reals_plain(column, n, ret);
}
