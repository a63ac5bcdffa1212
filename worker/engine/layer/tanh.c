/* tanh: y = tanh x */
#include "worker/engine/layer/activation.h"

static void tanh_forward(const struct layer *layer, struct pass *pass,
                         const struct tensor *const x[], struct tensor *y)
{
    (void)layer;
    activation_forward(pass, x[0], y, ACTIVATION_TANH, 0);
}

static void tanh_backward(const struct layer *layer, struct pass *pass,
                          const struct tensor *const x[], const struct tensor *y,
                          const struct tensor *dy, struct tensor *const dx[])
{
    (void)layer, (void)x;
    activation_backward(pass, y, dy, dx[0], ACTIVATION_TANH, 0);
}

const struct layer_kind layer_tanh = {
    .kind = {.name = "tanh", .help = "Squashes into (-1, 1)."},
    .in_place = true,
    .activates = true,
    .build = activation_build,
    .forward = tanh_forward,
    .backward = tanh_backward,
};
