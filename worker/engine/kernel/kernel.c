/* Which table this processor runs, and the products, which are BLAS'. */
#include "worker/engine/kernel/kernel.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

const char *const activation_name[ACTIVATION_COUNT + 1] = {
    "linear", "relu", "leaky_relu", "tanh", "sigmoid", NULL,
};

int kernel_list(const struct kernel *ret_kernel[KERNEL_COUNT_MAX])
{
    int n = 0;

#if defined(__x86_64__) && !defined(NIGHTJAR_DOUBLE)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        ret_kernel[n++] = &kernel_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        ret_kernel[n++] = &kernel_avx2;
#endif
    ret_kernel[n++] = &kernel_plain;
    return n;
}

const struct kernel *kernel_pick(void)
{
    const struct kernel *kernel[KERNEL_COUNT_MAX];
    const char *name = getenv("NIGHTJAR_KERNEL");
    int n = kernel_list(kernel);

    for (int i = 0; name && i < n; i++)
        if (strcmp(kernel[i]->name, name) == 0)
            return kernel[i];
    return kernel[0];
}

void kernel_product(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, real alpha,
                    const real *a, const real *b, real beta, real *c)
{
    int lda = (int)(transpose_a ? m : k), ldb = (int)(transpose_b ? k : n);
    CBLAS_TRANSPOSE ta = transpose_a ? CblasTrans : CblasNoTrans;
    CBLAS_TRANSPOSE tb = transpose_b ? CblasTrans : CblasNoTrans;

#ifdef NIGHTJAR_DOUBLE
    cblas_dgemm(CblasRowMajor, ta, tb, (int)m, (int)n, (int)k, alpha, a, lda, b, ldb, beta, c,
                (int)n);
#else
    cblas_sgemm(CblasRowMajor, ta, tb, (int)m, (int)n, (int)k, alpha, a, lda, b, ldb, beta, c,
                (int)n);
#endif
}

/* Flush to zero and denormals are zero, in the SSE control word. */
#define FLUSH_BITS 0x8040u

unsigned kernel_flush_denormals(void)
{
#if defined(__x86_64__)
    unsigned saved = _mm_getcsr();

    _mm_setcsr(saved | FLUSH_BITS);
    return saved;
#else
    return 0;
#endif
}

void kernel_restore_denormals(unsigned saved)
{
#if defined(__x86_64__)
    _mm_setcsr(saved);
#else
    (void)saved;
#endif
}

const char *kernel_identity(const struct kernel *kernel, char *buffer)
{
    (void)snprintf(buffer, KERNEL_IDENTITY_SIZE, "%s %s threads=%d", kernel->name,
                   openblas_get_corename(), openblas_get_num_threads());
    return buffer;
}
