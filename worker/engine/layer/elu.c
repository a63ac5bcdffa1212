/* elu: y = x where positive, else alpha (exp x - 1). alpha > 0, so that y tells the sign of x. */
#include "worker/engine/layer/activation.h"

struct elu_config {
    double alpha;
};

static const struct setting elu_settings[] = {
    SETTING_REAL(struct elu_config, alpha, 1, 0, 1000, SETTING_OPEN_LOW, "",
                 "How far below 0 it reaches."),
    {0},
};

static real alpha_of(const struct layer *layer)
{
    return (real)((const struct elu_config *)layer->config)->alpha;
}

static void elu_forward(const struct layer *layer, struct pass *pass,
                        const struct tensor *const x[], struct tensor *y)
{
    activation_forward(pass, x[0], y, ACTIVATION_ELU, alpha_of(layer));
}

static void elu_backward(const struct layer *layer, struct pass *pass,
                         const struct tensor *const x[], const struct tensor *y,
                         const struct tensor *dy, struct tensor *const dx[])
{
    (void)x;
    activation_backward(pass, y, dy, dx[0], ACTIVATION_ELU, alpha_of(layer));
}

const struct layer_kind layer_elu = {
    .kind = {.name = "elu",
             .help = "Passes what is positive, else a curve that ends at -alpha.",
             .config_size = sizeof(struct elu_config),
             .settings = elu_settings},
    .in_place = true,
    .activates = true,
    .build = activation_build,
    .forward = elu_forward,
    .backward = elu_backward,
};
