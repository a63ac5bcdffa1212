/* Every vector kernel against its plain twin, over sizes 1..67, and again for the same bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "common/random.h"
#include "worker/engine/kernel/kernel.h"

#define SIZE_MAX_TESTED 67
#define ROWS 5
#define ROOM (SIZE_MAX_TESTED * ROWS + 16)
#define SENTINEL 12345.0f

/* Values of both signs; the first ones are the awkward ones. */
static void fill(float *x, int64_t n, uint32_t purpose, double scale)
{
    static const float special[] = {0.0f, -0.0f, 1e-30f, -1e-30f, 1e-40f, 0.6f, -0.6f, 20.0f};

    for (int64_t i = 0; i < ROOM; i++)
        x[i] = SENTINEL;
    for (int64_t i = 0; i < n; i++)
        x[i] = i < 8 && purpose % 2 == 0
                   ? special[i]
                   : (float)(scale * random_normal(3, (uint64_t)i, (uint64_t)n, purpose));
}

static void assert_near(const float *a, const float *b, int64_t n, double tolerance)
{
    for (int64_t i = 0; i < n; i++) {
        double room = tolerance * (fabs((double)b[i]) + 1e-30);

        if (!(fabs((double)a[i] - (double)b[i]) <= room))
            fail_msg("element %ld of %ld: %.9g is not %.9g", (long)i, (long)n, (double)a[i],
                     (double)b[i]);
    }
    for (int64_t i = n; i < ROOM; i++)
        assert_true(a[i] == SENTINEL);
}

static void assert_same_bits(const float *a, const float *b)
{
    assert_memory_equal(a, b, ROOM * sizeof(*a));
}

static void each_kernel(void (*check)(const struct kernel *kernel, int64_t n))
{
    const struct kernel *kernel[KERNEL_COUNT_MAX];
    int count = kernel_list(kernel);

    assert_string_equal(kernel[count - 1]->name, "plain");
    for (int k = 0; k < count; k++)
        for (int64_t n = 1; n <= SIZE_MAX_TESTED; n++)
            check(kernel[k], n);
}

/* ---- activations ---- */

static void check_bias_activation(const struct kernel *kernel, int64_t width)
{
    float y[ROOM], twin[ROOM], again[ROOM], bias[ROOM];

    fill(bias, width, 2, 1);
    for (int activation = 0; activation < ACTIVATION_COUNT; activation++)
        for (int with_bias = 0; with_bias < 2; with_bias++) {
            fill(y, ROWS * width, 4, 3);
            memcpy(twin, y, sizeof(y));
            memcpy(again, y, sizeof(y));
            kernel->bias_activation(y, with_bias ? bias : NULL, ROWS, width,
                                    (enum activation)activation, 0.1f);
            kernel->bias_activation(again, with_bias ? bias : NULL, ROWS, width,
                                    (enum activation)activation, 0.1f);
            kernel_plain.bias_activation(twin, with_bias ? bias : NULL, ROWS, width,
                                         (enum activation)activation, 0.1f);
            assert_near(y, twin, ROWS * width, 5e-7);
            assert_same_bits(y, again);
        }
}

static void bias_and_activation_match_their_plain_twin(void **state)
{
    (void)state;
    each_kernel(check_bias_activation);
}

static void check_activation_gradient(const struct kernel *kernel, int64_t n)
{
    float y[ROOM], dy[ROOM], dz[ROOM], twin[ROOM];

    fill(dy, n, 5, 1);
    for (int activation = 0; activation < ACTIVATION_COUNT; activation++) {
        fill(y, n, 6, 0.3);
        fill(dz, 0, 1, 1);
        fill(twin, 0, 1, 1);
        kernel->activation_gradient(dz, dy, y, n, (enum activation)activation, 0.1f);
        kernel_plain.activation_gradient(twin, dy, y, n, (enum activation)activation, 0.1f);
        for (int64_t i = 0; i < n; i++)
            assert_true(fabsf(dz[i] - twin[i]) <= 3e-7f * (fabsf(dy[i]) + fabsf(twin[i])));
        assert_true(dz[n] == SENTINEL);
    }
}

static void activation_gradients_match_their_plain_twin(void **state)
{
    (void)state;
    each_kernel(check_activation_gradient);
}

static void not_a_number_passes_every_activation(void **state)
{
    const struct kernel *kernel[KERNEL_COUNT_MAX];
    int count = kernel_list(kernel);

    (void)state;
    for (int k = 0; k < count; k++)
        for (int activation = 0; activation < ACTIVATION_COUNT; activation++) {
            float y[3] = {1.0f, NAN, -1.0f};

            kernel[k]->bias_activation(y, NULL, 1, 3, (enum activation)activation, 0.1f);
            assert_true(isnan(y[1]));
            assert_false(isnan(y[0]) || isnan(y[2]));
        }
}

/* ---- sums, softmax, products of elements ---- */

static void check_add_columns(const struct kernel *kernel, int64_t width)
{
    float x[ROOM], sum[ROOM], twin[ROOM];

    fill(x, ROWS * width, 7, 1);
    fill(sum, width, 9, 1);
    memcpy(twin, sum, sizeof(sum));
    kernel->add_columns(sum, x, ROWS, width);
    kernel_plain.add_columns(twin, x, ROWS, width);
    assert_same_bits(sum, twin);
}

static void column_sums_have_the_plain_twins_bits(void **state)
{
    (void)state;
    each_kernel(check_add_columns);
}

static void check_softmax(const struct kernel *kernel, int64_t width)
{
    float x[ROOM], p[ROOM], twin[ROOM], again[ROOM];
    double loss[ROWS], twin_loss[ROWS];
    int32_t label[ROWS];

    fill(x, ROWS * width, 11, 4);
    for (int i = 0; i < ROWS; i++)
        label[i] = (int32_t)((7 * i + 3) % width);
    fill(p, 0, 1, 1);
    fill(twin, 0, 1, 1);
    memcpy(again, x, sizeof(x));
    kernel_plain.softmax_loss(twin, x, label, twin_loss, ROWS, width);
    kernel->softmax_loss(p, x, label, loss, ROWS, width);
    assert_near(p, twin, ROWS * width, 4e-6);
    for (int i = 0; i < ROWS; i++)
        assert_true(fabs(loss[i] - twin_loss[i]) <= 1e-6 * (1 + twin_loss[i]));
    kernel->softmax_loss(again, again, label, loss, ROWS, width); /* in place */
    assert_same_bits(p, again);
}

static void softmax_and_its_loss_match_their_plain_twin(void **state)
{
    (void)state;
    each_kernel(check_softmax);
}

static void softmax_survives_large_outputs(void **state)
{
    const struct kernel *kernel[KERNEL_COUNT_MAX];
    int count = kernel_list(kernel);
    const float x[3] = {1000.0f, 0.0f, -1000.0f};
    const int32_t label = 2;

    (void)state;
    for (int k = 0; k < count; k++) {
        float p[3];
        double loss;

        kernel[k]->softmax_loss(p, x, &label, &loss, 1, 3);
        assert_true(p[0] == 1.0f && p[1] == 0.0f && p[2] == 0.0f);
        assert_true(loss == 2000.0);
    }
}

static void check_multiply(const struct kernel *kernel, int64_t n)
{
    float x[ROOM], factor[ROOM], y[ROOM], twin[ROOM];
    float other[ROOM], other_factor[ROOM], other_twin[ROOM];

    fill(x, n, 12, 1);
    fill(factor, n, 13, 1);
    fill(y, 0, 1, 1);
    fill(twin, 0, 1, 1);
    kernel->multiply(y, x, factor, n);
    kernel_plain.multiply(twin, x, factor, n);
    assert_same_bits(y, twin);
    kernel->add(y, factor, n);
    kernel_plain.add(twin, factor, n);
    assert_same_bits(y, twin);
    kernel->scale(y, 0.3f, n);
    kernel_plain.scale(twin, 0.3f, n);
    assert_same_bits(y, twin);
    kernel->most(y, x, n);
    kernel_plain.most(twin, x, n);
    assert_same_bits(y, twin);
    memcpy(other, factor, sizeof(other));
    kernel->give_most(factor, other, x, y, n);
    fill(other_factor, n, 13, 1);
    memcpy(other_twin, other_factor, sizeof(other));
    kernel_plain.give_most(other_factor, other_twin, x, y, n);
    assert_same_bits(factor, other_factor);
    assert_same_bits(other, other_twin);
}

static void check_affine(const struct kernel *kernel, int64_t n)
{
    float x[ROWS * ROOM], y[ROWS][ROOM], twin[ROWS][ROOM];
    float centre[ROOM + KERNEL_AFFINE_ROOM], scale[ROOM + KERNEL_AFFINE_ROOM];
    float offset[ROOM + KERNEL_AFFINE_ROOM];
    const float *listed[ROWS];
    struct affine_rows rows = {.x = x,
                               .rows = ROWS,
                               .width = n,
                               .x_stride = n + 2,
                               .y_stride = ROOM,
                               .centre = centre,
                               .scale = scale,
                               .offset = offset,
                               .ahead = x};

    for (int row = 0; row < ROWS; row++) {
        fill(x + row * ROOM, ROOM, 12 + (uint32_t)row, 1);
        fill(y[row], 0, 1, 1);
        fill(twin[row], 0, 1, 1);
    }
    for (int64_t i = 0; i < ROOM + KERNEL_AFFINE_ROOM; i++) {
        centre[i] = (float)(i % 5) / 3;
        scale[i] = 1.0f / (float)(i + 3);
        offset[i] = (float)i / 7;
    }
    rows.y = y[0];
    kernel->affine(&rows);
    rows.y = twin[0];
    kernel_plain.affine(&rows);
    for (int row = 0; row < ROWS; row++)
        assert_same_bits(y[row], twin[row]);
    for (int row = 0; row < ROWS; row++) /* the same, the last one first */
        listed[row] = x + (ROWS - 1 - row) * rows.x_stride;
    rows.listed = rows.listed_ahead = listed;
    rows.y = y[0];
    kernel->affine(&rows);
    for (int row = 0; row < ROWS; row++)
        assert_same_bits(y[row], twin[ROWS - 1 - row]);
}

static void products_and_sums_of_elements_have_the_plain_twins_bits(void **state)
{
    (void)state;
    each_kernel(check_multiply);
    each_kernel(check_affine);
}

/* Some of these numbers of elements are few for a vector. */
static void check_permutation(const struct kernel *kernel, uint64_t n)
{
    enum { MOST = 1000 };
    struct permutation permutation;
    uint64_t index[MOST], twin[MOST], count = n < MOST ? n : MOST;
    struct error error;

    assert_true(permutation_init(&permutation, n, &error));
    permutation_draw(&permutation, 0x123456789abcdef0, 7, 0xfedcba98);
    permutation_range(&permutation, n - count, count, twin);
    permutation.rounds = kernel->permutation_rounds;
    permutation_range(&permutation, n - count, count, index);
    assert_memory_equal(index, twin, count * sizeof(*index));
    permutation_release(&permutation);
}

static void permutations_are_the_same_in_every_kernel(void **state)
{
    static const uint64_t sizes[] = {1, 2, 5, 17, 63, 64, 65, 1437, 80000, (uint64_t)5 << 32};
    const struct kernel *kernel[KERNEL_COUNT_MAX];

    (void)state;
    for (int k = kernel_list(kernel) - 1; k >= 0; k--)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            check_permutation(kernel[k], sizes[i]);
}

static void check_dropout_mask(const struct kernel *kernel, int64_t width)
{
    const struct mask_draw draw = {.seed = 0x123456789abcdef0,
                                   .row_id = 0xfedcba9876543210,
                                   .step = 77,
                                   .purpose = 0xfffffff8, /* the blocks' purposes wrap round */
                                   .threshold = 0x40000000,
                                   .keep = 1.25f};
    float mask[ROOM], twin[ROOM];

    fill(mask, 0, 1, 1);
    fill(twin, 0, 1, 1);
    kernel->dropout_mask(mask, 3 * width, &draw);
    kernel_plain.dropout_mask(twin, 3 * width, &draw);
    assert_same_bits(mask, twin);
    for (int64_t i = 0; i < 3 * width; i++) {
        uint32_t block = (uint32_t)(i / MASK_GROUP * MASK_GROUP_BLOCKS + i % MASK_GROUP_BLOCKS);
        uint32_t word = random_block(draw.seed, draw.row_id, draw.step, draw.purpose + block)
                            .word[i % MASK_GROUP / MASK_GROUP_BLOCKS];

        assert_true(mask[i] == (word < draw.threshold ? 0 : draw.keep));
    }
}

static void dropout_masks_are_the_words_of_philox_in_every_kernel(void **state)
{
    (void)state;
    each_kernel(check_dropout_mask);
}

/* ---- exp and tanh ---- */

static void check_functions(const struct kernel *kernel, int64_t n)
{
    float x[ROOM], y[ROOM], twin[ROOM];

    fill(x, n, 14, 8);
    fill(y, 0, 1, 1);
    fill(twin, 0, 1, 1);
    kernel->exp(y, x, n);
    kernel_plain.exp(twin, x, n);
    assert_near(y, twin, n, 2.5e-7);
    kernel->tanh(y, x, n);
    kernel_plain.tanh(twin, x, n);
    assert_near(y, twin, n, 4e-7);
}

static void exp_and_tanh_match_their_plain_twins(void **state)
{
    (void)state;
    each_kernel(check_functions);
}

/* The largest errors over a fine grid, against double. */
static void exp_and_tanh_are_good_to_two_units_in_the_last_place(void **state)
{
    const struct kernel *kernel[KERNEL_COUNT_MAX];
    int count = kernel_list(kernel);

    (void)state;
    for (int k = 0; k < count; k++)
        for (int64_t i = -400000; i <= 400000; i++) {
            float x = (float)i * 2e-4f, power, tangent;
            double expected = exp((double)x), squashed = tanh((double)x);

            kernel[k]->exp(&power, &x, 1);
            kernel[k]->tanh(&tangent, &x, 1);
            if (fabs((double)power - expected) > 2.4e-7 * expected + 1.5e-45)
                fail_msg("%s: exp(%.9g) is %.9g", kernel[k]->name, (double)x, (double)power);
            if (fabs((double)tangent - squashed) > 2.4e-7 * fabs(squashed))
                fail_msg("%s: tanh(%.9g) is %.9g", kernel[k]->name, (double)x, (double)tangent);
        }
}

/* y within two units in the last place of the C library's in long double. */
static void assert_double(const char *what, double x, double y, long double expected)
{
    if (fabsl((long double)y - expected) > 0x1p-51L * fabsl(expected) + 0x1p-1074L)
        fail_msg("%s(%.17g) is %.17g, not %.17Lg", what, x, y, expected);
}

static void exp_and_softplus_of_doubles_are_good_to_two_units_in_the_last_place(void **state)
{
    enum { N = 7001 }; /* no multiple of a vector */
    static const double far[] = {-800, 800, -INFINITY, INFINITY, NAN};
    const struct kernel *kernel[KERNEL_COUNT_MAX];
    int count = kernel_list(kernel);
    double x[N], power[N], soft[N];

    (void)state;
    for (int k = 0; k < count; k++) {
        for (int i = 0; i < N; i++)
            power[i] = x[i] = i % 2 ? 0.2 * (i - 3500) : 0.0017 * (i - 3500);
        kernel[k]->exp_double(power, power, N); /* in place */
        kernel[k]->softplus_double(soft, x, N);
        for (int i = 0; i < N; i++) {
            assert_double("exp", x[i], power[i], expl((long double)x[i]));
            assert_double("softplus", x[i], soft[i],
                          fmaxl((long double)x[i], 0) + log1pl(expl(-fabsl((long double)x[i]))));
        }
        kernel[k]->exp_double(power, far, 5);
        assert_true(power[0] == 0 && isinf(power[1]) && power[2] == 0 && isinf(power[3]));
        assert_true(isnan(power[4]));
        kernel[k]->softplus_double(soft, far, 5);
        assert_true(soft[0] == 0 && soft[1] == 800 && isinf(soft[3]) && isnan(soft[4]));
    }
}

static void log_of_doubles_is_good_to_four_units_in_the_last_place(void **state)
{
    enum { N = 7001 };
    static const double far[] = {0, INFINITY, -1, NAN, 1};
    const struct kernel *kernel[KERNEL_COUNT_MAX];
    int count = kernel_list(kernel);
    double x[N], y[N];

    (void)state;
    for (int k = 0; k < count; k++) {
        for (int i = 0; i < N; i++)
            y[i] = x[i] = i % 2 ? exp(0.1 * (i - 3500)) : 1 + 1e-3 * i;
        kernel[k]->log_double(y, y, N); /* in place */
        for (int i = 0; i < N; i++) {
            long double expected = logl((long double)x[i]);

            if (fabsl((long double)y[i] - expected) > 0x1p-50L * fabsl(expected))
                fail_msg("%s: log(%.17g) is %.17g", kernel[k]->name, x[i], y[i]);
        }
        kernel[k]->log_double(y, far, 5);
        assert_true(isinf(y[0]) && y[0] < 0 && isinf(y[1]) && isnan(y[2]) && isnan(y[3]));
        assert_true(y[4] == 0);
    }
}

static void exp_reaches_zero_and_infinity(void **state)
{
    const struct kernel *kernel[KERNEL_COUNT_MAX];
    int count = kernel_list(kernel);
    const float x[4] = {-200.0f, 200.0f, -INFINITY, INFINITY};

    (void)state;
    for (int k = 0; k < count; k++) {
        float y[4];

        kernel[k]->exp(y, x, 4);
        assert_true(y[0] == 0 && isinf(y[1]) && y[2] == 0 && isinf(y[3]));
        kernel[k]->tanh(y, x, 4);
        assert_true(y[0] == -1 && y[1] == 1 && y[2] == -1 && y[3] == 1);
    }
}

/* ---- optimizers ---- */

static void check_adam(const struct kernel *kernel, int64_t n)
{
    const struct adam_step step = {.rate = 0.01f,
                                   .beta1 = 0.9f,
                                   .beta2 = 0.999f,
                                   .rest1 = 0.1f,
                                   .rest2 = 0.001f,
                                   .epsilon = 1e-8f,
                                   .root = 2.0f};
    float value[2][ROOM], gradient[2][ROOM], first[2][ROOM], second[2][ROOM];

    for (int k = 0; k < 2; k++) {
        fill(value[k], n, 15, 1);
        fill(gradient[k], n, 17, 1);
        fill(first[k], n, 19, 1);
        fill(second[k], n, 21, 1);
        for (int64_t i = 0; i < n; i++)
            second[k][i] = fabsf(second[k][i]);
    }
    kernel->adam(value[0], gradient[0], first[0], second[0], n, &step);
    kernel_plain.adam(value[1], gradient[1], first[1], second[1], n, &step);
    for (int64_t i = 0; i < n; i++) {
        assert_true(gradient[0][i] == 0 && gradient[1][i] == 0);
        assert_true(fabsf(first[0][i] - first[1][i]) <= 3e-7f);
        assert_true(fabsf(second[0][i] - second[1][i]) <= 3e-7f * second[1][i]);
        assert_true(fabsf(value[0][i] - value[1][i]) <= 3e-7f * (1 + fabsf(value[1][i])));
    }
    assert_true(value[0][n] == SENTINEL && gradient[0][n] == SENTINEL);
    assert_true(first[0][n] == SENTINEL && second[0][n] == SENTINEL);
}

static void adam_matches_its_plain_twin(void **state)
{
    (void)state;
    each_kernel(check_adam);
}

static void check_sgd(const struct kernel *kernel, int64_t n)
{
    for (int mode = 0; mode < 3; mode++) {
        const struct sgd_step step = {.rate = 0.1f, .momentum = 0.9f, .nesterov = mode == 2};
        float value[2][ROOM], gradient[2][ROOM], velocity[2][ROOM];

        for (int k = 0; k < 2; k++) {
            fill(value[k], n, 15, 1);
            fill(gradient[k], n, 17, 1);
            fill(velocity[k], n, 19, 1);
        }
        kernel->sgd(value[0], gradient[0], mode > 0 ? velocity[0] : NULL, n, &step);
        kernel_plain.sgd(value[1], gradient[1], mode > 0 ? velocity[1] : NULL, n, &step);
        for (int64_t i = 0; i < n; i++) {
            assert_true(gradient[0][i] == 0 && gradient[1][i] == 0);
            assert_true(fabsf(velocity[0][i] - velocity[1][i]) <= 5e-7f);
            assert_true(fabsf(value[0][i] - value[1][i]) <= 5e-7f);
        }
        assert_true(value[0][n] == SENTINEL && velocity[0][n] == SENTINEL);
    }
}

static void sgd_matches_its_plain_twin(void **state)
{
    (void)state;
    each_kernel(check_sgd);
}

/* ---- small products ---- */

#define PRODUCT_K 9

static double twin_of_product(const struct product *product, const float *before, int64_t row,
                              int64_t column, int64_t panel)
{
    double sum = product->add ? (double)before[row * product->c_row + column] : 0;

    for (int p = 0; p < product->n_parts; p++) {
        const struct product_part *part = &product->part[p];

        for (int64_t k = 0; k < part->k; k++)
            sum +=
                (double)part->a[row * part->a_row + k * part->a_column] *
                (double)part->b[column / panel * part->b_panel + k * part->b_row + column % panel];
    }
    return sum;
}

static void assert_product(const struct kernel *kernel, struct product *product)
{
    float c[ROOM], before[ROOM];

    fill(c, product->m * product->c_row, 41, 1);
    memcpy(before, c, sizeof(c));
    product->c = c;
    kernel->product(product);
    for (int64_t i = 0; i < ROOM; i++) {
        int64_t row = i / product->c_row, column = i % product->c_row;
        double expected = (double)before[i];

        if (row < product->m && column < product->n)
            expected = twin_of_product(product, before, row, column, kernel->panel);
        if (!(fabs((double)c[i] - expected) <= 1e-5))
            fail_msg("%s: %ld x %ld: element %ld, %ld is %.9g, not %.9g", kernel->name,
                     (long)product->m, (long)product->n, (long)row, (long)column, (double)c[i],
                     expected);
    }
}

/* Panel by panel, zeros beyond n, from wherever the elements lie. */
static void check_pack(const struct kernel *kernel, int64_t n)
{
    static const int64_t depth[] = {1, 3, 4, 11};
    static float b[3 * 11 * SIZE_MAX_TESTED], packed[11 * 2 * SIZE_MAX_TESTED];

    for (size_t i = 0; i < sizeof(b) / sizeof(*b); i++)
        b[i] = (float)i + 1;
    for (size_t d = 0; d < sizeof(depth) / sizeof(*depth); d++) {
        int64_t k = depth[d], panel = kernel->panel;
        const int64_t stride[][2] = {{n, 1}, {1, k}, {1, k + 2}, {3, 3 * k}}; /* of rows, columns */

        assert_true((size_t)kernel_packed_size(kernel, k, n) <= sizeof(packed) / sizeof(*packed));
        for (size_t way = 0; way < sizeof(stride) / sizeof(*stride); way++) {
            memset(packed, 0xff, sizeof(packed));
            kernel_pack(kernel, b, stride[way][0], stride[way][1], k, n, packed);
            for (int64_t i = 0; i < kernel_packed_size(kernel, k, n); i++) {
                int64_t row = i / panel % k, column = i / (panel * k) * panel + i % panel;
                int64_t from = row * stride[way][0] + column * stride[way][1];

                assert_true(packed[i] == (column < n ? b[from] : 0));
            }
        }
    }
}

static void packed_matrices_are_whole(void **state)
{
    (void)state;
    each_kernel(check_pack);
}

static void check_product(const struct kernel *kernel, int64_t n)
{
    float a[ROOM], other[ROOM], b[ROOM], packed[2][PRODUCT_K * 2 * SIZE_MAX_TESTED];
    struct product_part part[3];
    int64_t rows = 1 + n % (ROOM / SIZE_MAX_TESTED); /* of c */

    fill(a, ROWS * PRODUCT_K, 43, 1);
    fill(other, ROWS * PRODUCT_K, 45, 1);
    fill(b, n * PRODUCT_K / 2, 47, 1);
    rows = rows > ROWS ? ROWS : rows;
    kernel_pack(kernel, b, 1, PRODUCT_K / 2, PRODUCT_K / 2, n, packed[0]); /* transposed */
    kernel_pack(kernel, b, n, 1, 3, n, packed[1]);
    part[0] = kernel_packed_part(kernel, a, PRODUCT_K, packed[0], PRODUCT_K / 2);
    part[1] = kernel_packed_part(kernel, other, PRODUCT_K, packed[1], 3);
    part[2] = (struct product_part){.a = a, /* transposed, and b as it is */
                                    .a_row = 1,
                                    .a_column = ROWS,
                                    .b = b,
                                    .b_row = n,
                                    .b_panel = kernel->panel,
                                    .k = 2};
    assert_true(kernel_packed_size(kernel, PRODUCT_K / 2, n) <= PRODUCT_K * 2 * SIZE_MAX_TESTED);
    for (int parts = 0; parts <= 3; parts++)
        assert_product(kernel, &(struct product){.m = rows,
                                                 .n = n,
                                                 .c_row = n,
                                                 .add = parts % 2 == 1,
                                                 .part = part,
                                                 .n_parts = parts});
}

static void small_products_are_those_of_the_schoolbook(void **state)
{
    (void)state;
    each_kernel(check_product);
}

/* Every height of a tile, and the same bits whatever the height. */
static void elements_of_a_product_know_nothing_of_the_rows_beside_them(void **state)
{
    const struct kernel *kernel[KERNEL_COUNT_MAX];
    int count = kernel_list(kernel);
    static float a[SIZE_MAX_TESTED * PRODUCT_K], c[SIZE_MAX_TESTED * SIZE_MAX_TESTED];
    static float b[SIZE_MAX_TESTED * PRODUCT_K], packed[2 * SIZE_MAX_TESTED * PRODUCT_K];
    float row[SIZE_MAX_TESTED];

    (void)state;
    for (int64_t i = 0; i < SIZE_MAX_TESTED * PRODUCT_K; i++) {
        a[i] = (float)random_normal(1, (uint64_t)i, 0, 1);
        b[i] = (float)random_normal(2, (uint64_t)i, 0, 1);
    }
    for (int k = 0; k < count; k++)
        for (int64_t n = 1; n <= SIZE_MAX_TESTED; n += 6) {
            struct product_part part;
            struct product product = {.n = n, .c_row = n, .part = &part, .n_parts = 1};

            kernel_pack(kernel[k], b, n, 1, PRODUCT_K, n, packed);
            for (int64_t m = 1; m <= SIZE_MAX_TESTED; m += m < 14 ? 1 : 5) {
                part = kernel_packed_part(kernel[k], a, PRODUCT_K, packed, PRODUCT_K);
                product.m = m;
                product.c = c;
                kernel[k]->product(&product);
                part.a = a + (m - 1) * PRODUCT_K;
                product.m = 1;
                product.c = row;
                kernel[k]->product(&product);
                assert_memory_equal(row, c + (m - 1) * n, (size_t)n * sizeof(*row));
            }
        }
}

/* ---- recurrent cells ---- */

#define CELL_ROWS 2

struct cells { /* what a step reads and writes */
    float gates[ROOM], cell[ROOM], output[ROOM], gradient[ROOM], cell_gradient[ROOM];
    float bias[ROOM], bias2[ROOM], before[ROOM], bias_gradient[ROOM], bias2_gradient[ROOM];
};

static void fill_cells(struct cells *cells, int64_t units)
{
    fill(cells->gates, CELL_ROWS * 4 * units, 50, 2);
    fill(cells->bias, 4 * units, 51, 1);
    fill(cells->bias2, 4 * units, 53, 1);
    fill(cells->before, CELL_ROWS * units, 55, 1);
    fill(cells->gradient, CELL_ROWS * units, 57, 1);
    fill(cells->cell_gradient, CELL_ROWS * units, 59, 1);
    fill(cells->bias_gradient, 4 * units, 61, 1);
    fill(cells->bias2_gradient, 4 * units, 63, 1);
    fill(cells->cell, 0, 1, 1);
    fill(cells->output, 0, 1, 1);
}

static void assert_cells_alike(const struct cells *cells, const struct cells *twin)
{
    const float *mine = (const float *)cells, *other = (const float *)twin;

    for (size_t i = 0; i < sizeof(*cells) / sizeof(float); i++)
        if (!(fabsf(mine[i] - other[i]) <= 2e-6f * (1 + fabsf(other[i]))))
            fail_msg("number %zu of array %zu: %.9g is not %.9g", i % ROOM, i / ROOM,
                     (double)mine[i], (double)other[i]);
}

static struct lstm_step lstm_of(struct cells *cells, int64_t units, int mode)
{
    return (struct lstm_step){.rows = CELL_ROWS,
                              .units = units,
                              .hard = mode & 1,
                              .gates = cells->gates,
                              .bias = mode & 2 ? cells->bias : NULL,
                              .bias2 = mode & 4 ? cells->bias2 : NULL,
                              .before = mode & 4 ? NULL : cells->before,
                              .cell = cells->cell,
                              .output = cells->output,
                              .output_row = units,
                              .output_gradient = cells->gradient,
                              .cell_gradient = cells->cell_gradient,
                              .bias_gradient = mode & 2 ? cells->bias_gradient : NULL,
                              .bias2_gradient = mode & 4 ? cells->bias2_gradient : NULL};
}

static struct gru_step gru_of(struct cells *cells, int64_t units, int mode)
{
    return (struct gru_step){.rows = CELL_ROWS,
                             .units = units,
                             .hard = mode & 1,
                             .gates = cells->gates,
                             .bias = mode & 2 ? cells->bias : NULL,
                             .bias2 = mode & 4 ? cells->bias2 : NULL,
                             .before = mode & 4 ? NULL : cells->before,
                             .state = cells->output,
                             .gradient = cells->gradient,
                             .bias_gradient = mode & 2 ? cells->bias_gradient : NULL,
                             .bias2_gradient = mode & 4 ? cells->bias2_gradient : NULL,
                             .reset_mask = mode & 2 ? cells->cell : NULL,
                             .reset_gradient = cells->cell_gradient};
}

/* Reset gate before the state's weights. */
static void check_reset_cells(const struct kernel *kernel, int64_t n)
{
    static struct cells cells, twin;
    int64_t units = (n + 1) / 2;

    for (int mode = 0; mode < 8; mode++) {
        const struct gru_step mine = gru_of(&cells, units, mode);
        const struct gru_step other = gru_of(&twin, units, mode);

        fill_cells(&cells, units);
        fill(cells.cell, CELL_ROWS * units, 65, 1);
        twin = cells;
        kernel->gru_reset(&mine);
        kernel_plain.gru_reset(&other);
        assert_cells_alike(&cells, &twin);
        kernel->gru_blend(&mine);
        kernel_plain.gru_blend(&other);
        assert_cells_alike(&cells, &twin);
        cells = twin; /* hard gates have kinks */
        kernel->gru_blend_backward(&mine);
        kernel_plain.gru_blend_backward(&other);
        assert_cells_alike(&cells, &twin);
        kernel->gru_reset_backward(&mine);
        kernel_plain.gru_reset_backward(&other);
        assert_cells_alike(&cells, &twin);
    }
}

/* Bit for bit. */
static void check_recall(const struct kernel *kernel, struct lstm_step *step)
{
    real *left = step->cell, again[ROOM] = {0};

    step->cell = again;
    kernel->lstm_recall(step);
    assert_memory_equal(again, left, (size_t)(step->rows * step->units) * sizeof(real));
    step->cell = left;
}

static void check_cells(const struct kernel *kernel, int64_t n)
{
    static struct cells cells, twin;
    int64_t units = (n + 1) / 2; /* the room is for five rows of 67 */

    for (int mode = 0; mode < 8; mode++)
        for (int gru = 0; gru < 2; gru++) {
            struct lstm_step lstm = lstm_of(&cells, units, mode);
            struct lstm_step lstm_twin = lstm_of(&twin, units, mode);
            struct gru_step other = gru_of(&cells, units, mode);
            struct gru_step other_twin = gru_of(&twin, units, mode);

            fill_cells(&cells, units);
            twin = cells;
            if (gru) {
                kernel->gru_forward(&other);
                kernel_plain.gru_forward(&other_twin);
            } else {
                kernel->lstm_forward(&lstm);
                kernel_plain.lstm_forward(&lstm_twin);
            }
            assert_cells_alike(&cells, &twin);
            if (!gru)
                check_recall(kernel, &lstm);
            cells = twin; /* hard gates have kinks */
            if (gru) {
                kernel->gru_backward(&other);
                kernel_plain.gru_backward(&other_twin);
            } else {
                kernel->lstm_backward(&lstm);
                kernel_plain.lstm_backward(&lstm_twin);
            }
            assert_cells_alike(&cells, &twin);
        }
}

static void recurrent_cells_match_their_plain_twins(void **state)
{
    (void)state;
    each_kernel(check_cells);
    each_kernel(check_reset_cells);
}

/* ---- choice, products, denormals ---- */

static void kernel_can_be_chosen_by_name(void **state)
{
    const struct kernel *kernel[KERNEL_COUNT_MAX];
    int count = kernel_list(kernel);

    (void)state;
    for (int k = 0; k < count; k++) {
        setenv("NIGHTJAR_KERNEL", kernel[k]->name, 1);
        assert_ptr_equal(kernel_pick(), kernel[k]);
    }
    setenv("NIGHTJAR_KERNEL", "abacus", 1);
    assert_ptr_equal(kernel_pick(), kernel[0]);
    unsetenv("NIGHTJAR_KERNEL");
    assert_ptr_equal(kernel_pick(), kernel[0]);
}

static double product_at(const float *a, const float *b, bool ta, bool tb, int64_t m, int64_t n,
                         int64_t k, int64_t row, int64_t column)
{
    double sum = 0;

    for (int64_t i = 0; i < k; i++)
        sum += (double)(ta ? a[i * m + row] : a[row * k + i]) *
               (double)(tb ? b[column * k + i] : b[i * n + column]);
    return sum;
}

static void products_are_those_of_the_schoolbook(void **state)
{
    const int64_t m = 5, n = 7, k = 3;
    float a[ROOM], b[ROOM], c[ROOM], before[ROOM];

    (void)state;
    fill(a, m * k, 31, 1);
    fill(b, n * k, 33, 1);
    for (int way = 0; way < 4; way++) {
        bool ta = way & 1, tb = way & 2;

        fill(c, m * n, 35, 1);
        memcpy(before, c, sizeof(c));
        kernel_product(ta, tb, m, n, k, 2, a, b, 1, c);
        for (int64_t i = 0; i < m * n; i++) {
            double expected =
                (double)before[i] + 2 * product_at(a, b, ta, tb, m, n, k, i / n, i % n);

            assert_true(fabs((double)c[i] - expected) < 1e-5);
        }
    }
}

static void assert_schoolbook(const struct matrix_product *product)
{
    for (int64_t i = 0; i < product->m * product->c_row; i++) {
        int64_t row = i / product->c_row, column = i % product->c_row;
        double expected = 0.5;

        if (column < product->n)
            expected =
                (product->add ? 0.5 : 0) + product_at(product->a, product->b, product->transpose_a,
                                                      product->transpose_b, product->m, product->n,
                                                      product->k, row, column);
        assert_true(fabs((double)product->c[i] - expected) < 1e-4);
    }
}

static void fill_half(float *c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        c[i] = 0.5f;
}

/* Deeper than a block, narrower than the matrices they lie in, either way round. */
static void check_product_within(const struct kernel *kernel, int64_t n)
{
    static float a[320 * 8], b[320 * SIZE_MAX_TESTED], c[8 * (SIZE_MAX_TESTED + 3)];
    static float packed[320 * 2 * SIZE_MAX_TESTED];
    const int64_t m = 5, k = n % 3 == 0 ? 300 : n;

    for (size_t i = 0; i < sizeof(a) / sizeof(*a); i++)
        a[i] = (float)random_normal(1, i, 0, 1);
    for (size_t i = 0; i < sizeof(b) / sizeof(*b); i++)
        b[i] = (float)random_normal(2, i, 0, 1);
    for (int way = 0; way < 8; way++) {
        bool ta = way & 1, tb = way & 2, add = way & 4;
        const struct matrix_product product = {.kernel = kernel,
                                               .transpose_a = ta,
                                               .transpose_b = tb,
                                               .add = add,
                                               .m = m,
                                               .n = n,
                                               .k = k,
                                               .a = a,
                                               .a_row = ta ? m : k,
                                               .b = b,
                                               .b_row = tb ? k : n,
                                               .c = c,
                                               .c_row = n + 3};

        fill_half(c, sizeof(c) / sizeof(*c));
        kernel_product_within(&product);
        assert_schoolbook(&product);
        if (ta)
            continue;
        assert_true((size_t)kernel_packed_size(kernel, k, n) <= sizeof(packed) / sizeof(*packed));
        kernel_pack(kernel, b, tb ? 1 : n, tb ? k : 1, k, n, packed);
        fill_half(c, sizeof(c) / sizeof(*c));
        kernel_product_packed(&product, packed);
        assert_schoolbook(&product);
    }
}

static void products_within_matrices_are_those_of_the_schoolbook(void **state)
{
    (void)state;
    each_kernel(check_product_within);
}

/* a of many columns, transposed: few rows of c are taken at a time, or c is turned. The same bits
 * as from one product, which asks the memory for something meanwhile. */
static void check_turned_within(const struct kernel *kernel, int64_t n)
{
    enum { M = 70, K = 300, WIDE = 600 };
    static float a[K * WIDE], b[K * SIZE_MAX_TESTED], c[2][M * (SIZE_MAX_TESTED + 3)];
    const struct product_part part = {
        .a = a, .a_row = 1, .a_column = WIDE, .b = b, .b_row = n, .b_panel = kernel->panel, .k = K};

    for (size_t i = 0; a[0] == 0 && i < sizeof(a) / sizeof(*a); i++)
        a[sizeof(a) / sizeof(*a) - 1 - i] = (float)random_normal(1, i, 0, 1);
    for (size_t i = 0; i < sizeof(b) / sizeof(*b); i++)
        b[i] = (float)random_normal(2, i, 0, 1);
    for (int add = 0; add < 2; add++) {
        for (size_t i = 0; i < sizeof(c[0]) / sizeof(*c[0]); i++)
            c[0][i] = c[1][i] = 0.5f;
        kernel_product_within(&(struct matrix_product){.kernel = kernel,
                                                       .transpose_a = true,
                                                       .add = add,
                                                       .m = M,
                                                       .n = n,
                                                       .k = K,
                                                       .a = a,
                                                       .a_row = WIDE,
                                                       .b = b,
                                                       .b_row = n,
                                                       .c = c[0],
                                                       .c_row = n + 3});
        kernel->product(&(struct product){.m = M,
                                          .n = n,
                                          .c = c[1],
                                          .c_row = n + 3,
                                          .add = add,
                                          .part = &part,
                                          .n_parts = 1,
                                          .soon = a,
                                          .n_soon = K * WIDE});
        for (int64_t i = 0; i < M * (n + 3); i++) {
            int64_t row = i / (n + 3), column = i % (n + 3);
            double expected = add ? 0.5 : 0;

            for (int64_t k = 0; k < K; k++)
                expected += (double)a[k * WIDE + row] * (double)b[k * n + column % n];
            assert_true(fabs((double)c[1][i] - (column < n ? expected : 0.5)) < 1e-3);
            if (kernel != &kernel_plain)
                assert_true(memcmp(&c[0][i], &c[1][i], sizeof(float)) == 0);
            else
                assert_true(fabs((double)c[0][i] - (double)c[1][i]) < 1e-3);
        }
    }
}

static void products_of_many_columns_turned_are_the_same(void **state)
{
    (void)state;
    each_kernel(check_turned_within);
}

static void denormals_are_zero_only_while_flushed(void **state)
{
    volatile float tiny = 1e-38f, half = 0.5f, tenth = 0.01f;
    unsigned saved;

    (void)state;
    assert_true(tiny * tenth * half > 0);
    saved = kernel_flush_denormals();
    assert_true(tiny * tenth * half == 0);
    kernel_restore_denormals(saved);
    assert_true(tiny * tenth * half > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bias_and_activation_match_their_plain_twin),
        cmocka_unit_test(activation_gradients_match_their_plain_twin),
        cmocka_unit_test(not_a_number_passes_every_activation),
        cmocka_unit_test(column_sums_have_the_plain_twins_bits),
        cmocka_unit_test(softmax_and_its_loss_match_their_plain_twin),
        cmocka_unit_test(softmax_survives_large_outputs),
        cmocka_unit_test(products_and_sums_of_elements_have_the_plain_twins_bits),
        cmocka_unit_test(permutations_are_the_same_in_every_kernel),
        cmocka_unit_test(dropout_masks_are_the_words_of_philox_in_every_kernel),
        cmocka_unit_test(exp_and_tanh_match_their_plain_twins),
        cmocka_unit_test(exp_and_tanh_are_good_to_two_units_in_the_last_place),
        cmocka_unit_test(exp_and_softplus_of_doubles_are_good_to_two_units_in_the_last_place),
        cmocka_unit_test(log_of_doubles_is_good_to_four_units_in_the_last_place),
        cmocka_unit_test(exp_reaches_zero_and_infinity),
        cmocka_unit_test(adam_matches_its_plain_twin),
        cmocka_unit_test(sgd_matches_its_plain_twin),
        cmocka_unit_test(packed_matrices_are_whole),
        cmocka_unit_test(small_products_are_those_of_the_schoolbook),
        cmocka_unit_test(elements_of_a_product_know_nothing_of_the_rows_beside_them),
        cmocka_unit_test(recurrent_cells_match_their_plain_twins),
        cmocka_unit_test(kernel_can_be_chosen_by_name),
        cmocka_unit_test(products_are_those_of_the_schoolbook),
        cmocka_unit_test(products_within_matrices_are_those_of_the_schoolbook),
        cmocka_unit_test(products_of_many_columns_turned_are_the_same),
        cmocka_unit_test(denormals_are_zero_only_while_flushed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
