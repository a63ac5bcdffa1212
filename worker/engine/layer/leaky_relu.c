/* leaky_relu: y = x where positive, else alpha x. alpha > 0, so that y tells the sign of x. */
#include "worker/engine/layer/activation.h"

struct leaky_relu_config {
    double alpha;
};

static const struct setting leaky_relu_settings[] = {
    SETTING_REAL(struct leaky_relu_config, alpha, 0.01, 0, 1, SETTING_OPEN_LOW, "",
                 "Slope below 0."),
    {0},
};

static real alpha_of(const struct layer *layer)
{
    return (real)((const struct leaky_relu_config *)layer->config)->alpha;
}

static void leaky_relu_forward(const struct layer *layer, struct pass *pass,
                               const struct tensor *const x[], struct tensor *y)
{
    activation_forward(pass, x[0], y, ACTIVATION_LEAKY_RELU, alpha_of(layer));
}

static void leaky_relu_backward(const struct layer *layer, struct pass *pass,
                                const struct tensor *const x[], const struct tensor *y,
                                const struct tensor *dy, struct tensor *const dx[])
{
    (void)x;
    activation_backward(pass, y, dy, dx[0], ACTIVATION_LEAKY_RELU, alpha_of(layer));
}

const struct layer_kind layer_leaky_relu = {
    .kind = {.name = "leaky_relu",
             .help = "Passes what is positive, else a small part of it.",
             .config_size = sizeof(struct leaky_relu_config),
             .settings = leaky_relu_settings},
    .in_place = true,
    .activates = true,
    .build = activation_build,
    .forward = leaky_relu_forward,
    .backward = leaky_relu_backward,
};
