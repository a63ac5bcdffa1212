#include "worker/engine/blas_check.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/owner.h"
#include "common/random.h"
#include "worker/engine/kernel/kernel.h"

/* Sizes that no block of a kernel divides, and some that every one does. */
static const int64_t sizes[][3] = {
    {1, 1, 1}, {67, 33, 129}, {64, 64, 64}, {5, 211, 97}, {130, 7, 65}};

static void fill(real *value, int64_t n, uint64_t seed)
{
    for (int64_t i = 0; i < n; i++)
        value[i] =
            (real)(random_uniform(seed, (uint64_t)i, 0, random_purpose("blas", "check")) * 2 - 1);
}

/* The largest difference, in units of what k roundings may add up to. */
static double worst(const real *a, const real *b, const real *c, const int64_t size[3],
                    bool transpose_a, bool transpose_b)
{
    int64_t m = size[0], n = size[1], k = size[2];
    double most = 0;

    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;

            for (int64_t l = 0; l < k; l++)
                sum += (double)(transpose_a ? a[l * m + i] : a[i * k + l]) *
                       (double)(transpose_b ? b[j * k + l] : b[l * n + j]);
            most = fmax(most, fabs(sum - (double)c[i * n + j]) / (1e-6 * (double)k));
            if (isnan(c[i * n + j]))
                return (double)INFINITY;
        }
    return most;
}

static bool agrees(const int64_t size[3], bool transpose_a, bool transpose_b)
{
    int64_t m = size[0], n = size[1], k = size[2];
    scoped(memory_free) real *a = malloc((size_t)(m * k) * sizeof(real));
    scoped(memory_free) real *b = malloc((size_t)(k * n) * sizeof(real));
    scoped(memory_free) real *c = calloc((size_t)(m * n), sizeof(real));

    if (!a || !b || !c)
        return false;
    fill(a, m * k, 1);
    fill(b, k * n, 2);
    kernel_product(transpose_a, transpose_b, m, n, k, 1, a, b, 0, c);
    return worst(a, b, c, size, transpose_a, transpose_b) < 1;
}

bool blas_is_right(void)
{
    bool good = true;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (int way = 0; way < 4; way++)
            good = agrees(sizes[i], way & 1, way & 2) && good;
    return good;
}
