/*
 * LSTM: i, f, o = gate(...)   g = tanh(...)   c = f c' + i g   h = o tanh(c)
 *
 * Rows of the weights are the gates i, f, g, o, as Keras (i, f, c, o) and PyTorch have them.
 */
#include "worker/engine/layer/recurrent.h"

static const struct setting lstm_settings[] = {
    RECURRENT_SETTINGS,
    RECURRENT_GATE_SETTINGS,
    {0},
};

static const struct recurrent_block lstm_shared[] = {{.column = 0, .n = 4}, {0}};
static const struct recurrent_block lstm_per_gate[] = {
    {.column = 0, .n = 1, .input_row = 0, .state_row = 0, .gate = 0},
    {.column = 1, .n = 1, .input_row = 1, .state_row = 1, .gate = 1},
    {.column = 2, .n = 1, .input_row = 2, .state_row = 2, .gate = 2},
    {.column = 3, .n = 1, .input_row = 3, .state_row = 3, .gate = 3},
    {0},
};

static struct lstm_step step_of(const struct recurrent_step *step)
{
    return (struct lstm_step){
        .rows = step->rows,
        .units = step->units,
        .hard = step->config->recurrent_activation == RECURRENT_HARD_SIGMOID,
        .gates = step->sums,
        .bias = step->bias,
        .bias2 = step->bias2,
        .before = step->cell_before,
        .cell = step->cell,
        .output = step->state,
        .output_row = step->units,
        .output_gradient = step->gradient,
        .cell_gradient = step->cell_gradient,
        .bias_gradient = step->bias_gradient,
        .bias2_gradient = step->bias2_gradient,
    };
}

static void lstm_step_forward(const struct recurrent_step *step)
{
    const struct lstm_step lstm = step_of(step);

    step->kernel->lstm_forward(&lstm);
}

static void lstm_step_backward(const struct recurrent_step *step)
{
    const struct lstm_step lstm = step_of(step);

    step->kernel->lstm_backward(&lstm);
}

static void lstm_step_recall(const struct recurrent_step *step)
{
    const struct lstm_step lstm = step_of(step);

    step->kernel->lstm_recall(&lstm);
}

static const struct recurrent_cell lstm_cell = {
    .gates = 4,
    .kept = 4,
    .has_cell = true,
    .bias_initializer = "forget_bias",
    .shared = lstm_shared,
    .per_gate = lstm_per_gate,
    .forward = lstm_step_forward,
    .backward = lstm_step_backward,
    .recall = lstm_step_recall,
};

static bool lstm_build(struct layer *layer, const struct shape *in, int n_in, struct shape *ret_out,
                       struct error *error)
{
    (void)n_in;
    return recurrent_build(&lstm_cell, layer, in, ret_out, error);
}

const struct layer_kind layer_lstm = {
    .kind = {.name = "lstm",
             .help = "Long short-term memory: reads a sequence step by step.",
             .config_size = sizeof(struct recurrent_config),
             .settings = lstm_settings},
    .memory = sizeof(struct recurrent),
    .draws = true,
    .whole = true,
    .build = lstm_build,
    .prepare = recurrent_prepare,
    .forward = recurrent_forward,
    .backward = recurrent_backward,
};
