/*
 * The kernels in vectors, written once and included by each instruction set's file, which defines
 *
 *   VECTOR_ISA             the functions' target attribute
 *   VECTOR, MASK, LANES    a vector of LANES floats; which of them count
 *   PANEL_VECTORS          vectors of a panel of packed columns
 *   v_set v_add v_sub v_mul v_div v_sqrt v_max v_min v_fma (a b + c) v_fnma (c - a b) v_round
 *   v_equal (x == y ? a : b)   v_positive (z > 0 ? a : b)   v_absolute   v_copy_sign (magnitude,
 *   sign)   v_power (x 2^n)   v_mask   v_load   v_store   v_load_part (others 0)   v_store_part
 *   v_load_far (as v_load_part, where x may lie in no near cache)
 *   v_sum v_most over the lanes, always in the same order
 *   WORDS                  a vector of LANES 32-bit words
 *   u_set u_add u_xor u_lanes (0 1 2 ...)   u_products (low and high halves of a b)
 *   u_keep (a < threshold ? 0 : keep)
 *   KERNEL_TABLE, KERNEL_NAME, and what vector_double.h wants
 *
 * exp: x = n ln 2 + r, |r| <= ln 2 / 2; exp r = 1 + r + r^2 q(r). tanh: x + x^3 q(x^2) for
 * |x| < 0.6, else 1 - 2 / (exp 2|x| + 1). The polynomials q are minimax fits of the relative error
 * (3e-9), made with Lawson's iteration.
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline)) VECTOR_ISA
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* n elements of which the first `LANES`, or those of the mask, are at hand. */
INLINE VECTOR load(const float *from, MASK mask, bool whole)
{
    return whole ? v_load(from) : v_load_part(from, mask);
}

INLINE void store(float *to, VECTOR x, MASK mask, bool whole)
{
    if (whole)
        v_store(to, x);
    else
        v_store_part(to, x, mask);
}

/* Runs `call` with i, mask and whole for all of n elements. */
#define FOR_VECTORS(n, call)                 \
    do {                                     \
        int64_t i = 0;                       \
        MASK mask = v_mask(LANES);           \
        bool whole = true;                   \
                                             \
        for (; i + LANES <= (n); i += LANES) \
            call;                            \
        if (i < (n)) {                       \
            mask = v_mask((n)-i);            \
            whole = false;                   \
            call;                            \
        }                                    \
    } while (0)

INLINE VECTOR exp_of(VECTOR x)
{
    VECTOR n, r, q;

    /* beyond these exp is 0 or infinite; the bounds come first so that NaN passes */
    x = v_max(v_set(-104.0f), v_min(v_set(89.0f), x));
    n = v_round(v_mul(x, v_set(1.44269504f)));
    r = v_fnma(n, v_set(0.693359375f), x);
    r = v_fnma(n, v_set(-2.12194440e-4f), r);
    q = v_fma(v_set(1.3814467e-3f), r, v_set(8.368781e-3f));
    q = v_fma(q, r, v_set(4.1668393e-2f));
    q = v_fma(q, r, v_set(1.666652e-1f));
    q = v_fma(q, r, v_set(4.9999994e-1f));
    return v_power(v_add(v_fma(q, v_mul(r, r), r), v_set(1.0f)), n);
}

INLINE VECTOR tanh_of(VECTOR x)
{
    VECTOR size = v_absolute(x), square = v_mul(x, x), q, far;

    q = v_fma(v_set(-5.8951583e-3f), square, v_set(2.0795971e-2f));
    q = v_fma(q, square, v_set(-5.378383e-2f));
    q = v_fma(q, square, v_set(1.3331924e-1f));
    q = v_fma(q, square, v_set(-3.33333e-1f));
    far = v_sub(v_set(1.0f), v_div(v_set(2.0f), v_add(exp_of(v_add(size, size)), v_set(1.0f))));
    return v_positive(v_sub(size, v_set(0.6f)), v_copy_sign(far, x), v_fma(v_mul(q, square), x, x));
}

/* exp x - 1; near 0 the series itself, since the difference would lose digits. */
INLINE VECTOR expm1_of(VECTOR x)
{
    VECTOR q = v_fma(v_set(1.3814467e-3f), x, v_set(8.368781e-3f));

    q = v_fma(q, x, v_set(4.1668393e-2f));
    q = v_fma(q, x, v_set(1.666652e-1f));
    q = v_fma(q, x, v_set(4.9999994e-1f));
    return v_positive(v_sub(v_absolute(x), v_set(0.34f)), v_sub(exp_of(x), v_set(1.0f)),
                      v_fma(q, v_mul(x, x), x));
}

/* log(1 + u) for u in [0, 1]: 2 (s + s^3 / 3 + s^5 / 5 + ...), s = u / (u + 2). */
INLINE VECTOR log1p_of(VECTOR u)
{
    VECTOR s = v_div(u, v_add(u, v_set(2.0f))), square = v_mul(s, s), q;

    q = v_fma(v_set(1.0f / 13), square, v_set(1.0f / 11));
    q = v_fma(q, square, v_set(1.0f / 9));
    q = v_fma(q, square, v_set(1.0f / 7));
    q = v_fma(q, square, v_set(1.0f / 5));
    q = v_fma(q, square, v_set(1.0f / 3));
    s = v_add(s, s);
    return v_fma(v_mul(q, square), s, s);
}

INLINE VECTOR activate(VECTOR z, enum activation activation, VECTOR alpha)
{
    switch (activation) {
    case ACTIVATION_RELU:
        return v_max(v_set(0.0f), z); /* in this order NaN stays NaN */
    case ACTIVATION_LEAKY_RELU:
        return v_positive(z, z, v_mul(alpha, z));
    case ACTIVATION_TANH:
        return tanh_of(z);
    case ACTIVATION_SIGMOID:
        return v_div(v_set(1.0f), v_add(v_set(1.0f), exp_of(v_sub(v_set(0.0f), z))));
    case ACTIVATION_ELU:
        return v_positive(z, z, v_mul(alpha, expm1_of(z)));
    case ACTIVATION_HARD_SIGMOID:
        return v_max(v_set(0.0f), v_min(v_set(1.0f), v_add(v_mul(v_set(0.2f), z), v_set(0.5f))));
    case ACTIVATION_SOFTPLUS:
        return v_add(v_max(v_set(0.0f), z), log1p_of(exp_of(v_sub(v_set(0.0f), v_absolute(z)))));
    default:
        return z;
    }
}

INLINE VECTOR slope(VECTOR y, enum activation activation, VECTOR alpha)
{
    switch (activation) {
    case ACTIVATION_RELU:
        return v_positive(y, v_set(1.0f), v_set(0.0f));
    case ACTIVATION_LEAKY_RELU:
        return v_positive(y, v_set(1.0f), alpha);
    case ACTIVATION_TANH:
        return v_fnma(y, y, v_set(1.0f));
    case ACTIVATION_SIGMOID:
        return v_mul(y, v_sub(v_set(1.0f), y));
    case ACTIVATION_ELU:
        return v_positive(y, v_set(1.0f), v_add(y, alpha));
    case ACTIVATION_HARD_SIGMOID:
        return v_positive(y, v_positive(v_sub(v_set(1.0f), y), v_set(0.2f), v_set(0.0f)),
                          v_set(0.0f));
    case ACTIVATION_SOFTPLUS:
        return v_sub(v_set(0.0f), expm1_of(v_sub(v_set(0.0f), y)));
    default:
        return v_set(1.0f);
    }
}

/* ---- bias and activation ---- */

INLINE void bias_at(float *y, const float *bias, int64_t i, MASK mask, bool whole,
                    enum activation activation, VECTOR alpha)
{
    VECTOR z = load(y + i, mask, whole);

    if (bias)
        z = v_add(z, load(bias + i, mask, whole));
    store(y + i, activate(z, activation, alpha), mask, whole);
}

INLINE void bias_rows(float *y, const float *bias, int64_t rows, int64_t width,
                      enum activation activation, float alpha)
{
    VECTOR slope_below = v_set(alpha);

    if (!bias) { /* no columns to keep apart */
        width *= rows;
        rows = 1;
    }
    for (int64_t row = 0; row < rows; row++, y += width)
        FOR_VECTORS(width, bias_at(y, bias, i, mask, whole, activation, slope_below));
}

VECTOR_ISA static void vector_bias_activation(float *y, const float *bias, int64_t rows,
                                              int64_t width, enum activation activation,
                                              float alpha)
{
    switch (activation) { /* a loop for each */
    case ACTIVATION_RELU:
        bias_rows(y, bias, rows, width, ACTIVATION_RELU, 0);
        break;
    case ACTIVATION_LEAKY_RELU:
        bias_rows(y, bias, rows, width, ACTIVATION_LEAKY_RELU, alpha);
        break;
    case ACTIVATION_TANH:
        bias_rows(y, bias, rows, width, ACTIVATION_TANH, 0);
        break;
    case ACTIVATION_SIGMOID:
        bias_rows(y, bias, rows, width, ACTIVATION_SIGMOID, 0);
        break;
    case ACTIVATION_ELU:
        bias_rows(y, bias, rows, width, ACTIVATION_ELU, alpha);
        break;
    case ACTIVATION_HARD_SIGMOID:
        bias_rows(y, bias, rows, width, ACTIVATION_HARD_SIGMOID, 0);
        break;
    case ACTIVATION_SOFTPLUS:
        bias_rows(y, bias, rows, width, ACTIVATION_SOFTPLUS, 0);
        break;
    default:
        bias_rows(y, bias, rows, width, ACTIVATION_LINEAR, 0);
        break;
    }
}

INLINE void gradient_at(float *dz, const float *dy, const float *y, int64_t i, MASK mask,
                        bool whole, enum activation activation, VECTOR alpha)
{
    VECTOR factor = slope(load(y + i, mask, whole), activation, alpha);

    store(dz + i, v_mul(load(dy + i, mask, whole), factor), mask, whole);
}

INLINE void gradient_loop(float *dz, const float *dy, const float *y, int64_t n,
                          enum activation activation, float alpha)
{
    VECTOR slope_below = v_set(alpha);

    FOR_VECTORS(n, gradient_at(dz, dy, y, i, mask, whole, activation, slope_below));
}

VECTOR_ISA static void vector_activation_gradient(float *dz, const float *dy, const float *y,
                                                  int64_t n, enum activation activation,
                                                  float alpha)
{
    switch (activation) {
    case ACTIVATION_RELU:
        gradient_loop(dz, dy, y, n, ACTIVATION_RELU, 0);
        break;
    case ACTIVATION_LEAKY_RELU:
        gradient_loop(dz, dy, y, n, ACTIVATION_LEAKY_RELU, alpha);
        break;
    case ACTIVATION_TANH:
        gradient_loop(dz, dy, y, n, ACTIVATION_TANH, 0);
        break;
    case ACTIVATION_SIGMOID:
        gradient_loop(dz, dy, y, n, ACTIVATION_SIGMOID, 0);
        break;
    case ACTIVATION_ELU:
        gradient_loop(dz, dy, y, n, ACTIVATION_ELU, alpha);
        break;
    case ACTIVATION_HARD_SIGMOID:
        gradient_loop(dz, dy, y, n, ACTIVATION_HARD_SIGMOID, 0);
        break;
    case ACTIVATION_SOFTPLUS:
        gradient_loop(dz, dy, y, n, ACTIVATION_SOFTPLUS, 0);
        break;
    default:
        gradient_loop(dz, dy, y, n, ACTIVATION_LINEAR, 0);
        break;
    }
}

/* Row after row into the same sums: the order of the plain loop, and its bits. */
INLINE void columns_at(float *sum, const float *x, int64_t rows, int64_t width, int64_t i,
                       MASK mask, bool whole)
{
    VECTOR total = load(sum + i, mask, whole);

    for (int64_t row = 0; row < rows; row++)
        total = v_add(total, load(x + row * width + i, mask, whole));
    store(sum + i, total, mask, whole);
}

VECTOR_ISA static void vector_add_columns(float *sum, const float *x, int64_t rows, int64_t width)
{
    FOR_VECTORS(width, columns_at(sum, x, rows, width, i, mask, whole));
}

/* ---- softmax and its loss ---- */

INLINE VECTOR most_at(VECTOR most, const float *x, int64_t i, MASK mask, bool whole, float first)
{
    /* lanes beyond the end take the first value, which changes no maximum */
    VECTOR here = whole ? v_load(x + i) : v_blend(mask, v_load_part(x + i, mask), v_set(first));

    return v_max(most, here);
}

INLINE VECTOR exp_at(VECTOR sum, float *p, const float *x, VECTOR top, int64_t i, MASK mask,
                     bool whole)
{
    VECTOR power = exp_of(v_sub(load(x + i, mask, whole), top));

    if (!whole)
        power = v_blend(mask, power, v_set(0.0f));
    store(p + i, power, mask, whole);
    return v_add(sum, power);
}

INLINE void scale_at(float *p, VECTOR factor, int64_t i, MASK mask, bool whole)
{
    store(p + i, v_mul(load(p + i, mask, whole), factor), mask, whole);
}

VECTOR_ISA static void vector_softmax_loss(float *p, const float *x, const int32_t *label,
                                           double *loss, int64_t rows, int64_t width)
{
    for (int64_t row = 0; row < rows; row++, p += width, x += width) {
        VECTOR most = v_set(x[0]), sums = v_set(0.0f), factor, tops;
        float top, truth, sum;

        FOR_VECTORS(width, most = most_at(most, x, i, mask, whole, x[0]));
        top = v_most(most);
        tops = v_set(top);
        truth = x[label[row]] - top;
        FOR_VECTORS(width, sums = exp_at(sums, p, x, tops, i, mask, whole));
        sum = v_sum(sums);
        factor = v_set(1.0f / sum);
        FOR_VECTORS(width, scale_at(p, factor, i, mask, whole));
        loss[row] = log((double)sum) - (double)truth;
    }
}

/* ---- optimizers ---- */

INLINE void adam_at(float *value, float *gradient, float *first, float *second,
                    const struct adam_step *step, int64_t i, MASK mask, bool whole)
{
    VECTOR g = load(gradient + i, mask, whole), m = load(first + i, mask, whole);
    VECTOR v = load(second + i, mask, whole), w = load(value + i, mask, whole);
    VECTOR size;

    m = v_fma(v_set(step->beta1), m, v_mul(v_set(step->rest1), g));
    v = v_fma(v_set(step->beta2), v, v_mul(v_set(step->rest2), v_mul(g, g)));
    size = v_fma(v_sqrt(v), v_set(step->root), v_set(step->epsilon));
    w = v_sub(w, v_div(v_mul(v_set(step->rate), m), size));
    store(first + i, m, mask, whole);
    store(second + i, v, mask, whole);
    store(value + i, w, mask, whole);
    store(gradient + i, v_set(0.0f), mask, whole);
}

VECTOR_ISA static void vector_adam(float *value, float *gradient, float *first, float *second,
                                   int64_t n, const struct adam_step *step)
{
    FOR_VECTORS(n, adam_at(value, gradient, first, second, step, i, mask, whole));
}

INLINE void sgd_at(float *value, float *gradient, float *velocity, const struct sgd_step *step,
                   int64_t i, MASK mask, bool whole)
{
    VECTOR g = load(gradient + i, mask, whole), momentum = v_set(step->momentum);

    if (velocity) {
        VECTOR u = v_fma(momentum, load(velocity + i, mask, whole), g);

        store(velocity + i, u, mask, whole);
        g = step->nesterov ? v_fma(momentum, u, g) : u;
    }
    store(value + i, v_fnma(v_set(step->rate), g, load(value + i, mask, whole)), mask, whole);
    store(gradient + i, v_set(0.0f), mask, whole);
}

VECTOR_ISA static void vector_sgd(float *value, float *gradient, float *velocity, int64_t n,
                                  const struct sgd_step *step)
{
    FOR_VECTORS(n, sgd_at(value, gradient, velocity, step, i, mask, whole));
}

/* ---- single functions ---- */

VECTOR_ISA static void vector_scale(float *y, float factor, int64_t n)
{
    VECTOR factors = v_set(factor);

    FOR_VECTORS(n, store(y + i, v_mul(load(y + i, mask, whole), factors), mask, whole));
}

VECTOR_ISA static void vector_most(float *y, const float *x, int64_t n)
{
    FOR_VECTORS(
        n, store(y + i, v_max(load(x + i, mask, whole), load(y + i, mask, whole)), mask, whole));
}

INLINE void give_most_at(float *dx, float *dy, const float *x, const float *y, int64_t i, MASK mask,
                         bool whole)
{
    VECTOR mine = load(x + i, mask, whole), top = load(y + i, mask, whole);
    VECTOR gradient = load(dy + i, mask, whole), none = v_set(0.0f);

    store(dx + i, v_add(load(dx + i, mask, whole), v_equal(mine, top, gradient, none)), mask,
          whole);
    store(dy + i, v_equal(mine, top, none, gradient), mask, whole);
}

VECTOR_ISA static void vector_give_most(float *dx, float *dy, const float *x, const float *y,
                                        int64_t n)
{
    FOR_VECTORS(n, give_most_at(dx, dy, x, y, i, mask, whole));
}

VECTOR_ISA static void vector_add(float *y, const float *x, int64_t n)
{
    FOR_VECTORS(
        n, store(y + i, v_add(load(y + i, mask, whole), load(x + i, mask, whole)), mask, whole));
}

struct affine_map { /* of some columns side by side */
    VECTOR centre, scale, offset;
};

INLINE struct affine_map affine_load(const struct affine_rows *rows, int64_t i)
{
    return (struct affine_map){.centre = v_load(rows->centre + i),
                               .scale = v_load(rows->scale + i),
                               .offset = v_load(rows->offset + i)};
}

INLINE VECTOR affine_of(VECTOR x, const struct affine_map *map)
{
    return v_add(v_mul(v_sub(x, map->centre), map->scale), map->offset);
}

#define LINE 64          /* bytes that the memory gives at once */
#define AFFINE_VECTORS 4 /* of columns go side by side: what scales them stays at hand */

/* Where columns of a row of the result go and what they come from. */
struct affine_place {
    const float *x, *ahead;
    float *y, *next;
};

INLINE struct affine_place affine_find(const struct affine_rows *rows, int64_t row, int64_t column)
{
    bool listed = rows->listed;
    const float *x = listed ? rows->listed[row] : rows->x + row * rows->x_stride;
    const float *ahead = listed ? rows->listed_ahead[row] : rows->ahead + row * rows->x_stride;
    float *y = rows->y + row * rows->y_stride + column;

    return (struct affine_place){.x = x + column,
                                 .ahead = ahead + column,
                                 .y = y,
                                 .next = y + (listed ? rows->rows * rows->y_stride : rows->width)};
}

/* Where the next sample's go, beside these, and one of those ahead are fetched meanwhile, a line at
 * a time. */
INLINE void affine_at(const struct affine_place *at, const struct affine_map *map, int64_t i,
                      MASK mask, bool whole)
{
    if (i * (int64_t)sizeof(float) % LINE == 0) {
        __builtin_prefetch(at->ahead + i, 0, 2);
        __builtin_prefetch(at->next + i, 1);
    }
    VECTOR x = whole ? v_load(at->x + i) : v_load_far(at->x + i, mask);

    store(at->y + i, affine_of(x, map), mask, whole);
}

/* n vectors of columns of all rows; whole: so is the last one. */
INLINE void affine_columns(const struct affine_rows *rows, int64_t column, int n, bool whole)
{
    struct affine_map map[AFFINE_VECTORS];
    MASK mask = v_mask(whole ? LANES : rows->width - column - (n - 1) * LANES);

    UNROLL for (int k = 0; k < n; k++) map[k] = affine_load(rows, column + k * LANES);
    for (int64_t row = 0; row < rows->rows; row++) {
        const struct affine_place at = affine_find(rows, row, column);

        UNROLL for (int k = 0; k < n; k++)
            affine_at(&at, &map[k], k * LANES, mask, whole || k + 1 < n);
    }
}

VECTOR_ISA static void vector_affine(const struct affine_rows *rows)
{
    int64_t column = 0;

    for (; column + AFFINE_VECTORS * LANES <= rows->width; column += AFFINE_VECTORS * LANES)
        affine_columns(rows, column, AFFINE_VECTORS, true);
    switch ((rows->width - column + LANES - 1) / LANES) { /* a loop for each */
    case 1:
        affine_columns(rows, column, 1, false);
        break;
    case 2:
        affine_columns(rows, column, 2, false);
        break;
    case 3:
        affine_columns(rows, column, 3, false);
        break;
    case 4:
        affine_columns(rows, column, 4, false);
        break;
    default: /* none is left */
        break;
    }
}

INLINE void multiply_at(float *y, const float *x, const float *factor, int64_t i, MASK mask,
                        bool whole)
{
    store(y + i, v_mul(load(x + i, mask, whole), load(factor + i, mask, whole)), mask, whole);
}

VECTOR_ISA static void vector_multiply(float *y, const float *x, const float *factor, int64_t n)
{
    FOR_VECTORS(n, multiply_at(y, x, factor, i, mask, whole));
}

VECTOR_ISA static void vector_exp(float *y, const float *x, int64_t n)
{
    FOR_VECTORS(n, store(y + i, exp_of(load(x + i, mask, whole)), mask, whole));
}

VECTOR_ISA static void vector_tanh(float *y, const float *x, int64_t n)
{
    FOR_VECTORS(n, store(y + i, tanh_of(load(x + i, mask, whole)), mask, whole));
}

#include "worker/engine/kernel/vector_double.h"
#include "worker/engine/kernel/vector_product.h"
#include "worker/engine/kernel/vector_random.h"
#include "worker/engine/kernel/vector_recurrent.h"

const struct kernel KERNEL_TABLE = {
    .name = KERNEL_NAME,
    .panel = (int64_t)PANEL_VECTORS * LANES,
    .bias_activation = vector_bias_activation,
    .activation_gradient = vector_activation_gradient,
    .add_columns = vector_add_columns,
    .softmax_loss = vector_softmax_loss,
    .adam = vector_adam,
    .sgd = vector_sgd,
    .scale = vector_scale,
    .most = vector_most,
    .give_most = vector_give_most,
    .add = vector_add,
    .multiply = vector_multiply,
    .affine = vector_affine,
    .dropout_mask = vector_dropout_mask,
    .permutation_rounds = vector_permutation_rounds,
    .product = vector_product,
    .lstm_forward = vector_lstm_forward,
    .lstm_backward = vector_lstm_backward,
    .lstm_recall = vector_lstm_recall,
    .gru_forward = vector_gru_forward,
    .gru_backward = vector_gru_backward,
    .gru_reset = vector_gru_reset,
    .gru_blend = vector_gru_blend,
    .gru_blend_backward = vector_gru_blend_backward,
    .gru_reset_backward = vector_gru_reset_backward,
    .exp = vector_exp,
    .tanh = vector_tanh,
    .exp_double = vector_exp_double,
    .softplus_double = vector_softplus_double,
    .log_double = vector_log_double,
};
