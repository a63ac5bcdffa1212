/* softmax: y = exp x / sum of exp x */
#include "worker/engine/layer/activation.h"

#include <string.h>

static void softmax_forward(const struct layer *layer, struct pass *pass,
                            const struct tensor *const x[], struct tensor *y)
{
    (void)layer;
    memcpy(y->data, x[0]->data, (size_t)(y->steps * y->rows * y->width) * sizeof(real));
    activation_apply(pass, ACTIVATION_SOFTMAX, NULL, y, NULL);
}

static void softmax_backward(const struct layer *layer, struct pass *pass,
                             const struct tensor *const x[], const struct tensor *y,
                             const struct tensor *dy, struct tensor *const dx[])
{
    (void)layer, (void)x;
    if (dx[0])
        activation_back(pass, ACTIVATION_SOFTMAX, y, NULL, dy, dx[0]->data);
}

const struct layer_kind layer_softmax = {
    .kind = {.name = "softmax", .help = "Positive values that sum to 1 at each step."},
    .activates = true,
    .build = activation_build,
    .forward = softmax_forward,
    .backward = softmax_backward,
};
