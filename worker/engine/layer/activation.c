#include "worker/engine/layer/activation.h"

#include <string.h>

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
