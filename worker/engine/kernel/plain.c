/*
 * The reference: the same loops in plain C, in float or double. exp and tanh are the C library's.
 */
#include "worker/engine/kernel/kernel.h"

#include <math.h>
#include <stddef.h>
#include <tgmath.h>

#include "common/random.h"

static real activate(real z, enum activation activation, real alpha)
{
    switch (activation) {
    case ACTIVATION_RELU:
        return z < 0 ? 0 : z; /* NaN stays NaN */
    case ACTIVATION_LEAKY_RELU:
        return z > 0 ? z : alpha * z;
    case ACTIVATION_TANH:
        return tanh(z);
    case ACTIVATION_SIGMOID:
        return (real)1 / ((real)1 + exp(-z));
    default:
        return z;
    }
}

static real slope(real y, enum activation activation, real alpha)
{
    switch (activation) {
    case ACTIVATION_RELU:
        return y > 0 ? 1 : 0;
    case ACTIVATION_LEAKY_RELU:
        return y > 0 ? 1 : alpha;
    case ACTIVATION_TANH:
        return (real)1 - y * y;
    case ACTIVATION_SIGMOID:
        return y * ((real)1 - y);
    default:
        return 1;
    }
}

static void plain_bias_activation(real *y, const real *bias, int64_t rows, int64_t width,
                                  enum activation activation, real alpha)
{
    for (int64_t row = 0; row < rows; row++, y += width)
        for (int64_t i = 0; i < width; i++)
            y[i] = activate(bias ? y[i] + bias[i] : y[i], activation, alpha);
}

static void plain_activation_gradient(real *dz, const real *dy, const real *y, int64_t n,
                                      enum activation activation, real alpha)
{
    for (int64_t i = 0; i < n; i++)
        dz[i] = dy[i] * slope(y[i], activation, alpha);
}

static void plain_add_columns(real *sum, const real *x, int64_t rows, int64_t width)
{
    for (int64_t row = 0; row < rows; row++, x += width)
        for (int64_t i = 0; i < width; i++)
            sum[i] += x[i];
}

static void plain_softmax_loss(real *p, const real *x, const int32_t *label, double *loss,
                               int64_t rows, int64_t width)
{
    for (int64_t row = 0; row < rows; row++, p += width, x += width) {
        real top = x[0], sum = 0;
        real truth;

        for (int64_t i = 1; i < width; i++)
            top = x[i] > top ? x[i] : top;
        truth = x[label[row]] - top;
        for (int64_t i = 0; i < width; i++)
            sum += p[i] = exp(x[i] - top);
        for (int64_t i = 0; i < width; i++)
            p[i] /= sum;
        loss[row] = log((double)sum) - (double)truth;
    }
}

static void plain_adam(real *value, real *gradient, real *first, real *second, int64_t n,
                       const struct adam_step *step)
{
    for (int64_t i = 0; i < n; i++) {
        real g = gradient[i];

        first[i] = step->beta1 * first[i] + step->rest1 * g;
        second[i] = step->beta2 * second[i] + step->rest2 * (g * g);
        value[i] -= step->rate * first[i] / (sqrt(second[i]) * step->root + step->epsilon);
        gradient[i] = 0;
    }
}

static void plain_sgd(real *value, real *gradient, real *velocity, int64_t n,
                      const struct sgd_step *step)
{
    for (int64_t i = 0; i < n; i++) {
        real g = gradient[i];

        if (velocity) {
            velocity[i] = step->momentum * velocity[i] + g;
            g = step->nesterov ? g + step->momentum * velocity[i] : velocity[i];
        }
        value[i] -= step->rate * g;
        gradient[i] = 0;
    }
}

static void plain_multiply(real *y, const real *x, const real *factor, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * factor[i];
}

static void plain_dropout_mask(real *mask, int64_t width, const struct mask_draw *draw)
{
    int64_t groups = (width + MASK_GROUP - 1) / MASK_GROUP;

    for (int64_t block = 0; block < groups * MASK_GROUP_BLOCKS; block++) {
        struct philox_block bits =
            random_block(draw->seed, draw->row_id, draw->step, draw->purpose + (uint32_t)block);
        int64_t i = block / MASK_GROUP_BLOCKS * MASK_GROUP + block % MASK_GROUP_BLOCKS;

        for (int k = 0; k < 4 && i < width; k++, i += MASK_GROUP_BLOCKS)
            mask[i] = bits.word[k] < draw->threshold ? 0 : draw->keep;
    }
}

static void plain_exp(real *y, const real *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = exp(x[i]);
}

static void plain_tanh(real *y, const real *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = tanh(x[i]);
}

const struct kernel kernel_plain = {
    .name = "plain",
    .bias_activation = plain_bias_activation,
    .activation_gradient = plain_activation_gradient,
    .add_columns = plain_add_columns,
    .softmax_loss = plain_softmax_loss,
    .adam = plain_adam,
    .sgd = plain_sgd,
    .multiply = plain_multiply,
    .dropout_mask = plain_dropout_mask,
    .exp = plain_exp,
    .tanh = plain_tanh,
};
