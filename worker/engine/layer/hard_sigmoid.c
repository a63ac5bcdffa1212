/* hard_sigmoid: y = 0.2 x + 0.5 within 0 and 1, as Keras 2 has it */
#include "worker/engine/layer/activation.h"

static void hard_sigmoid_forward(const struct layer *layer, struct pass *pass,
                                 const struct tensor *const x[], struct tensor *y)
{
    (void)layer;
    activation_forward(pass, x[0], y, ACTIVATION_HARD_SIGMOID, 0);
}

static void hard_sigmoid_backward(const struct layer *layer, struct pass *pass,
                                  const struct tensor *const x[], const struct tensor *y,
                                  const struct tensor *dy, struct tensor *const dx[])
{
    (void)layer, (void)x;
    activation_backward(pass, y, dy, dx[0], ACTIVATION_HARD_SIGMOID, 0);
}

const struct layer_kind layer_hard_sigmoid = {
    .kind = {.name = "hard_sigmoid", .help = "A sigmoid of three straight lines."},
    .in_place = true,
    .activates = true,
    .build = activation_build,
    .forward = hard_sigmoid_forward,
    .backward = hard_sigmoid_backward,
};
