/* relu: y = max(x, 0) */
#include "worker/engine/layer/activation.h"

static void relu_forward(const struct layer *layer, struct pass *pass,
                         const struct tensor *const x[], struct tensor *y)
{
    (void)layer;
    activation_forward(pass, x[0], y, ACTIVATION_RELU, 0);
}

static void relu_backward(const struct layer *layer, struct pass *pass,
                          const struct tensor *const x[], const struct tensor *y,
                          const struct tensor *dy, struct tensor *const dx[])
{
    (void)layer, (void)x;
    activation_backward(pass, y, dy, dx[0], ACTIVATION_RELU, 0);
}

const struct layer_kind layer_relu = {
    .kind = {.name = "relu", .help = "Passes what is positive, else 0."},
    .in_place = true,
    .activates = true,
    .build = activation_build,
    .forward = relu_forward,
    .backward = relu_backward,
};
