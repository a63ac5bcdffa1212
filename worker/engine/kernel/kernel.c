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

/* Measured against BLAS: c and a block of b have to stay in the caches that are near. */
#define SMALL_DEPTH 256
#define SMALL_BLOCK (1 << 16)  /* elements of b for a block of k */
#define SMALL_RESULT (1 << 18) /* of c */
#define SMALL_STRIDE 512       /* of a transposed: from here on its lines displace each other */
#define SMALL_ROWS 12          /* of c at a time, where they do; a multiple of a tile's */

static bool is_small(const struct matrix_product *product)
{
    int64_t depth = product->k < SMALL_DEPTH ? product->k : SMALL_DEPTH;

    if (!product->kernel || product->kernel == &kernel_plain)
        return false;
    if (product->transpose_b)
        return kernel_packed_size(product->kernel, product->k, product->n) <= KERNEL_PACKED_SMALL;
    return depth * product->n <= SMALL_BLOCK && product->m * product->n <= SMALL_RESULT;
}

/* b transposed lies packed; its rows are few. */
static void small_transposed_product(const struct matrix_product *product)
{
    real packed[KERNEL_PACKED_SMALL];
    struct product_part part;
    const struct product small = {.m = product->m,
                                  .n = product->n,
                                  .c = product->c,
                                  .c_row = product->c_row,
                                  .add = product->add,
                                  .part = &part,
                                  .n_parts = 1};

    kernel_pack(product->kernel, product->b, 1, product->b_row, product->k, product->n, packed);
    part = kernel_packed_part(product->kernel, product->a, product->a_row, packed, product->k);
    if (product->transpose_a) {
        part.a_row = 1;
        part.a_column = product->a_row;
    }
    product->kernel->product(&small);
}

/* a transposed: what a tile reads lies a row of a apart, in lines that share few places of the
 * nearest cache. For some rows of the result at a time it is brought together first. */
static void gathered_product(const struct kernel *kernel, const struct product *product)
{
    real gathered[SMALL_ROWS * SMALL_DEPTH];
    struct product_part part = product->part[0];
    struct product few = *product;
    const real *a = part.a;
    int64_t a_column = part.a_column;

    part.a = gathered;
    part.a_column = SMALL_ROWS;
    few.part = &part;
    for (int64_t row = 0; row < product->m; row += SMALL_ROWS) {
        few.m = product->m - row < SMALL_ROWS ? product->m - row : SMALL_ROWS;
        few.c = product->c + row * product->c_row;
        if (few.m == SMALL_ROWS)
            for (int64_t k = 0; k < part.k; k++)
                memcpy(gathered + k * SMALL_ROWS, a + row + k * a_column,
                       SMALL_ROWS * sizeof(real));
        else
            for (int64_t k = 0; k < part.k; k++)
                memcpy(gathered + k * SMALL_ROWS, a + row + k * a_column,
                       (size_t)few.m * sizeof(real));
        kernel->product(&few);
    }
}

/* The part's sums, a block of terms after the other. */
static void product_in_blocks(const struct matrix_product *product, struct product_part part)
{
    bool gathers = product->transpose_a && product->a_row >= SMALL_STRIDE;
    const real *a = part.a, *b = part.b;
    struct product block = {.m = product->m,
                            .n = product->n,
                            .c = product->c,
                            .c_row = product->c_row,
                            .add = product->add,
                            .part = &part,
                            .n_parts = 1};

    for (int64_t k = 0; k < product->k; k += SMALL_DEPTH) {
        part.a = a + k * part.a_column;
        part.b = b + k * part.b_row;
        part.k = product->k - k < SMALL_DEPTH ? product->k - k : SMALL_DEPTH;
        if (gathers)
            gathered_product(product->kernel, &block);
        else
            product->kernel->product(&block);
        block.add = true;
    }
}

static void small_product(const struct matrix_product *product)
{
    product_in_blocks(product, (struct product_part){
                                   .a = product->a,
                                   .a_row = product->transpose_a ? 1 : product->a_row,
                                   .a_column = product->transpose_a ? product->a_row : 1,
                                   .b = product->b,
                                   .b_row = product->b_row,
                                   .b_panel = product->kernel->panel,
                               });
}

/* Half a vector of columns or less, of many rows: c transposed fills its vectors. */
static bool is_narrow(const struct matrix_product *product)
{
    return product->transpose_a && !product->transpose_b &&
           product->n <= product->kernel->panel / 8 && product->m >= product->kernel->panel &&
           product->m * product->n <= KERNEL_PACKED_SMALL;
}

/* c[m][n] = a'[m][k] b[k][n] as c'[n][m] = b'[n][k] a[k][m]: the same sums in the same order. */
static void narrow_product(const struct matrix_product *product)
{
    real turned[KERNEL_PACKED_SMALL];
    const struct matrix_product small = {.kernel = product->kernel,
                                         .transpose_a = true,
                                         .add = product->add,
                                         .m = product->n,
                                         .n = product->m,
                                         .k = product->k,
                                         .a = product->b,
                                         .b = product->a,
                                         .c = turned,
                                         .a_row = product->b_row,
                                         .b_row = product->a_row,
                                         .c_row = product->m};

    for (int64_t i = 0; product->add && i < product->m; i++)
        for (int64_t j = 0; j < product->n; j++)
            turned[j * product->m + i] = product->c[i * product->c_row + j];
    small_product(&small);
    for (int64_t i = 0; i < product->m; i++)
        for (int64_t j = 0; j < product->n; j++)
            product->c[i * product->c_row + j] = turned[j * product->m + i];
}

void kernel_product_within(const struct matrix_product *product)
{
    if (!is_small(product))
        blas_product(product, 1, product->add ? 1 : 0);
    else if (product->transpose_b)
        small_transposed_product(product);
    else if (is_narrow(product))
        narrow_product(product);
    else
        small_product(product);
}

int64_t kernel_packed_size(const struct kernel *kernel, int64_t k, int64_t n)
{
    return (n + kernel->panel - 1) / kernel->panel * kernel->panel * k;
}

/* Four columns of four rows each, as four rows: to[i][k] = from[k][i]. */
static void turn_four(const real *from, int64_t from_row, real *to, int64_t to_row)
{
    typedef real four __attribute__((vector_size(4 * sizeof(real))));
    four a, b, c, d;

    memcpy(&a, from, sizeof(a));
    memcpy(&b, from + from_row, sizeof(b));
    memcpy(&c, from + 2 * from_row, sizeof(c));
    memcpy(&d, from + 3 * from_row, sizeof(d));
    const four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const four cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const four ab_after = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const four cd_after = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    const four turned[4] = {
        __builtin_shufflevector(ab, cd, 0, 1, 4, 5),
        __builtin_shufflevector(ab, cd, 2, 3, 6, 7),
        __builtin_shufflevector(ab_after, cd_after, 0, 1, 4, 5),
        __builtin_shufflevector(ab_after, cd_after, 2, 3, 6, 7),
    };

    for (int i = 0; i < 4; i++)
        memcpy(to + i * to_row, &turned[i], sizeof(turned[i]));
}

/* Rows first .. end - 1 of a panel's columns. */
static void pack_rows(const real *from, int64_t row_stride, int64_t column_stride, int64_t first,
                      int64_t end, int64_t width, int64_t panel, real *ret_packed)
{
    for (int64_t i = 0; i < width; i++)
        for (int64_t row = first; row < end; row++)
            ret_packed[row * panel + i] = from[i * column_stride + row * row_stride];
}

/* A panel whose columns are side by side in the memory, as those of weights are. */
static void turn_panel(const real *from, int64_t column_stride, int64_t k, int64_t width,
                       int64_t panel, real *ret_packed)
{
    int64_t turned = k / 4 * 4, wide = width / 4 * 4;

    for (int64_t row = 0; row < turned; row += 4) {
        for (int64_t i = 0; i < wide; i += 4)
            turn_four(from + i * column_stride + row, column_stride, ret_packed + row * panel + i,
                      panel);
        pack_rows(from + wide * column_stride, 1, column_stride, row, row + 4, width - wide, panel,
                  ret_packed + wide);
    }
    pack_rows(from, 1, column_stride, turned, k, width, panel, ret_packed);
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
        if (column_stride == 1)
            for (int64_t row = 0; row < k; row++)
                memcpy(ret_packed + row * panel, from + row * row_stride,
                       (size_t)width * sizeof(real));
        else if (row_stride == 1)
            turn_panel(from, column_stride, k, width, panel, ret_packed);
        else
            pack_rows(from, row_stride, column_stride, 0, k, width, panel, ret_packed);
    }
}

void kernel_product_packed(const struct matrix_product *product, const real *packed)
{
    product_in_blocks(product, kernel_packed_part(product->kernel, product->a, product->a_row,
                                                  packed, product->k));
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
