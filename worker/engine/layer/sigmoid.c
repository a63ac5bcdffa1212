/* sigmoid: y = 1 / (1 + exp(-x)) */
#include "worker/engine/layer/activation.h"

static void sigmoid_forward(const struct layer *layer, struct pass *pass,
                            const struct tensor *const x[], struct tensor *y)
{
    (void)layer;
    activation_forward(pass, x[0], y, ACTIVATION_SIGMOID, 0);
}

static void sigmoid_backward(const struct layer *layer, struct pass *pass,
                             const struct tensor *const x[], const struct tensor *y,
                             const struct tensor *dy, struct tensor *const dx[])
{
    (void)layer, (void)x;
    activation_backward(pass, y, dy, dx[0], ACTIVATION_SIGMOID, 0);
}

const struct layer_kind layer_sigmoid = {
    .kind = {.name = "sigmoid", .help = "Squashes into (0, 1)."},
    .in_place = true,
    .activates = true,
    .build = activation_build,
    .forward = sigmoid_forward,
    .backward = sigmoid_backward,
};
