#include "worker/engine/layer/activation.h"

#include <math.h>
#include <string.h>
#include <tgmath.h>

#define LEAK ((real)0.01)
#define ROOT_HALF ((real)0.70710678118654752440)
#define ROOT_TWO_PI ((real)2.50662827463100050242)

static real alpha_of(enum activation activation)
{
    return activation == ACTIVATION_LEAKY_RELU ? LEAK : 1;
}

int64_t activation_keeps(enum activation activation)
{
    return activation == ACTIVATION_GELU ? 1 : 0;
}

static int64_t size_of(const struct tensor *tensor)
{
    return tensor->steps * tensor->rows * tensor->width;
}

/* gelu(z) = z P(a normal number is below z); Hendrycks, Gimpel 2016 */
static void gelu(real *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = (real)0.5 * y[i] * ((real)1 + erf(y[i] * ROOT_HALF));
}

static void gelu_back(const real *z, const real *dy, real *dz, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        real below = (real)0.5 * ((real)1 + erf(z[i] * ROOT_HALF));
        real density = exp((real)-0.5 * z[i] * z[i]) / ROOT_TWO_PI;

        dz[i] = dy[i] * (below + z[i] * density);
    }
}

static void softmax(struct tensor *y)
{
    for (int64_t row = 0; row < y->steps * y->rows; row++) {
        real *x = y->data + row * y->width, top = x[0], sum = 0;

        for (int64_t i = 1; i < y->width; i++)
            top = x[i] > top ? x[i] : top;
        for (int64_t i = 0; i < y->width; i++)
            sum += x[i] = exp(x[i] - top);
        for (int64_t i = 0; i < y->width; i++)
            x[i] /= sum;
    }
}

static void softmax_back(const struct tensor *y, const real *dy, real *dz)
{
    for (int64_t row = 0; row < y->steps * y->rows; row++) {
        int64_t at = row * y->width;
        real sum = 0;

        for (int64_t i = at; i < at + y->width; i++)
            sum += dy[i] * y->data[i];
        for (int64_t i = at; i < at + y->width; i++)
            dz[i] = y->data[i] * (dy[i] - sum);
    }
}

void activation_apply(struct pass *pass, enum activation activation, const real *bias,
                      struct tensor *y, real *sums)
{
    int64_t rows = y->steps * y->rows;
    bool other = activation == ACTIVATION_GELU || activation == ACTIVATION_SOFTMAX;

    if (bias || (!other && activation != ACTIVATION_LINEAR))
        pass->kernel->bias_activation(y->data, bias, rows, y->width,
                                      other ? ACTIVATION_LINEAR : activation, alpha_of(activation));
    if (activation == ACTIVATION_GELU) {
        if (sums)
            memcpy(sums, y->data, (size_t)size_of(y) * sizeof(real));
        gelu(y->data, size_of(y));
    } else if (activation == ACTIVATION_SOFTMAX) {
        softmax(y);
    }
}

void activation_back(struct pass *pass, enum activation activation, const struct tensor *y,
                     const real *sums, const struct tensor *dy, real *dz)
{
    if (activation == ACTIVATION_GELU)
        gelu_back(sums, dy->data, dz, size_of(y));
    else if (activation == ACTIVATION_SOFTMAX)
        softmax_back(y, dy->data, dz);
    else if (activation != ACTIVATION_LINEAR || dz != dy->data)
        pass->kernel->activation_gradient(dz, dy->data, y->data, size_of(y), activation,
                                          alpha_of(activation));
}

bool activation_build(struct layer *layer, const struct shape *in, int n_in, struct shape *ret_out,
                      struct error *error)
{
    (void)layer, (void)n_in, (void)error;
    *ret_out = *in;
    return true;
}

void activation_forward(struct pass *pass, const struct tensor *x, struct tensor *y,
                        enum activation activation, real alpha)
{
    int64_t rows = x->steps * x->rows;

    memcpy(y->data, x->data, (size_t)(rows * x->width) * sizeof(real));
    pass->kernel->bias_activation(y->data, NULL, rows, x->width, activation, alpha);
}

void activation_backward(struct pass *pass, const struct tensor *y, const struct tensor *dy,
                         struct tensor *dx, enum activation activation, real alpha)
{
    if (dx)
        pass->kernel->activation_gradient(dx->data, dy->data, y->data,
                                          y->steps * y->rows * y->width, activation, alpha);
}
