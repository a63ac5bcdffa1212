/* Sixteen floats at a time; what lies beyond the end is masked out. */
#include "common/random.h"
#include "worker/engine/kernel/kernel.h"

#if defined(__x86_64__) && !defined(NIGHTJAR_DOUBLE)

#include <immintrin.h>

#define VECTOR_ISA __attribute__((target("avx512f,avx512dq")))
#define VECTOR __m512
#define MASK __mmask16
#define LANES 16
#define PANEL_VECTORS 4
#define KERNEL_TABLE kernel_avx512
#define KERNEL_NAME "avx512"

#define ODD_LANES 0xaaaa

VECTOR_ISA static inline void products_of(__m512i a, __m512i b, __m512i *low, __m512i *high)
{
    __m512i even = _mm512_mul_epu32(a, b);
    __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), b);

    *low = _mm512_mask_blend_epi32(ODD_LANES, even, _mm512_slli_epi64(odd, 32));
    *high = _mm512_mask_blend_epi32(ODD_LANES, _mm512_srli_epi64(even, 32), odd);
}

#define v_set(x) _mm512_set1_ps(x)
#define v_add(a, b) _mm512_add_ps(a, b)
#define v_sub(a, b) _mm512_sub_ps(a, b)
#define v_mul(a, b) _mm512_mul_ps(a, b)
#define v_div(a, b) _mm512_div_ps(a, b)
#define v_sqrt(a) _mm512_sqrt_ps(a)
#define v_max(a, b) _mm512_max_ps(a, b)
#define v_min(a, b) _mm512_min_ps(a, b)
#define v_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define v_fnma(a, b, c) _mm512_fnmadd_ps(a, b, c)
#define v_round(a) _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define v_blend(mask, a, b) _mm512_mask_blend_ps(mask, b, a)
#define v_positive(z, a, b) \
    _mm512_mask_blend_ps(_mm512_cmp_ps_mask(z, _mm512_setzero_ps(), _CMP_GT_OQ), b, a)
#define v_equal(x, y, a, b) _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, y, _CMP_EQ_OQ), b, a)
#define v_absolute(a) _mm512_abs_ps(a)
#define v_copy_sign(size, sign) _mm512_or_ps(size, _mm512_and_ps(sign, _mm512_set1_ps(-0.0f)))
#define v_power(x, n) _mm512_scalef_ps(x, n)
#define v_mask(count) ((__mmask16)((1u << (count)) - 1u))
#define v_load(from) _mm512_loadu_ps(from)
#define v_store(to, x) _mm512_storeu_ps(to, x)
#define v_load_part(from, mask) _mm512_maskz_loadu_ps(mask, from)
#define v_load_far(from, mask) v_load_part(from, mask)
#define v_store_part(to, x, mask) _mm512_mask_storeu_ps(to, mask, x)
#define v_sum(a) _mm512_reduce_add_ps(a)
#define v_most(a) _mm512_reduce_max_ps(a)

VECTOR_ISA __m512d _ZGVeN8v_log(__m512d x); /* of libmvec, the C library's */

#define DOUBLES __m512d
#define DOUBLE_LANES 8
#define d_set(x) _mm512_set1_pd(x)
#define d_add(a, b) _mm512_add_pd(a, b)
#define d_sub(a, b) _mm512_sub_pd(a, b)
#define d_mul(a, b) _mm512_mul_pd(a, b)
#define d_div(a, b) _mm512_div_pd(a, b)
#define d_max(a, b) _mm512_max_pd(a, b)
#define d_min(a, b) _mm512_min_pd(a, b)
#define d_fma(a, b, c) _mm512_fmadd_pd(a, b, c)
#define d_fnma(a, b, c) _mm512_fnmadd_pd(a, b, c)
#define d_round(a) _mm512_roundscale_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define d_absolute(a) _mm512_abs_pd(a)
#define d_power(x, n) _mm512_scalef_pd(x, n)
#define d_log(x) _ZGVeN8v_log(x)
#define d_load(from) _mm512_loadu_pd(from)
#define d_store(to, x) _mm512_storeu_pd(to, x)

#define WORDS __m512i
#define u_set(x) _mm512_set1_epi32((int)(x))
#define u_add(a, b) _mm512_add_epi32(a, b)
#define u_sub(a, b) _mm512_sub_epi32(a, b)
#define u_min(a, b) _mm512_min_epu32(a, b)
#define u_xor(a, b) _mm512_xor_si512(a, b)
#define u_lanes() _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define u_load(from) _mm512_loadu_si512(from)
#define u_store(to, x) _mm512_storeu_si512(to, x)
#define u_look_up(table, at) _mm512_i32gather_epi32(at, table, sizeof(uint32_t))
#define u_products(a, b, low, high) products_of(a, b, low, high)
#define u_keep(a, threshold, keep) \
    _mm512_mask_blend_ps(_mm512_cmplt_epu32_mask(a, threshold), keep, _mm512_setzero_ps())

#include "worker/engine/kernel/vector_kernels.h"

#endif
