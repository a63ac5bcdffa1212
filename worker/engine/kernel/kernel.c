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
    "linear",       "relu",     "leaky_relu", "tanh",    "sigmoid", "elu",
    "hard_sigmoid", "softplus", "gelu",       "softmax", NULL,
};
const char *const activation_of_value_name[ACTIVATION_OF_VALUE_COUNT + 1] = {
    "linear", "relu", "leaky_relu", "tanh", "sigmoid", "elu", "hard_sigmoid", "softplus", NULL,
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

static void blas_product(const struct matrix_product *product, real alpha, real beta)
{
    CBLAS_TRANSPOSE ta = product->transpose_a ? CblasTrans : CblasNoTrans;
    CBLAS_TRANSPOSE tb = product->transpose_b ? CblasTrans : CblasNoTrans;

#ifdef NIGHTJAR_DOUBLE
    cblas_dgemm(CblasRowMajor, ta, tb, (int)product->m, (int)product->n, (int)product->k, alpha,
                product->a, (int)product->a_row, product->b, (int)product->b_row, beta, product->c,
                (int)product->c_row);
#else
    cblas_sgemm(CblasRowMajor, ta, tb, (int)product->m, (int)product->n, (int)product->k, alpha,
                product->a, (int)product->a_row, product->b, (int)product->b_row, beta, product->c,
                (int)product->c_row);
#endif
}

void kernel_product(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, real alpha,
                    const real *a, const real *b, real beta, real *c)
{
    const struct matrix_product product = {.transpose_a = transpose_a,
                                           .transpose_b = transpose_b,
                                           .m = m,
                                           .n = n,
                                           .k = k,
                                           .a = a,
                                           .b = b,
                                           .c = c,
                                           .a_row = transpose_a ? m : k,
                                           .b_row = transpose_b ? k : n,
                                           .c_row = n};

    blas_product(&product, alpha, beta);
}

void kernel_product_within(const struct matrix_product *product)
{
    blas_product(product, 1, product->add ? 1 : 0);
}

int64_t kernel_packed_size(const struct kernel *kernel, int64_t k, int64_t n)
{
    return (n + kernel->panel - 1) / kernel->panel * kernel->panel * k;
}

void kernel_pack(const struct kernel *kernel, const real *b, int64_t row_stride,
                 int64_t column_stride, int64_t k, int64_t n, real *ret_packed)
{
    int64_t panel = kernel->panel;

    for (int64_t first = 0; first < n; first += panel, ret_packed += panel * k) {
        int64_t width = n - first < panel ? n - first : panel;
        const real *from = b + first * column_stride;

        if (width < panel)
            memset(ret_packed, 0, (size_t)(panel * k) * sizeof(real));
        if (column_stride == 1) {
            for (int64_t row = 0; row < k; row++)
                memcpy(ret_packed + row * panel, from + row * row_stride,
                       (size_t)width * sizeof(real));
            continue;
        }
        for (int64_t i = 0; i < width; i++)
            for (int64_t row = 0; row < k; row++)
                ret_packed[row * panel + i] = from[i * column_stride + row * row_stride];
    }
}

struct product_part kernel_packed_part(const struct kernel *kernel, const real *a, int64_t a_row,
                                       const real *packed, int64_t k)
{
    return (struct product_part){.a = a,
                                 .a_row = a_row,
                                 .a_column = 1,
                                 .b = packed,
                                 .b_row = kernel->panel,
                                 .b_panel = kernel->panel * k,
                                 .k = k};
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
