/* Eight floats at a time; what lies beyond the end is masked out. */
#include "common/random.h"
#include "worker/engine/kernel/kernel.h"

#if defined(__x86_64__) && !defined(NIGHTJAR_DOUBLE)

#include <immintrin.h>

#define VECTOR_ISA __attribute__((target("avx2,fma")))
#define VECTOR __m256
#define MASK int /* the first so many lanes */
#define LANES 8
#define PANEL_VECTORS 2
#define KERNEL_TABLE kernel_avx2
#define KERNEL_NAME "avx2"

/* The first n lanes. */
VECTOR_ISA static inline __m256i first_lanes(int n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* In pieces, as they are stored: on some processors stores under a mask are slow, and so are loads
 * but from the nearest cache. */
VECTOR_ISA static inline __m256 load_first(const float *from, int n)
{
    const float *at = from + (n & 4);
    __m128 rest = _mm_setzero_ps();

    if (n >= 8)
        return _mm256_loadu_ps(from);
    if (n & 1)
        rest = _mm_load_ss(at + (n & 2));
    if (n & 2)
        rest = _mm_loadl_pi(_mm_movelh_ps(rest, rest), (const __m64 *)at);
    if (n & 4)
        return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(from)), rest, 1);
    return _mm256_zextps128_ps256(rest);
}

VECTOR_ISA static inline void store_first(float *to, __m256 x, int n)
{
    __m128 left = _mm256_castps256_ps128(x);

    if (n >= 8) {
        _mm256_storeu_ps(to, x);
        return;
    }
    if (n & 4) {
        _mm_storeu_ps(to, left);
        left = _mm256_extractf128_ps(x, 1);
        to += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)to, left);
        left = _mm_movehl_ps(left, left);
        to += 2;
    }
    if (n & 1)
        _mm_store_ss(to, left);
}

/* x 2^n in two factors, since 2^n alone may not be a float; n is whole and within [-151, 129]. */
VECTOR_ISA static inline __m256 power_of_two(__m256 x, __m256 n)
{
    __m256i whole = _mm256_cvtps_epi32(n);
    __m256i half = _mm256_srai_epi32(whole, 1);
    __m256i rest = _mm256_sub_epi32(whole, half);
    __m256i bias = _mm256_set1_epi32(127);

    x = _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23)));
    return _mm256_mul_ps(x,
                         _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23)));
}

/* The same in double; n within [-1077, 1025]. */
VECTOR_ISA static inline __m256d double_power_of_two(__m256d x, __m256d n)
{
    __m128i whole = _mm256_cvtpd_epi32(n);
    __m128i half = _mm_srai_epi32(whole, 1);
    __m256i bias = _mm256_set1_epi64x(1023);
    __m256i first = _mm256_add_epi64(_mm256_cvtepi32_epi64(half), bias);
    __m256i second = _mm256_add_epi64(_mm256_cvtepi32_epi64(_mm_sub_epi32(whole, half)), bias);

    x = _mm256_mul_pd(x, _mm256_castsi256_pd(_mm256_slli_epi64(first, 52)));
    return _mm256_mul_pd(x, _mm256_castsi256_pd(_mm256_slli_epi64(second, 52)));
}

VECTOR_ISA static inline float sum_of(__m256 a)
{
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

VECTOR_ISA static inline float most_of(__m256 a)
{
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

#define ODD_LANES 0xaa

VECTOR_ISA static inline void products_of(__m256i a, __m256i b, __m256i *low, __m256i *high)
{
    __m256i even = _mm256_mul_epu32(a, b);
    __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), b);

    *low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), ODD_LANES);
    *high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, ODD_LANES);
}

#define v_set(x) _mm256_set1_ps(x)
#define v_add(a, b) _mm256_add_ps(a, b)
#define v_sub(a, b) _mm256_sub_ps(a, b)
#define v_mul(a, b) _mm256_mul_ps(a, b)
#define v_div(a, b) _mm256_div_ps(a, b)
#define v_sqrt(a) _mm256_sqrt_ps(a)
#define v_max(a, b) _mm256_max_ps(a, b)
#define v_min(a, b) _mm256_min_ps(a, b)
#define v_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define v_fnma(a, b, c) _mm256_fnmadd_ps(a, b, c)
#define v_round(a) _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define v_blend(mask, a, b) _mm256_blendv_ps(b, a, _mm256_castsi256_ps(first_lanes(mask)))
#define v_positive(z, a, b) \
    _mm256_blendv_ps(b, a, _mm256_cmp_ps(z, _mm256_setzero_ps(), _CMP_GT_OQ))
#define v_equal(x, y, a, b) _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, y, _CMP_EQ_OQ))
#define v_absolute(a) _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a)
#define v_copy_sign(size, sign) _mm256_or_ps(size, _mm256_and_ps(sign, _mm256_set1_ps(-0.0f)))
#define v_power(x, n) power_of_two(x, n)
#define v_mask(count) ((int)(count))
#define v_load(from) _mm256_loadu_ps(from)
#define v_store(to, x) _mm256_storeu_ps(to, x)
#define v_load_part(from, mask) _mm256_maskload_ps(from, first_lanes(mask))
#define v_load_far(from, mask) load_first(from, mask)
#define v_store_part(to, x, mask) store_first(to, x, mask)
#define v_sum(a) sum_of(a)
#define v_most(a) most_of(a)

VECTOR_ISA __m256d _ZGVdN4v_log(__m256d x); /* of libmvec, the C library's */

#define DOUBLES __m256d
#define DOUBLE_LANES 4
#define d_set(x) _mm256_set1_pd(x)
#define d_add(a, b) _mm256_add_pd(a, b)
#define d_sub(a, b) _mm256_sub_pd(a, b)
#define d_mul(a, b) _mm256_mul_pd(a, b)
#define d_div(a, b) _mm256_div_pd(a, b)
#define d_max(a, b) _mm256_max_pd(a, b)
#define d_min(a, b) _mm256_min_pd(a, b)
#define d_fma(a, b, c) _mm256_fmadd_pd(a, b, c)
#define d_fnma(a, b, c) _mm256_fnmadd_pd(a, b, c)
#define d_round(a) _mm256_round_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define d_absolute(a) _mm256_andnot_pd(_mm256_set1_pd(-0.0), a)
#define d_power(x, n) double_power_of_two(x, n)
#define d_log(x) _ZGVdN4v_log(x)
#define d_load(from) _mm256_loadu_pd(from)
#define d_store(to, x) _mm256_storeu_pd(to, x)

#define WORDS __m256i
#define u_set(x) _mm256_set1_epi32((int)(x))
#define u_add(a, b) _mm256_add_epi32(a, b)
#define u_sub(a, b) _mm256_sub_epi32(a, b)
#define u_min(a, b) _mm256_min_epu32(a, b)
#define u_xor(a, b) _mm256_xor_si256(a, b)
#define u_lanes() _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)
#define u_load(from) _mm256_loadu_si256((const __m256i *)(from))
#define u_store(to, x) _mm256_storeu_si256((__m256i *)(to), x)
#define u_look_up(table, at) _mm256_i32gather_epi32((const int *)(table), at, sizeof(uint32_t))
#define u_products(a, b, low, high) products_of(a, b, low, high)
#define u_keep(a, threshold, keep) \
    _mm256_and_ps(keep, _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_max_epu32(a, threshold), a)))

#include "worker/engine/kernel/vector_kernels.h"

#endif
