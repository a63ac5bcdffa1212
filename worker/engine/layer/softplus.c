/* softplus: y = log(1 + exp x) */
#include "worker/engine/layer/activation.h"

static void softplus_forward(const struct layer *layer, struct pass *pass,
                             const struct tensor *const x[], struct tensor *y)
{
    (void)layer;
    activation_forward(pass, x[0], y, ACTIVATION_SOFTPLUS, 0);
}

static void softplus_backward(const struct layer *layer, struct pass *pass,
                              const struct tensor *const x[], const struct tensor *y,
                              const struct tensor *dy, struct tensor *const dx[])
{
    (void)layer, (void)x;
    activation_backward(pass, y, dy, dx[0], ACTIVATION_SOFTPLUS, 0);
}

const struct layer_kind layer_softplus = {
    .kind = {.name = "softplus", .help = "A smooth relu: always positive."},
    .in_place = true,
    .activates = true,
    .build = activation_build,
    .forward = softplus_forward,
    .backward = softplus_backward,
};
