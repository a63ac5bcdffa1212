/* Products in bfloat16 tiles against sums in double, and the processor's against their plain twin.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "common/random.h"
#include "worker/engine/kernel/bf16x3.h"

#define SENTINEL 12345.0f

/* The processor's, where it has one, then the plain twin. */
static int kernels(const struct bf16x3_kernel *ret_kernel[2])
{
    int n = 0;

    if (bf16x3_pick())
        ret_kernel[n++] = bf16x3_pick();
    ret_kernel[n++] = &bf16x3_plain;
    return n;
}

static void *room(int64_t n, size_t size)
{
    void *memory = calloc((size_t)n, size);

    assert_non_null(memory);
    return memory;
}

static float *numbers(int64_t n, uint32_t purpose)
{
    float *x = room(n, sizeof(*x));

    for (int64_t i = 0; i < n; i++)
        x[i] = (float)random_normal(5, (uint64_t)i, (uint64_t)n, purpose);
    return x;
}

/* Rounding of sums in float: in a tile sixteen terms follow one another, then two; tiles, of which
 * there are three for 32 terms, do too. Each rounds by 2^-24 of at most the sum of sizes. */
static double rounding(int64_t k)
{
    int64_t tiles = (k + 31) / 32;

    return (double)(18 + 3 * tiles) * 0x1p-24;
}

/* c[m][n] of a[m][k] and w[n][k]; c_row > n: what is beyond is not touched. */
struct extent {
    int64_t m, n, k, c_row;
};

static float *product_of(const struct bf16x3_kernel *kernel, const struct extent *shape,
                         const float *a, const float *w)
{
    uint16_t *packed = room(bf16x3_packed_size(shape->k, shape->n), sizeof(*packed));
    uint16_t *scratch = room(bf16x3_matrix_room(shape->k, shape->n), sizeof(*scratch));
    float *c = room(shape->m * shape->c_row, sizeof(*c));

    for (int64_t i = 0; i < shape->m * shape->c_row; i++)
        c[i] = SENTINEL;
    bf16x3_matrix_pack(w, shape->k, shape->n, packed);
    bf16x3_matrix_product(&(struct bf16x3_matrix){.kernel = kernel,
                                                  .m = shape->m,
                                                  .n = shape->n,
                                                  .k = shape->k,
                                                  .a = a,
                                                  .a_row = shape->k,
                                                  .packed = packed,
                                                  .c = c,
                                                  .c_row = shape->c_row,
                                                  .room = scratch});
    free(packed);
    free(scratch);
    return c;
}

static double term_sum(const float *a, const float *w, int64_t k, double *ret_sizes)
{
    double sum = 0;

    *ret_sizes = 0;
    for (int64_t i = 0; i < k; i++) {
        sum += (double)a[i] * (double)w[i];
        *ret_sizes += fabs((double)a[i] * (double)w[i]);
    }
    return sum;
}

static const struct extent shapes[] = {
    {1, 1, 1, 1},      {3, 9, 5, 12},    {31, 17, 31, 17},     {33, 32, 32, 33},  {67, 48, 33, 50},
    {64, 33, 128, 33}, {40, 9, 200, 9},  {257, 33, 64, 40},    {32, 40, 257, 40}, {50, 16, 300, 16},
    {7, 1, 1000, 1},   {260, 9, 257, 9}, {3, 1030, 260, 1031},
};
enum { N_SHAPES = sizeof(shapes) / sizeof(*shapes) };

static void check_shape(const struct bf16x3_kernel *kernel, const struct extent *shape)
{
    float *a = numbers(shape->m * shape->k, 1), *w = numbers(shape->n * shape->k, 2);
    float *c = product_of(kernel, shape, a, w);
    double squares = 0;

    for (int64_t row = 0; row < shape->m; row++)
        for (int64_t i = 0; i < shape->c_row; i++) {
            float got = c[row * shape->c_row + i];
            double sizes, wanted, error;

            if (i >= shape->n) {
                assert_true(got == SENTINEL);
                continue;
            }
            wanted = term_sum(a + row * shape->k, w + i * shape->k, shape->k, &sizes);
            error = fabs((double)got - wanted);
            if (!(error <= (0x1p-15 + rounding(shape->k)) * sizes))
                fail_msg("%s, %ld x %ld x %ld: %.9g is not %.9g", kernel->name, (long)shape->m,
                         (long)shape->n, (long)shape->k, (double)got, wanted);
            squares += error * error / (sizes * sizes);
        }
    /* of one bfloat16 product it would be above 2^-13 of the longest */
    assert_true(sqrt(squares / (double)(shape->m * shape->n)) < 0x1p-17);
    free(a);
    free(w);
    free(c);
}

static void products_are_within_their_bound_of_those_in_double(void **state)
{
    const struct bf16x3_kernel *kernel[2];
    int count = kernels(kernel);

    (void)state;
    for (int k = 0; k < count; k++)
        for (int i = 0; i < N_SHAPES; i++)
            check_shape(kernel[k], &shapes[i]);
}

static void the_processors_products_are_their_plain_twins(void **state)
{
    (void)state;
    if (!bf16x3_pick())
        skip();
    for (int i = 0; i < N_SHAPES; i++) {
        const struct extent *shape = &shapes[i];
        float *a = numbers(shape->m * shape->k, 3), *w = numbers(shape->n * shape->k, 4);
        float *fast = product_of(bf16x3_pick(), shape, a, w);
        float *plain = product_of(&bf16x3_plain, shape, a, w);

        for (int64_t row = 0; row < shape->m; row++)
            for (int64_t k = 0; k < shape->n; k++) {
                int64_t at = row * shape->c_row + k;
                double sizes;

                (void)term_sum(a + row * shape->k, w + k * shape->k, shape->k, &sizes);
                assert_true(fabs((double)fast[at] - (double)plain[at]) <=
                            2 * rounding(shape->k) * sizes * (1 + 0x1p-7));
            }
        free(a);
        free(w);
        free(fast);
        free(plain);
    }
}

static void a_row_has_the_same_bits_whatever_stands_beside_it(void **state)
{
    const struct bf16x3_kernel *kernel[2];
    int count = kernels(kernel);
    static const int64_t depth[] = {40, 300};

    (void)state;
    for (int i = 0; i < 2 * count; i++) {
        const struct bf16x3_kernel *one = kernel[i / 2];
        int64_t k = depth[i % 2], most = one == &bf16x3_plain ? 34 : 290;
        float *a = numbers(most * k, 5), *w = numbers(40 * k, 6);
        float *all = product_of(one, &(struct extent){most, 40, k, 40}, a, w);

        for (int64_t m = 1; m < most; m += one == &bf16x3_plain ? 16 : m < 35 ? 1 : 50)
            for (int64_t n = 8; n <= 40; n += 32) {
                int64_t first = most - m;
                float *some = product_of(one, &(struct extent){m, n, k, n}, a + first * k, w);

                for (int64_t row = 0; row < m; row++)
                    assert_memory_equal(some + row * n, all + (first + row) * 40,
                                        (size_t)n * sizeof(*some));
                free(some);
            }
        free(a);
        free(w);
        free(all);
    }
}

static float float_of(uint16_t bits)
{
    uint32_t word = (uint32_t)bits << 16;
    float x;

    memcpy(&x, &word, sizeof(x));
    return x;
}

/* Of x[rows][n], wherever the layout has put them. */
static void check_parts(const float *x, int64_t rows, int64_t n, const struct bf16x3_layout *layout,
                        const uint16_t *parts)
{
    for (int64_t row = 0; row < rows; row++)
        for (int64_t i = 0; i < bf16x3_width(n) / 2; i++) {
            const uint16_t *part = parts + row / 16 * layout->group + row % 16 * layout->row +
                                   i / BF16X3_TERMS * layout->block + i % BF16X3_TERMS;
            float high = float_of(part[0]), low = float_of(part[layout->low]);
            float whole = i < n ? x[row * n + i] : 0;

            if (i >= n)
                assert_true(high == 0 && low == 0);
            else if (isfinite(whole))
                assert_true(fabs((double)high + (double)low - (double)whole) <=
                            0x1p-17 * fabs((double)whole));
            else /* what is no number does not become one */
                assert_false(isfinite(high + low));
        }
}

static void two_parts_of_a_number_are_the_number(void **state)
{
    static const float awkward[] = {0.0f,  -0.0f,    1.0f,     -1.00390625f, 1e-30f,   -3e30f,
                                    1e-4f, 65504.0f, 1.0f / 3, 0.99609375f,  INFINITY, NAN};
    enum { ROWS = 19, N = 64 + sizeof(awkward) / sizeof(*awkward) };
    const struct bf16x3_layout layout[] = {bf16x3_rows(N), bf16x3_tiles(N)};
    const struct bf16x3_kernel *kernel[2];
    int count = kernels(kernel);
    float *x = numbers(ROWS * N, 7);

    (void)state;
    memcpy(x, awkward, sizeof(awkward));
    for (int i = 0; i < 2 * count; i++) {
        uint16_t *parts = room(32 * bf16x3_width(N), sizeof(*parts));

        memset(parts, 0xff, (size_t)(32 * bf16x3_width(N)) * sizeof(*parts));
        kernel[i / 2]->split(x, N, ROWS, N, &layout[i % 2], parts);
        check_parts(x, ROWS, N, &layout[i % 2], parts);
        free(parts);
    }
    free(x);
}

/* c[row] = sum over taps of x[row + 3 tap] b_tap */
static void check_taps(const struct bf16x3_kernel *kernel, int64_t m, int64_t k, int64_t n)
{
    enum { TAPS = 4, SHIFT = 3 };
    int64_t rows = m + (TAPS - 1) * SHIFT, width = bf16x3_width(k);
    int64_t panel = bf16x3_packed_size(k, BF16X3_PANEL);
    float *x = numbers(rows * k, 8), *b = numbers(TAPS * k * n, 9), *c = room(m * n, sizeof(*c));
    uint16_t *a = room((rows + BF16X3_BEYOND) * width, sizeof(*a));
    uint16_t *packed = room(TAPS * bf16x3_packed_size(k, n), sizeof(*packed));
    const struct bf16x3_layout layout = bf16x3_rows(k);

    kernel->split(x, k, rows, k, &layout, a);
    for (int64_t tap = 0; tap < TAPS; tap++)
        bf16x3_pack(b + tap * k * n, n, 1, k, n, TAPS * panel, packed + tap * panel);
    kernel->product(&(struct bf16x3_product){.m = m,
                                             .n = n,
                                             .k = k,
                                             .taps = TAPS,
                                             .a = a,
                                             .layout = layout,
                                             .a_tap = SHIFT * width,
                                             .b = packed,
                                             .c = c,
                                             .c_row = n,
                                             .c_panel = BF16X3_PANEL});
    for (int64_t row = 0; row < m; row++)
        for (int64_t column = 0; column < n; column++) {
            double wanted = 0, sizes = 0;

            for (int64_t i = 0; i < TAPS * k; i++) {
                double term =
                    (double)x[(row + i / k * SHIFT) * k + i % k] * (double)b[i * n + column];

                wanted += term;
                sizes += fabs(term);
            }
            assert_true(fabs((double)c[row * n + column] - wanted) <=
                        (0x1p-15 + rounding(TAPS * bf16x3_width(k))) * sizes);
        }
    free(x);
    free(b);
    free(c);
    free(a);
    free(packed);
}

static void taps_are_summed(void **state)
{
    const struct bf16x3_kernel *kernel[2];
    int count = kernels(kernel);

    (void)state;
    for (int k = 0; k < count; k++) {
        check_taps(kernel[k], 50, 55, 32);
        check_taps(kernel[k], 32, 32, 64);
        check_taps(kernel[k], 70, 3, 9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_within_their_bound_of_those_in_double),
        cmocka_unit_test(the_processors_products_are_their_plain_twins),
        cmocka_unit_test(a_row_has_the_same_bits_whatever_stands_beside_it),
        cmocka_unit_test(two_parts_of_a_number_are_the_number),
        cmocka_unit_test(taps_are_summed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
