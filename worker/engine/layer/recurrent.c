/* How a recurrent layer comes to be: shapes, parameters, buffers. */
#include "worker/engine/layer/recurrent.h"

#include <assert.h>
#include <math.h>

#include "common/random.h"

const char *const recurrent_merge_name[] = {"concat", "sum", "mul", "ave", NULL};
const char *const recurrent_mask_name[] = {"shared", "per_gate", NULL};
const char *const recurrent_convention_name[] = {"keras", "pytorch", NULL};
const char *const recurrent_gate_name[] = {"sigmoid", "hard_sigmoid", NULL};

#define CHUNK_ROWS 32 /* of a batch; of a larger one a chunk has fewer steps */

/* What was chosen; else what the convention has. */
static struct kind_choice first_values(const struct kind_choice *chosen, const char *keras,
                                       const struct recurrent_config *config,
                                       struct recurrent *recurrent)
{
    if (chosen->kind)
        return *chosen;
    if (config->convention == RECURRENT_PYTORCH)
        return (struct kind_choice){.kind = kind_find(&initializer_registry, "uniform"),
                                    .config = &recurrent->bound};
    return (struct kind_choice){.kind = keras ? kind_find(&initializer_registry, keras) : NULL};
}

static void add_parameters(struct layer *layer, struct recurrent *recurrent, int direction)
{
    static const char *const names[RECURRENT_DIRECTIONS][4] = {
        {"weight", "recurrent", "bias", "recurrent_bias"},
        {"back_weight", "back_recurrent", "back_bias", "back_recurrent_bias"},
    };
    const struct recurrent_config *config = layer->config;
    const struct recurrent_cell *cell = recurrent->cell;
    struct recurrent_weights *weights = &recurrent->direction[direction];
    int64_t rows = cell->gates * recurrent->units;
    struct kind_choice input =
        first_values(&config->initializer, "glorot_uniform", config, recurrent);
    struct kind_choice state =
        first_values(&config->recurrent_initializer, "orthogonal", config, recurrent);
    struct kind_choice bias =
        first_values(&config->bias_initializer, cell->bias_initializer, config, recurrent);

    assert(direction >= 0 && direction < RECURRENT_DIRECTIONS);
    weights->input = layer_add_parameter(layer, names[direction][0], rows, recurrent->in, &input);
    weights->state =
        layer_add_parameter(layer, names[direction][1], rows, recurrent->units, &state);
    weights->bias = weights->bias2 = RECURRENT_NONE;
    if (!config->bias)
        return;
    weights->bias = layer_add_vector(layer, names[direction][2], rows, &bias);
    if (config->convention == RECURRENT_PYTORCH || cell->two_biases)
        weights->bias2 = layer_add_vector(layer, names[direction][3], rows, &bias);
}

/* All steps where training goes back to them, or one of `every`; else as many as are needed at a
 * time. */
static struct recurrent_steps add_steps(struct layer *layer, int64_t width, int64_t span,
                                        int64_t every)
{
    const struct recurrent *recurrent = layer->memory;

    return (struct recurrent_steps){
        .width = width,
        .span = span,
        .every = every,
        .saved = layer_add_buffer(
            layer, BUFFER_SAVED, span < recurrent->steps ? recurrent->steps / every * width : 0, 0),
        .recalled = every > 1 ? layer_add_buffer(layer, BUFFER_SAVED, (every - 1) * width, 0)
                              : RECURRENT_NONE,
        .scratch = layer_add_buffer(layer, BUFFER_SCRATCH, span * width, 0),
    };
}

static int64_t packed_size(const struct recurrent *recurrent, int64_t k)
{
    int64_t size = 0;

    for (int i = 0; i < recurrent->n_blocks; i++)
        size += kernel_packed_size(recurrent->kernel, k, recurrent->block[i].n * recurrent->units);
    return size;
}

static void add_buffers(struct layer *layer, struct recurrent *recurrent, int direction)
{
    const struct recurrent_config *config = layer->config;
    struct recurrent_weights *weights = &recurrent->direction[direction];
    int64_t units = recurrent->units, steps = recurrent->steps, masks = recurrent->n_masks;
    bool direct = config->sequences && recurrent->n_directions == 1;
    bool drops_input = config->dropout > 0, drops_state = config->recurrent_dropout > 0;

    int64_t every = steps >= 2 * RECURRENT_EVERY ? RECURRENT_EVERY : 1;

    weights->sums = add_steps(layer, recurrent->cell->kept * units, 1, 1);
    weights->cell = add_steps(layer, recurrent->cell->has_cell ? units : 0, 2,
                              recurrent->cell->recall ? every : 1);
    weights->states = add_steps(layer, direct ? 0 : units, config->sequences ? steps : 2, 1);
    weights->x = layer_add_buffer(layer, BUFFER_SCRATCH,
                                  steps * recurrent->in * (drops_input ? masks : direction), 0);
    weights->input_mask =
        layer_add_buffer(layer, BUFFER_SAVED, drops_input ? masks * recurrent->in : 0, 0);
    weights->state_mask = layer_add_buffer(layer, BUFFER_SAVED, drops_state ? masks * units : 0, 0);
    weights->packed_input =
        layer_add_buffer(layer, BUFFER_SCRATCH, 0, packed_size(recurrent, recurrent->in));
    weights->packed_state =
        layer_add_buffer(layer, BUFFER_SCRATCH, 0, packed_size(recurrent, units));
}

/* Of the trip back, for one direction after the other. */
static void add_back_buffers(struct layer *layer, struct recurrent *recurrent)
{
    const struct recurrent_config *config = layer->config;
    int64_t units = recurrent->units, in = recurrent->in, most = units > in ? units : in;
    int64_t back = 0, step = recurrent->cell->kept * units * CHUNK_ROWS * (int64_t)sizeof(real);

    for (int i = 0; i < recurrent->n_blocks; i++)
        back += kernel_packed_size(recurrent->kernel, recurrent->block[i].n * units, units);
    recurrent->chunk = RECURRENT_CHUNK_BYTES / step > 0 ? RECURRENT_CHUNK_BYTES / step : 1;
    if (recurrent->chunk > recurrent->steps)
        recurrent->chunk = recurrent->steps;
    recurrent->packed_back = layer_add_buffer(layer, BUFFER_SAVED, 0, back);
    recurrent->gradient = layer_add_buffer(layer, BUFFER_SAVED, units, 0);
    recurrent->cell_gradient = layer_add_buffer(layer, BUFFER_SAVED, units, 0);
    recurrent->reset_gradient =
        layer_add_buffer(layer, BUFFER_SAVED, recurrent->cell->reset ? units : 0, 0);
    recurrent->part = layer_add_buffer(layer, BUFFER_SAVED, recurrent->chunk * most, 0);
    recurrent->masked = layer_add_buffer(
        layer, BUFFER_SCRATCH, config->recurrent_dropout > 0 ? recurrent->n_masks * units : 0, 0);
    recurrent->dx = layer_add_buffer(
        layer, BUFFER_SAVED, recurrent->n_directions > 1 ? recurrent->steps * recurrent->in : 0, 0);
}

static void add_carried(struct layer *layer, struct recurrent *recurrent)
{
    const struct recurrent_config *config = layer->config;

    recurrent->carried = recurrent->carried_cell = RECURRENT_NONE;
    if (!config->stateful)
        return;
    recurrent->carried = layer_add_carried(layer, recurrent->units);
    if (recurrent->cell->has_cell)
        recurrent->carried_cell = layer_add_carried(layer, recurrent->units);
}

bool recurrent_is_stateful(const struct kind_choice *layer)
{
    const struct layer_kind *kind = (const struct layer_kind *)layer->kind;

    return kind->forward == recurrent_forward &&
           ((const struct recurrent_config *)layer->config)->stateful;
}

static void choose_blocks(struct recurrent *recurrent, const struct recurrent_config *config)
{
    const struct recurrent_cell *cell = recurrent->cell;
    bool drops = config->dropout > 0 || config->recurrent_dropout > 0;
    bool per_gate = drops && config->mask == RECURRENT_MASK_PER_GATE && cell->per_gate;

    recurrent->block = per_gate ? cell->per_gate : cell->shared;
    recurrent->n_masks = per_gate ? cell->gates : 1;
    while (recurrent->block[recurrent->n_blocks].n > 0)
        recurrent->n_blocks++;
    assert(recurrent->n_blocks <= RECURRENT_BLOCKS_MAX);
}

bool recurrent_build(const struct recurrent_cell *cell, struct layer *layer, const struct shape *in,
                     struct shape *ret_out, struct error *error)
{
    const struct recurrent_config *config = layer->config;
    struct recurrent *recurrent = layer->memory;
    int64_t units;

    if (!layer_size(layer, "units", config->units, &units, error))
        return false;
    if (config->merge != RECURRENT_CONCAT && !config->bidirectional)
        return error_set_at(error, ERROR_INVALID, layer->path,
                            "merge: %s needs both directions (bidirectional: true)",
                            recurrent_merge_name[config->merge]);
    if (config->stateful && config->bidirectional)
        return error_set_at(error, ERROR_INVALID, layer->path,
                            "stateful: the second direction begins at the end, before which there "
                            "is no state");
    *recurrent = (struct recurrent){
        .cell = cell,
        .kernel = layer->kernel,
        .in = in->width,
        .units = units,
        .steps = in->steps,
        .n_directions = config->bidirectional ? 2 : 1,
        .input_purpose = random_purpose("dropout of inputs", layer->name),
        .state_purpose = random_purpose("dropout of state", layer->name),
        .bound = {.bound = 1 / sqrt((double)units)},
    };
    choose_blocks(recurrent, config);
    for (int i = 0; i < recurrent->n_directions; i++) {
        add_parameters(layer, recurrent, i);
        add_buffers(layer, recurrent, i);
    }
    add_back_buffers(layer, recurrent);
    add_carried(layer, recurrent);
    *ret_out = (struct shape){
        .steps = config->sequences ? in->steps : 1,
        .width = config->merge == RECURRENT_CONCAT ? units * recurrent->n_directions : units};
    return true;
}
