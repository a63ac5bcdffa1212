/*
 * The reference: the same loops in plain C, in float or double. exp and tanh are the C library's.
 */
#include "worker/engine/kernel/kernel.h"

#include <math.h>
#include <stddef.h>
#include <tgmath.h>

#include "common/random.h"

#define PLAIN_PANEL 8

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
    case ACTIVATION_ELU:
        return z > 0 ? z : alpha * expm1(z);
    case ACTIVATION_HARD_SIGMOID:
        z = (real)0.2 * z + (real)0.5;
        return z < 0 ? 0 : (z > 1 ? 1 : z);
    case ACTIVATION_SOFTPLUS:
        return (z > 0 ? z : 0) + log1p(exp(-fabs(z)));
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
    case ACTIVATION_ELU:
        return y > 0 ? 1 : y + alpha;
    case ACTIVATION_HARD_SIGMOID:
        return y > 0 && y < 1 ? (real)0.2 : 0;
    case ACTIVATION_SOFTPLUS:
        return -expm1(-y);
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

static void plain_scale(real *y, real factor, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] *= factor;
}

static void plain_most(real *y, const real *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] > y[i] ? x[i] : y[i];
}

static void plain_give_most(real *dx, real *dy, const real *x, const real *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (x[i] == y[i]) {
            dx[i] += dy[i];
            dy[i] = 0;
        }
}

static void plain_add(real *y, const real *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += x[i];
}

static void plain_multiply(real *y, const real *x, const real *factor, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * factor[i];
}

static void plain_affine(const struct affine_rows *rows)
{
    for (int64_t row = 0; row < rows->rows; row++) {
        const float *x = rows->listed ? rows->listed[row] : rows->x + row * rows->x_stride;
        real *y = rows->y + row * rows->y_stride;

        for (int64_t i = 0; i < rows->width; i++)
            y[i] = ((real)x[i] - rows->centre[i]) * rows->scale[i] + rows->offset[i];
    }
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

static void plain_exp_double(double *y, const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = exp(x[i]);
}

static void plain_log_double(double *y, const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = log(x[i]);
}

static void plain_softplus_double(double *y, const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = (x[i] < 0 ? 0 : x[i]) + log1p(exp(-fabs(x[i])));
}

/* ---- recurrent cells ---- */

static real gate(real z, bool hard)
{
    real line = (real)0.2 * z + (real)0.5;

    if (!hard)
        return (real)1 / ((real)1 + exp(-z));
    return line < 0 ? 0 : (line > 1 ? 1 : line);
}

static real gate_slope(real y, bool hard)
{
    if (!hard)
        return y * ((real)1 - y);
    return y > 0 && y < 1 ? (real)0.2 : 0;
}

static real biased(real z, const real *bias, const real *bias2, int64_t i)
{
    return z + (bias ? bias[i] : 0) + (bias2 ? bias2[i] : 0);
}

static void plain_lstm_forward(const struct lstm_step *step)
{
    int64_t units = step->units;

    for (int64_t row = 0; row < step->rows; row++)
        for (int64_t i = 0; i < units; i++) {
            real *z = step->gates + row * 4 * units + i;
            real before = step->before ? step->before[row * units + i] : 0;
            real cell;

            for (int64_t k = 0; k < 4; k++) {
                real sum = biased(z[k * units], step->bias, step->bias2, k * units + i);

                z[k * units] = k == 2 ? tanh(sum) : gate(sum, step->hard);
            }
            cell = z[units] * before + z[0] * z[2 * units];
            step->cell[row * units + i] = cell;
            step->output[row * step->output_row + i] = z[3 * units] * tanh(cell);
        }
}

static void plain_lstm_recall(const struct lstm_step *step)
{
    int64_t units = step->units;

    for (int64_t row = 0; row < step->rows; row++)
        for (int64_t i = 0; i < units; i++) {
            const real *z = step->gates + row * 4 * units + i;
            real before = step->before ? step->before[row * units + i] : 0;

            step->cell[row * units + i] = z[units] * before + z[0] * z[2 * units];
        }
}

/* dc += dy o (1 - tanh^2 c)   do = dy tanh c   di = dc g   df = dc c'   dg = dc i   dc' = dc f */
static void plain_lstm_backward(const struct lstm_step *step)
{
    int64_t units = step->units;

    for (int64_t row = 0; row < step->rows; row++)
        for (int64_t i = 0; i < units; i++) {
            int64_t at = row * units + i;
            real *z = step->gates + row * 4 * units + i;
            real in = z[0], forget = z[units], fresh = z[2 * units], out = z[3 * units];
            real squashed = tanh(step->cell[at]), dy = step->output_gradient[at];
            real before = step->before ? step->before[at] : 0;
            real dc = step->cell_gradient[at] + dy * out * ((real)1 - squashed * squashed);

            step->cell_gradient[at] = dc * forget;
            z[0] = dc * fresh * gate_slope(in, step->hard);
            z[units] = dc * before * gate_slope(forget, step->hard);
            z[2 * units] = dc * in * ((real)1 - fresh * fresh);
            z[3 * units] = dy * squashed * gate_slope(out, step->hard);
            for (int64_t k = 0; step->bias_gradient && k < 4; k++)
                step->bias_gradient[k * units + i] += z[k * units];
            for (int64_t k = 0; step->bias2_gradient && k < 4; k++)
                step->bias2_gradient[k * units + i] += z[k * units];
        }
}

/* n = tanh(a + r b), where a comes of the input and b of the state;  h = n + z (h' - n) */
static void plain_gru_forward(const struct gru_step *step)
{
    int64_t units = step->units;

    for (int64_t row = 0; row < step->rows; row++)
        for (int64_t i = 0; i < units; i++) {
            real *z = step->gates + row * 4 * units + i;
            real before = step->before ? step->before[row * units + i] : 0;
            real fresh;

            for (int64_t k = 0; k < 2; k++)
                z[k * units] =
                    gate(biased(z[k * units], step->bias, step->bias2, k * units + i), step->hard);
            z[3 * units] = biased(z[3 * units], step->bias2, NULL, 2 * units + i);
            fresh =
                tanh(biased(z[2 * units], step->bias, NULL, 2 * units + i) + z[0] * z[3 * units]);
            z[2 * units] = fresh;
            step->state[row * units + i] = fresh + z[units] * (before - fresh);
        }
}

static void plain_gru_backward(const struct gru_step *step)
{
    int64_t units = step->units;

    for (int64_t row = 0; row < step->rows; row++)
        for (int64_t i = 0; i < units; i++) {
            int64_t at = row * units + i;
            real *z = step->gates + row * 4 * units + i;
            real reset = z[0], keep = z[units], fresh = z[2 * units], of_state = z[3 * units];
            real before = step->before ? step->before[at] : 0, dh = step->gradient[at];
            real dn = dh * ((real)1 - keep) * ((real)1 - fresh * fresh);

            step->gradient[at] = dh * keep;
            z[0] = dn * of_state * gate_slope(reset, step->hard);
            z[units] = dh * (before - fresh) * gate_slope(keep, step->hard);
            z[2 * units] = dn;
            z[3 * units] = dn * reset;
            for (int64_t k = 0; step->bias_gradient && k < 3; k++)
                step->bias_gradient[k * units + i] += z[k * units];
            for (int64_t k = 0; step->bias2_gradient && k < 3; k++)
                step->bias2_gradient[k * units + i] += z[(k < 2 ? k : 3) * units];
        }
}

/* r, z = gate(...)   into the fourth: r h' */
static void plain_gru_reset(const struct gru_step *step)
{
    int64_t units = step->units;

    for (int64_t row = 0; row < step->rows; row++)
        for (int64_t i = 0; i < units; i++) {
            int64_t at = row * units + i;
            real *z = step->gates + row * 4 * units + i;
            real before = step->before ? step->before[at] : 0;

            for (int64_t k = 0; k < 2; k++)
                z[k * units] =
                    gate(biased(z[k * units], step->bias, step->bias2, k * units + i), step->hard);
            z[3 * units] = z[0] * (step->reset_mask ? before * step->reset_mask[at] : before);
        }
}

/* n = tanh(...)   h = n + z (h' - n) */
static void plain_gru_blend(const struct gru_step *step)
{
    int64_t units = step->units;

    for (int64_t row = 0; row < step->rows; row++)
        for (int64_t i = 0; i < units; i++) {
            real *z = step->gates + row * 4 * units + i;
            real before = step->before ? step->before[row * units + i] : 0;
            real fresh = tanh(biased(z[2 * units], step->bias, step->bias2, 2 * units + i));

            z[2 * units] = fresh;
            step->state[row * units + i] = fresh + z[units] * (before - fresh);
        }
}

static void plain_gru_blend_backward(const struct gru_step *step)
{
    int64_t units = step->units;

    for (int64_t row = 0; row < step->rows; row++)
        for (int64_t i = 0; i < units; i++) {
            int64_t at = row * units + i;
            real *z = step->gates + row * 4 * units + i;
            real keep = z[units], fresh = z[2 * units];
            real before = step->before ? step->before[at] : 0, dh = step->gradient[at];

            step->gradient[at] = dh * keep;
            z[units] = dh * (before - fresh) * gate_slope(keep, step->hard);
            z[2 * units] = dh * ((real)1 - keep) * ((real)1 - fresh * fresh);
            for (int64_t k = 1; step->bias_gradient && k < 3; k++)
                step->bias_gradient[k * units + i] += z[k * units];
            for (int64_t k = 1; step->bias2_gradient && k < 3; k++)
                step->bias2_gradient[k * units + i] += z[k * units];
        }
}

/* d = gradient of r h', masked:   dr = d h'   dh' += d r */
static void plain_gru_reset_backward(const struct gru_step *step)
{
    int64_t units = step->units;

    for (int64_t row = 0; row < step->rows; row++)
        for (int64_t i = 0; i < units; i++) {
            int64_t at = row * units + i;
            real *z = step->gates + row * 4 * units + i;
            real before = step->before ? step->before[at] : 0, reset = z[0];
            real d = step->reset_gradient[at] * (step->reset_mask ? step->reset_mask[at] : 1);

            step->gradient[at] += d * reset;
            z[0] = d * before * gate_slope(reset, step->hard);
            if (step->bias_gradient)
                step->bias_gradient[i] += z[0];
            if (step->bias2_gradient)
                step->bias2_gradient[i] += z[0];
        }
}

static void plain_product(const struct product *product)
{
    for (int64_t row = 0; row < product->m; row++)
        for (int64_t column = 0; column < product->n; column++) {
            real *c = &product->c[row * product->c_row + column];
            real sum = product->add ? *c : 0;

            for (int p = 0; p < product->n_parts; p++) {
                const struct product_part *part = &product->part[p];
                const real *a = part->a + row * part->a_row;
                const real *b =
                    part->b + column / PLAIN_PANEL * part->b_panel + column % PLAIN_PANEL;

                for (int64_t k = 0; k < part->k; k++)
                    sum += a[k * part->a_column] * b[k * part->b_row];
            }
            *c = sum;
        }
}

const struct kernel kernel_plain = {
    .name = "plain",
    .panel = PLAIN_PANEL,
    .bias_activation = plain_bias_activation,
    .activation_gradient = plain_activation_gradient,
    .add_columns = plain_add_columns,
    .softmax_loss = plain_softmax_loss,
    .adam = plain_adam,
    .sgd = plain_sgd,
    .scale = plain_scale,
    .most = plain_most,
    .give_most = plain_give_most,
    .add = plain_add,
    .multiply = plain_multiply,
    .affine = plain_affine,
    .dropout_mask = plain_dropout_mask,
    .permutation_rounds = permutation_rounds,
    .product = plain_product,
    .lstm_forward = plain_lstm_forward,
    .lstm_backward = plain_lstm_backward,
    .lstm_recall = plain_lstm_recall,
    .gru_forward = plain_gru_forward,
    .gru_backward = plain_gru_backward,
    .gru_reset = plain_gru_reset,
    .gru_blend = plain_gru_blend,
    .gru_blend_backward = plain_gru_blend_backward,
    .gru_reset_backward = plain_gru_reset_backward,
    .exp = plain_exp,
    .tanh = plain_tanh,
    .exp_double = plain_exp_double,
    .softplus_double = plain_softplus_double,
    .log_double = plain_log_double,
};
