/* gelu: y = x P(a normal number is below x) */
#include "worker/engine/layer/activation.h"

#include <string.h>

static bool gelu_build(struct layer *layer, const struct shape *in, int n_in, struct shape *ret_out,
                       struct error *error)
{
    layer_add_buffer(layer, BUFFER_SAVED, in->steps * in->width, 0);
    return activation_build(layer, in, n_in, ret_out, error);
}

static void gelu_forward(const struct layer *layer, struct pass *pass,
                         const struct tensor *const x[], struct tensor *y)
{
    (void)layer;
    memcpy(y->data, x[0]->data, (size_t)(y->steps * y->rows * y->width) * sizeof(real));
    activation_apply(pass, ACTIVATION_GELU, NULL, y, pass->buffer[0]);
}

static void gelu_backward(const struct layer *layer, struct pass *pass,
                          const struct tensor *const x[], const struct tensor *y,
                          const struct tensor *dy, struct tensor *const dx[])
{
    (void)layer, (void)x;
    if (dx[0])
        activation_back(pass, ACTIVATION_GELU, y, pass->buffer[0], dy, dx[0]->data);
}

const struct layer_kind layer_gelu = {
    .kind = {.name = "gelu",
             .help = "A smooth relu: x times the chance that a normal number is below it."},
    .in_place = true,
    .activates = true,
    .build = gelu_build,
    .forward = gelu_forward,
    .backward = gelu_backward,
};
