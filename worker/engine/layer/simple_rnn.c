/* Simple recurrent layer: h = f(Wx x + Wh h' + b). */
#include "worker/engine/layer/recurrent.h"

#include <string.h>

static const struct setting simple_rnn_settings[] = {
    RECURRENT_SETTINGS,
    SETTING_CHOICE(struct recurrent_config, activation, ACTIVATION_TANH, activation_of_value_name,
                   "What the sums pass through; leaky_relu has slope 0.01 here."),
    {0},
};

static real alpha_of(enum activation activation)
{
    return activation == ACTIVATION_LEAKY_RELU ? (real)0.01 : 1;
}

static const struct recurrent_block simple_rnn_shared[] = {{.column = 0, .n = 1}, {0}};

static void simple_rnn_forward(const struct recurrent_step *step)
{
    enum activation activation = (enum activation)step->config->activation;

    memcpy(step->state, step->sums, (size_t)(step->rows * step->units) * sizeof(real));
    if (step->bias2)
        step->kernel->bias_activation(step->state, step->bias2, step->rows, step->units,
                                      ACTIVATION_LINEAR, 0);
    step->kernel->bias_activation(step->state, step->bias, step->rows, step->units, activation,
                                  alpha_of(activation));
}

static void simple_rnn_backward(const struct recurrent_step *step)
{
    enum activation activation = (enum activation)step->config->activation;

    step->kernel->activation_gradient(step->sums, step->gradient, step->state,
                                      step->rows * step->units, activation, alpha_of(activation));
    if (step->bias_gradient)
        step->kernel->add_columns(step->bias_gradient, step->sums, step->rows, step->units);
    if (step->bias2_gradient)
        step->kernel->add_columns(step->bias2_gradient, step->sums, step->rows, step->units);
}

static const struct recurrent_cell simple_rnn_cell = {
    .gates = 1,
    .kept = 1,
    .shared = simple_rnn_shared,
    .forward = simple_rnn_forward,
    .backward = simple_rnn_backward,
};

static bool simple_rnn_build(struct layer *layer, const struct shape *in, int n_in,
                             struct shape *ret_out, struct error *error)
{
    (void)n_in;
    return recurrent_build(&simple_rnn_cell, layer, in, ret_out, error);
}

const struct layer_kind layer_simple_rnn = {
    .kind = {.name = "simple_rnn",
             .help = "Simple recurrent layer: what it gives at a step goes into the next.",
             .config_size = sizeof(struct recurrent_config),
             .settings = simple_rnn_settings},
    .memory = sizeof(struct recurrent),
    .draws = true,
    .whole = true,
    .build = simple_rnn_build,
    .prepare = recurrent_prepare,
    .forward = recurrent_forward,
    .backward = recurrent_backward,
};
