/*
 * GRU: r, z = gate(...)   n = tanh(Wn x + bn + r (Un h' + cn))   h = (1 - z) n + z h'
 *
 * The reset gate comes after the state's product, as in PyTorch and Keras (reset_after), or before
 * it, as in the first papers and Keras' first versions: n = tanh(Wn x + bn + Un (r h')). Rows of
 * the weights are r, z, n, as PyTorch has them (Keras: z, r, n).
 */
#include "worker/engine/layer/recurrent.h"

static const struct setting gru_settings[] = {
    RECURRENT_SETTINGS,
    RECURRENT_GATE_SETTINGS,
    SETTING_BOOLEAN(struct recurrent_config, reset_after, true,
                    "Whether the reset gate multiplies what the state's weights give, as in "
                    "PyTorch; else the state before them, with one bias (two where convention is "
                    "pytorch)."),
    {0},
};

/* The fourth column of the sums is what the state gives n. */
static const struct recurrent_block gru_shared[] = {
    {.column = 0, .n = 2},
    {.column = 2, .n = 1, .input_row = 2, .state_row = RECURRENT_NONE},
    {.column = 3, .n = 1, .input_row = RECURRENT_NONE, .state_row = 2},
    {0},
};
static const struct recurrent_block gru_per_gate[] = {
    {.column = 0, .n = 1, .input_row = 0, .state_row = 0, .gate = 0},
    {.column = 1, .n = 1, .input_row = 1, .state_row = 1, .gate = 1},
    {.column = 2, .n = 1, .input_row = 2, .state_row = RECURRENT_NONE, .gate = 2},
    {.column = 3, .n = 1, .input_row = RECURRENT_NONE, .state_row = 2, .gate = 2},
    {0},
};

/* The fourth column of the sums is the state behind the reset gate. */
static const struct recurrent_block gru_before_shared[] = {
    {.column = 0, .n = 2},
    {.column = 2, .n = 1, .input_row = 2, .state_row = 2, .reset = true},
    {0},
};
static const struct recurrent_block gru_before_per_gate[] = {
    {.column = 0, .n = 1, .input_row = 0, .state_row = 0, .gate = 0},
    {.column = 1, .n = 1, .input_row = 1, .state_row = 1, .gate = 1},
    {.column = 2, .n = 1, .input_row = 2, .state_row = 2, .gate = 2, .reset = true},
    {0},
};

static struct gru_step step_of(const struct recurrent_step *step)
{
    return (struct gru_step){
        .rows = step->rows,
        .units = step->units,
        .hard = step->config->recurrent_activation == RECURRENT_HARD_SIGMOID,
        .gates = step->sums,
        .bias = step->bias,
        .bias2 = step->bias2,
        .before = step->before,
        .state = step->state,
        .gradient = step->gradient,
        .bias_gradient = step->bias_gradient,
        .bias2_gradient = step->bias2_gradient,
        .reset_mask = step->reset_mask,
        .reset_gradient = step->reset_gradient,
    };
}

static void gru_step_forward(const struct recurrent_step *step)
{
    const struct gru_step gru = step_of(step);

    step->kernel->gru_forward(&gru);
}

static void gru_step_backward(const struct recurrent_step *step)
{
    const struct gru_step gru = step_of(step);

    step->kernel->gru_backward(&gru);
}

static void gru_reset(const struct recurrent_step *step)
{
    const struct gru_step gru = step_of(step);

    step->kernel->gru_reset(&gru);
}

static void gru_reset_back(const struct recurrent_step *step)
{
    const struct gru_step gru = step_of(step);

    step->kernel->gru_reset_backward(&gru);
}

static void gru_blend(const struct recurrent_step *step)
{
    const struct gru_step gru = step_of(step);

    step->kernel->gru_blend(&gru);
}

static void gru_blend_back(const struct recurrent_step *step)
{
    const struct gru_step gru = step_of(step);

    step->kernel->gru_blend_backward(&gru);
}

static const struct recurrent_cell gru_cell = {
    .gates = 3,
    .kept = 4,
    .straight = true,
    .two_biases = true,
    .shared = gru_shared,
    .per_gate = gru_per_gate,
    .forward = gru_step_forward,
    .backward = gru_step_backward,
};

static const struct recurrent_cell gru_before_cell = {
    .gates = 3,
    .kept = 4,
    .straight = true,
    .shared = gru_before_shared,
    .per_gate = gru_before_per_gate,
    .reset = gru_reset,
    .reset_backward = gru_reset_back,
    .reset_column = 3,
    .forward = gru_blend,
    .backward = gru_blend_back,
};

static bool gru_build(struct layer *layer, const struct shape *in, int n_in, struct shape *ret_out,
                      struct error *error)
{
    const struct recurrent_config *config = layer->config;

    (void)n_in;
    return recurrent_build(config->reset_after ? &gru_cell : &gru_before_cell, layer, in, ret_out,
                           error);
}

const struct layer_kind layer_gru = {
    .kind = {.name = "gru",
             .help = "Gated recurrent unit: reads a sequence step by step.",
             .config_size = sizeof(struct recurrent_config),
             .settings = gru_settings},
    .memory = sizeof(struct recurrent),
    .draws = true,
    .whole = true,
    .build = gru_build,
    .prepare = recurrent_prepare,
    .forward = recurrent_forward,
    .backward = recurrent_backward,
};
