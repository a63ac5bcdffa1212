/*
 * Saxe et al. 2014: rows, or columns where there are more rows, are orthogonal and of length 1.
 * Normal numbers, made so by Gram and Schmidt's way, in double.
 */
#include "worker/engine/initializer/initializer.h"

#include <math.h>
#include <stdlib.h>

#include "common/random.h"

static double dot(const double *a, const double *b, int64_t n)
{
    double sum[4] = {0};
    int64_t i = 0;

    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++)
            sum[k] += a[i + k] * b[i + k];
    for (; i < n; i++)
        sum[0] += a[i] * b[i];
    return sum[0] + sum[1] + (sum[2] + sum[3]);
}

/* Takes from vector[at] what it shares with those before; to length 1. */
static void straighten(double *vector, int64_t at, int64_t n)
{
    double *mine = vector + at * n, length;

    for (int64_t k = 0; k < at; k++) {
        const double *other = vector + k * n;
        double share = dot(mine, other, n);

        for (int64_t i = 0; i < n; i++)
            mine[i] -= share * other[i];
    }
    length = sqrt(dot(mine, mine, n));
    for (int64_t i = 0; i < n; i++)
        mine[i] /= length;
}

static bool orthogonal_fill(const void *config, const struct initializer_target *target)
{
    bool tall = target->rows > target->columns;
    int64_t count = tall ? target->columns : target->rows;
    int64_t n = tall ? target->rows : target->columns;
    /* zeroed, though all of it is drawn: analyzers do not follow that */
    double *vector = calloc((size_t)(count * n), sizeof(*vector));

    (void)config;
    if (!vector)
        return false;
    for (int64_t i = 0; i < count * n; i++)
        vector[i] = random_normal(target->seed, (uint64_t)i, 0, target->purpose);
    for (int64_t i = 0; i < count; i++) {
        straighten(vector, i, n);
        for (int64_t k = 0; k < n; k++)
            target->value[tall ? k * count + i : i * n + k] = (real)vector[i * n + k];
    }
    free(vector);
    return true;
}

const struct initializer_kind initializer_orthogonal = {
    .kind = {.name = "orthogonal", .help = "Orthogonal rows or columns, whichever are fewer."},
    .fill = orthogonal_fill,
};
