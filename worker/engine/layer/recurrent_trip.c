/* How a batch goes through a recurrent layer, there and back. */
#include <string.h>

#include "worker/engine/layer/recurrent.h"

/* From so many inputs on, those of all steps are one product; fewer go with each step. */
#define PROJECTED_INPUTS 128
#define MASK_PURPOSES (1u << 24) /* of one mask: blocks of its widest row */

struct trip { /* of one direction */
    const struct layer *layer;
    const struct recurrent_config *config;
    const struct recurrent *recurrent;
    const struct recurrent_weights *weights;
    const struct pass *pass;
    const struct kernel *kernel;
    int direction;
    int64_t rows, steps, in, units, sums; /* sums: columns of a row of them */
    const int32_t *length;
    const real *x;                  /* [masks][steps][rows][in]: reversed, masked */
    int64_t x_mask;                 /* from one mask's x to the next */
    real *direct;                   /* y, where it holds the states; else NULL */
    bool projected;                 /* the sums hold what comes from the inputs */
    const real *begin, *begin_cell; /* states before the first step; NULL: zeros */
};

static real *steps_at(const struct trip *trip, const struct recurrent_steps *steps, int64_t step)
{
    int64_t size = trip->rows * steps->width;

    if (trip->pass->training && steps->span < trip->steps) {
        int64_t place = step % steps->every;

        return place == steps->every - 1
                   ? trip->pass->buffer[steps->saved] + step / steps->every * size
                   : trip->pass->buffer[steps->recalled] + place * size;
    }
    return trip->pass->buffer[steps->scratch] + step % steps->span * size;
}

static const real *carried(const struct trip *trip, int buffer)
{
    return buffer == RECURRENT_NONE ? NULL : trip->pass->buffer[buffer];
}

static real *state_at(const struct trip *trip, int64_t step)
{
    return trip->direct ? trip->direct + step * trip->rows * trip->units
                        : steps_at(trip, &trip->weights->states, step);
}

/* What a step finds; NULL: zeros. */
static const real *state_before(const struct trip *trip, int64_t step)
{
    return step > 0 ? state_at(trip, step - 1) : trip->begin;
}

/* The step at which a direction reads, or writes, what stands at `step` of a row. */
static int64_t mirrored(const struct trip *trip, int64_t step, int64_t row)
{
    int64_t length = trip->length ? trip->length[row] : trip->steps;

    return trip->direction > 0 && step < length ? length - 1 - step : step;
}

static bool ends_at(const struct trip *trip, int64_t step, int64_t row)
{
    return step == (trip->length ? trip->length[row] : trip->steps) - 1;
}

static const real *parameter_value(const struct trip *trip, int index)
{
    return index == RECURRENT_NONE ? NULL : trip->layer->parameter[index].value;
}

static real *parameter_gradient(const struct trip *trip, int index)
{
    return index == RECURRENT_NONE ? NULL : trip->layer->parameter[index].gradient;
}

static const real *input_mask(const struct trip *trip)
{
    return trip->pass->training && trip->config->dropout > 0
               ? trip->pass->buffer[trip->weights->input_mask]
               : NULL;
}

static const real *state_mask(const struct trip *trip)
{
    return trip->pass->training && trip->config->recurrent_dropout > 0
               ? trip->pass->buffer[trip->weights->state_mask]
               : NULL;
}

/* ---- before a trip: masks and packed weights ---- */

static void draw_masks(const struct recurrent *recurrent, const struct pass *pass, double rate,
                       uint32_t purpose, int64_t width, real *mask)
{
    struct mask_draw draw = {.seed = pass->seed,
                             .step = pass->step,
                             .threshold = (uint32_t)(rate * 4294967296.0),
                             .keep = (real)(1 / (1 - rate))};

    for (int i = 0; i < recurrent->n_masks; i++) {
        draw.purpose = purpose + (uint32_t)i * MASK_PURPOSES;
        for (int64_t row = 0; row < pass->rows; row++, mask += width) {
            draw.row_id = pass->row_id[row];
            pass->kernel->dropout_mask(mask, width, &draw);
        }
    }
}

/* Blocks of weights[rows][k], transposed as the forward trip needs them. */
static void pack_forward(const struct recurrent *recurrent, const real *weights, int64_t k,
                         bool of_state, real *packed)
{
    for (int i = 0; i < recurrent->n_blocks; i++) {
        const struct recurrent_block *block = &recurrent->block[i];
        int row = of_state ? block->state_row : block->input_row;
        int64_t n = block->n * recurrent->units;

        if (row != RECURRENT_NONE)
            kernel_pack(recurrent->kernel, weights + row * recurrent->units * k, 1, k, k, n,
                        packed);
        packed += kernel_packed_size(recurrent->kernel, k, n);
    }
}

void recurrent_prepare(const struct layer *layer, struct pass *pass)
{
    const struct recurrent_config *config = layer->config;
    const struct recurrent *recurrent = layer->memory;

    for (int i = 0; i < recurrent->n_directions; i++) {
        const struct recurrent_weights *weights = &recurrent->direction[i];
        uint32_t shift = (uint32_t)(i * RECURRENT_GATES_MAX) * MASK_PURPOSES;

        pack_forward(recurrent, layer->parameter[weights->input].value, recurrent->in, false,
                     pass->buffer[weights->packed_input]);
        pack_forward(recurrent, layer->parameter[weights->state].value, recurrent->units, true,
                     pass->buffer[weights->packed_state]);
        if (pass->training && config->dropout > 0)
            draw_masks(recurrent, pass, config->dropout, recurrent->input_purpose + shift,
                       recurrent->in, pass->buffer[weights->input_mask]);
        if (pass->training && config->recurrent_dropout > 0)
            draw_masks(recurrent, pass, config->recurrent_dropout, recurrent->state_purpose + shift,
                       recurrent->units, pass->buffer[weights->state_mask]);
    }
}

/* ---- forward ---- */

static void copy_input(struct trip *trip, const struct tensor *x)
{
    const real *mask = input_mask(trip);
    int64_t step_size = trip->rows * trip->in;
    int64_t masks = mask ? trip->recurrent->n_masks : 1;
    real *copy = trip->pass->buffer[trip->weights->x];

    for (int64_t i = 0; i < masks; i++)
        for (int64_t step = 0; step < trip->steps; step++, copy += step_size)
            for (int64_t row = 0; row < trip->rows; row++) {
                const real *from = x->data + mirrored(trip, step, row) * step_size + row * trip->in;
                real *to = copy + row * trip->in;

                if (mask)
                    trip->kernel->multiply(to, from, mask + (i * trip->rows + row) * trip->in,
                                           trip->in);
                else
                    memcpy(to, from, (size_t)trip->in * sizeof(real));
            }
}

static struct trip trip_of(const struct layer *layer, const struct pass *pass, int direction,
                           const struct tensor *x, const struct tensor *y)
{
    const struct recurrent *recurrent = layer->memory;
    const struct recurrent_config *config = layer->config;
    struct trip trip = {
        .layer = layer,
        .config = config,
        .recurrent = recurrent,
        .weights = &recurrent->direction[direction],
        .pass = pass,
        .kernel = pass->kernel,
        .direction = direction,
        .rows = x->rows,
        .steps = x->steps,
        .in = recurrent->in,
        .units = recurrent->units,
        .sums = recurrent->cell->kept * recurrent->units,
        .length = x->length,
        .x = x->data,
        .direct = config->sequences && recurrent->n_directions == 1 ? y->data : NULL,
    };

    if (direction > 0 || input_mask(&trip)) {
        trip.x = pass->buffer[trip.weights->x];
        trip.x_mask = trip.steps * trip.rows * trip.in;
    }
    trip.begin = carried(&trip, recurrent->carried);
    trip.begin_cell = carried(&trip, recurrent->carried_cell);
    trip.projected = pass->training && trip.in >= PROJECTED_INPUTS && trip.steps > 1;
    return trip;
}

/* x of a block at a step. */
static const real *input_of(const struct trip *trip, const struct recurrent_block *block,
                            int64_t step)
{
    int64_t mask = trip->recurrent->n_masks > 1 && input_mask(trip) ? block->gate : 0;

    return trip->x + mask * trip->x_mask + step * trip->rows * trip->in;
}

static void project_inputs(const struct trip *trip)
{
    const real *weights = parameter_value(trip, trip->weights->input);
    real *sums = steps_at(trip, &trip->weights->sums, 0);

    for (int i = 0; i < trip->recurrent->n_blocks; i++) {
        const struct recurrent_block *block = &trip->recurrent->block[i];

        if (block->input_row != RECURRENT_NONE)
            kernel_product_within(
                &(struct matrix_product){.kernel = trip->kernel,
                                         .transpose_b = true,
                                         .m = trip->steps * trip->rows,
                                         .n = block->n * trip->units,
                                         .k = trip->in,
                                         .a = input_of(trip, block, 0),
                                         .a_row = trip->in,
                                         .b = weights + block->input_row * trip->units * trip->in,
                                         .b_row = trip->in,
                                         .c = sums + block->column * trip->units,
                                         .c_row = trip->sums});
    }
}

/* The state a step ago as each mask leaves it: [masks][rows][units]. */
static const real *masked_state(const struct trip *trip, const real *state)
{
    const real *mask = state_mask(trip);
    real *masked = trip->pass->buffer[trip->recurrent->masked];
    int64_t size = trip->rows * trip->units;

    if (!mask || !state)
        return state;
    for (int64_t i = 0; i < trip->recurrent->n_masks; i++)
        trip->kernel->multiply(masked + i * size, state, mask + i * size, size);
    return masked;
}

/* What of the state a block's weights see: [rows][n] with rows `row` apart. */
struct seen {
    const real *state; /* NULL: nothing yet */
    int64_t row;
};

static struct seen seen_by(const struct trip *trip, const struct recurrent_block *block,
                           const real *before, const real *sums)
{
    bool own = trip->recurrent->n_masks > 1 && state_mask(trip);

    if (!before)
        return (struct seen){0};
    if (block->reset)
        return (struct seen){sums + trip->recurrent->cell->reset_column * trip->units, trip->sums};
    return (struct seen){before + (own ? block->gate * trip->rows * trip->units : 0), trip->units};
}

/* The sums of a step that is to come lie far away where all steps are kept: they are asked for. */
static void ask_for(const struct trip *trip, int64_t step, struct product *product)
{
    if (step < 0 || step >= trip->steps || !trip->pass->training)
        return;
    product->soon = steps_at(trip, &trip->weights->sums, step);
    product->n_soon = trip->rows * trip->sums;
}

/* Of the reset block, or of the others. */
static void sum_step(const struct trip *trip, int64_t step, const real *before, real *sums,
                     bool reset)
{
    const struct recurrent *recurrent = trip->recurrent;
    const real *packed_input = trip->pass->buffer[trip->weights->packed_input];
    const real *packed_state = trip->pass->buffer[trip->weights->packed_state];

    for (int i = 0; i < recurrent->n_blocks; i++) {
        const struct recurrent_block *block = &recurrent->block[i];
        const struct seen seen = seen_by(trip, block, before, sums);
        int64_t n = block->n * trip->units;
        bool has_input = block->input_row != RECURRENT_NONE;
        struct product_part part[2];
        struct product product = {.m = trip->rows,
                                  .n = n,
                                  .c = sums + block->column * trip->units,
                                  .c_row = trip->sums,
                                  .add = has_input && trip->projected,
                                  .part = part};

        if (has_input && !trip->projected)
            part[product.n_parts++] = kernel_packed_part(trip->kernel, input_of(trip, block, step),
                                                         trip->in, packed_input, trip->in);
        if (seen.state && block->state_row != RECURRENT_NONE)
            part[product.n_parts++] =
                kernel_packed_part(trip->kernel, seen.state, seen.row, packed_state, trip->units);
        if (i == 0)
            ask_for(trip, step + 1, &product);
        if (block->reset == reset && (product.n_parts > 0 || !product.add))
            trip->kernel->product(&product);
        packed_input += kernel_packed_size(trip->kernel, trip->in, n);
        packed_state += kernel_packed_size(trip->kernel, trip->units, n);
    }
}

static const real *reset_mask(const struct trip *trip)
{
    const real *mask = state_mask(trip);

    for (int i = 0; mask && i < trip->recurrent->n_blocks; i++)
        if (trip->recurrent->block[i].reset)
            return mask + trip->recurrent->block[i].gate * trip->rows * trip->units;
    return NULL;
}

static struct recurrent_step step_of(const struct trip *trip, int64_t step)
{
    const struct recurrent_steps *cells = &trip->weights->cell;

    return (struct recurrent_step){
        .config = trip->config,
        .kernel = trip->kernel,
        .rows = trip->rows,
        .units = trip->units,
        .sums = steps_at(trip, &trip->weights->sums, step),
        .bias = parameter_value(trip, trip->weights->bias),
        .bias2 = parameter_value(trip, trip->weights->bias2),
        .before = state_before(trip, step),
        .cell_before = step > 0 ? steps_at(trip, cells, step - 1) : trip->begin_cell,
        .state = state_at(trip, step),
        .cell = steps_at(trip, cells, step),
        .reset_mask = reset_mask(trip),
    };
}

static real *output_at(const struct trip *trip, const struct tensor *y, int64_t step, int64_t row)
{
    int64_t beside = trip->config->merge == RECURRENT_CONCAT ? trip->direction * trip->units : 0;

    return y->data + (step * y->rows + row) * y->width + beside;
}

/* The second direction finds what the first one has given. */
static void merge_output(const struct trip *trip, const real *state, real *y)
{
    int64_t n = trip->units;

    if (trip->config->merge == RECURRENT_CONCAT || trip->direction == 0) {
        memcpy(y, state, (size_t)n * sizeof(real));
        return;
    }
    if (trip->config->merge == RECURRENT_MUL)
        trip->kernel->multiply(y, y, state, n);
    else
        trip->kernel->add(y, state, n);
    for (int64_t i = 0; trip->config->merge == RECURRENT_AVE && i < n; i++)
        y[i] *= (real)0.5;
}

/* y takes what the step gives it, where y does not hold the states itself. */
static void give_output(const struct trip *trip, struct tensor *y, int64_t step)
{
    const real *state = state_at(trip, step);
    bool all = trip->config->sequences;

    if (trip->direct)
        return;
    for (int64_t row = 0; row < trip->rows; row++, state += trip->units)
        if (all || ends_at(trip, step, row))
            merge_output(trip, state, output_at(trip, y, all ? mirrored(trip, step, row) : 0, row));
}

/* Of the rows that end there, for the samples after them. */
static void leave(const struct trip *trip, int buffer, const real *state, int64_t step)
{
    size_t size = (size_t)trip->units * sizeof(real);

    if (buffer == RECURRENT_NONE)
        return;
    for (int64_t row = 0; row < trip->rows; row++)
        if (ends_at(trip, step, row))
            memcpy(trip->pass->buffer[buffer + 1] + row * trip->units, state + row * trip->units,
                   size);
}

void recurrent_forward(const struct layer *layer, struct pass *pass, const struct tensor *const x[],
                       struct tensor *y)
{
    const struct recurrent *recurrent = layer->memory;

    for (int i = 0; i < recurrent->n_directions; i++) {
        struct trip trip = trip_of(layer, pass, i, x[0], y);

        if (trip.x != x[0]->data)
            copy_input(&trip, x[0]);
        if (trip.projected)
            project_inputs(&trip);
        for (int64_t step = 0; step < trip.steps; step++) {
            struct recurrent_step now = step_of(&trip, step);

            sum_step(&trip, step, masked_state(&trip, now.before), now.sums, false);
            if (recurrent->cell->reset) {
                recurrent->cell->reset(&now);
                sum_step(&trip, step, now.before, now.sums, true);
            }
            recurrent->cell->forward(&now);
            give_output(&trip, y, step);
            leave(&trip, recurrent->carried, now.state, step);
            leave(&trip, recurrent->carried_cell, now.cell, step);
        }
    }
}

/* ---- backward ---- */

static void pack_back(const struct trip *trip)
{
    const struct recurrent *recurrent = trip->recurrent;
    const real *weights = parameter_value(trip, trip->weights->state);
    real *packed = trip->pass->buffer[recurrent->packed_back];

    for (int i = 0; i < recurrent->n_blocks; i++) {
        const struct recurrent_block *block = &recurrent->block[i];
        int64_t k = block->n * trip->units;

        if (block->state_row == RECURRENT_NONE)
            continue;
        kernel_pack(trip->kernel, weights + block->state_row * trip->units * trip->units,
                    trip->units, 1, k, trip->units, packed);
        packed += kernel_packed_size(trip->kernel, k, trip->units);
    }
}

/* The same step and row's state of the other direction. */
static const real *other_state(const struct trip *trip, int64_t step, int64_t row)
{
    struct trip other = *trip;

    other.direction = 1 - trip->direction;
    other.weights = &trip->recurrent->direction[other.direction];
    if (trip->config->sequences)
        step = mirrored(&other, mirrored(trip, step, row), row);
    return state_at(&other, step) + row * trip->units;
}

static void take_merged_gradient(const struct trip *trip, const real *dy, int64_t step, int64_t row,
                                 real *gradient)
{
    const real *other = NULL;

    if (trip->config->merge == RECURRENT_CONCAT || trip->config->merge == RECURRENT_SUM) {
        trip->kernel->add(gradient, dy, trip->units);
        return;
    }
    if (trip->config->merge == RECURRENT_MUL)
        other = other_state(trip, step, row);
    for (int64_t i = 0; i < trip->units; i++)
        gradient[i] += dy[i] * (other ? other[i] : (real)0.5);
}

static void take_gradient(const struct trip *trip, const struct tensor *dy, int64_t step)
{
    real *gradient = trip->pass->buffer[trip->recurrent->gradient];
    bool all = trip->config->sequences;

    if (all && trip->recurrent->n_directions == 1) {
        int64_t size = trip->rows * trip->units;

        trip->kernel->add(gradient, dy->data + step * size, size);
        return;
    }
    for (int64_t row = 0; row < trip->rows; row++, gradient += trip->units)
        if (all || ends_at(trip, step, row))
            take_merged_gradient(trip,
                                 output_at(trip, dy, all ? mirrored(trip, step, row) : 0, row),
                                 step, row, gradient);
}

/* Gradients of a step's sums to that of the state before it. */
static void gradient_of_state(const struct trip *trip, int64_t step, const real *sums)
{
    const struct recurrent *recurrent = trip->recurrent;
    real *gradient = trip->pass->buffer[recurrent->gradient];
    const real *packed = trip->pass->buffer[recurrent->packed_back];
    struct product_part part[RECURRENT_BLOCKS_MAX];
    struct product product = {.m = trip->rows,
                              .n = trip->units,
                              .c = gradient,
                              .c_row = trip->units,
                              .add = recurrent->cell->straight,
                              .part = part};

    for (int i = 0; i < recurrent->n_blocks; i++) {
        const struct recurrent_block *block = &recurrent->block[i];
        int64_t k = block->n * trip->units;

        if (block->state_row == RECURRENT_NONE)
            continue;
        if (!block->reset)
            part[product.n_parts++] = kernel_packed_part(
                trip->kernel, sums + block->column * trip->units, trip->sums, packed, k);
        packed += kernel_packed_size(trip->kernel, k, trip->units);
    }
    ask_for(trip, step - 1, &product);
    trip->kernel->product(&product);
}

/* Gradients of the reset block's sums to that of what its weights saw. */
static void gradient_of_reset(const struct trip *trip, const real *sums)
{
    const struct recurrent *recurrent = trip->recurrent;
    const real *packed = trip->pass->buffer[recurrent->packed_back];

    for (int i = 0; i < recurrent->n_blocks; i++) {
        const struct recurrent_block *block = &recurrent->block[i];
        int64_t k = block->n * trip->units;
        const struct product_part part = kernel_packed_part(
            trip->kernel, sums + block->column * trip->units, trip->sums, packed, k);

        if (block->reset)
            trip->kernel->product(
                &(struct product){.m = trip->rows,
                                  .n = trip->units,
                                  .c = trip->pass->buffer[recurrent->reset_gradient],
                                  .c_row = trip->units,
                                  .part = &part,
                                  .n_parts = 1});
        if (block->state_row != RECURRENT_NONE)
            packed += kernel_packed_size(trip->kernel, k, trip->units);
    }
}

/* The same as gradient_of_state through the masks: a product for each. */
static void gradient_of_masked_state(const struct trip *trip, const real *sums)
{
    const struct recurrent *recurrent = trip->recurrent;
    real *gradient = trip->pass->buffer[recurrent->gradient];
    real *of_mask = trip->pass->buffer[recurrent->part];
    const real *packed = trip->pass->buffer[recurrent->packed_back], *mask = state_mask(trip);
    int64_t size = trip->rows * trip->units;

    if (!recurrent->cell->straight)
        memset(gradient, 0, (size_t)size * sizeof(real));
    for (int i = 0; i < recurrent->n_blocks; i++) {
        const struct recurrent_block *block = &recurrent->block[i];
        int64_t k = block->n * trip->units;
        struct product_part part;
        const struct product product = {.m = trip->rows,
                                        .n = trip->units,
                                        .c = of_mask,
                                        .c_row = trip->units,
                                        .part = &part,
                                        .n_parts = 1};

        if (block->state_row == RECURRENT_NONE)
            continue;
        part = kernel_packed_part(trip->kernel, sums + block->column * trip->units, trip->sums,
                                  packed, k);
        if (!block->reset) {
            trip->kernel->product(&product);
            trip->kernel->multiply(of_mask, of_mask, mask + block->gate * size, size);
            trip->kernel->add(gradient, of_mask, size);
        }
        packed += kernel_packed_size(trip->kernel, k, trip->units);
    }
}

/* dW[n][width] += gradients of a block's sums, transposed, times what its weights saw. */
static void add_weight_gradient(const struct trip *trip, const struct recurrent_block *block,
                                const real *sums, int64_t rows, struct seen seen, int64_t width,
                                real *gradient)
{
    kernel_product_within(&(struct matrix_product){.kernel = trip->kernel,
                                                   .transpose_a = true,
                                                   .m = block->n * trip->units,
                                                   .n = width,
                                                   .k = rows,
                                                   .a = sums + block->column * trip->units,
                                                   .a_row = trip->sums,
                                                   .b = seen.state,
                                                   .b_row = seen.row,
                                                   .add = true,
                                                   .c = gradient,
                                                   .c_row = width});
}

/* The states of the steps before first .. end - 1, as a block's mask leaves them, or what reset()
 * made of them. */
static struct seen states_before(const struct trip *trip, const struct recurrent_block *block,
                                 int64_t first, int64_t end)
{
    const real *mask = state_mask(trip), *state = state_before(trip, first);
    int64_t size = trip->rows * trip->units;
    real *masked = trip->pass->buffer[trip->recurrent->part];

    if (block->reset)
        return seen_by(trip, block, state, steps_at(trip, &trip->weights->sums, first));
    if (!mask)
        return (struct seen){state, trip->units};
    for (int64_t step = first; step < end; step++)
        trip->kernel->multiply(masked + (step - first) * size, state + (step - first) * size,
                               mask + block->gate * size, size);
    return (struct seen){masked, trip->units};
}

/* Steps first .. end - 1 at once, before which there are states one after the other. */
static void gradient_of_state_weights(const struct trip *trip, const struct recurrent_block *block,
                                      int64_t first, int64_t end)
{
    real *gradient = parameter_gradient(trip, trip->weights->state);

    if (gradient && block->state_row != RECURRENT_NONE && first < end)
        add_weight_gradient(trip, block, steps_at(trip, &trip->weights->sums, first),
                            (end - first) * trip->rows, states_before(trip, block, first, end),
                            trip->units, gradient + block->state_row * trip->units * trip->units);
}

/* Steps first .. end - 1 at once. */
static void gradient_of_weights(const struct trip *trip, int64_t first, int64_t end)
{
    real *input = parameter_gradient(trip, trip->weights->input);

    for (int i = 0; i < trip->recurrent->n_blocks; i++) {
        const struct recurrent_block *block = &trip->recurrent->block[i];

        if (input && block->input_row != RECURRENT_NONE)
            add_weight_gradient(trip, block, steps_at(trip, &trip->weights->sums, first),
                                (end - first) * trip->rows,
                                (struct seen){input_of(trip, block, first), trip->in}, trip->in,
                                input + block->input_row * trip->units * trip->in);
        if (first == 0 && trip->begin) /* which lies elsewhere */
            gradient_of_state_weights(trip, block, 0, 1);
        gradient_of_state_weights(trip, block, first > 0 ? first : 1, end);
    }
}

/* dx[steps first .. end - 1] = gradients of the sums times the weights. */
static void gradient_of_inputs(const struct trip *trip, int64_t first, int64_t end, real *dx)
{
    const real *weights = parameter_value(trip, trip->weights->input), *mask = input_mask(trip);
    const real *sums = steps_at(trip, &trip->weights->sums, first);
    int64_t size = trip->rows * trip->in;
    real *of_mask = trip->pass->buffer[trip->recurrent->part];
    bool add = false;

    for (int i = 0; i < trip->recurrent->n_blocks; i++) {
        const struct recurrent_block *block = &trip->recurrent->block[i];
        real *to = dx + first * size;

        if (block->input_row == RECURRENT_NONE)
            continue;
        kernel_product_within(
            &(struct matrix_product){.kernel = trip->kernel,
                                     .m = (end - first) * trip->rows,
                                     .n = trip->in,
                                     .k = block->n * trip->units,
                                     .a = sums + block->column * trip->units,
                                     .a_row = trip->sums,
                                     .b = weights + block->input_row * trip->units * trip->in,
                                     .b_row = trip->in,
                                     .add = add && !mask,
                                     .c = mask ? of_mask : to,
                                     .c_row = trip->in});
        for (int64_t step = first; mask && step < end; step++, to += size) {
            real *part = of_mask + (step - first) * size;

            trip->kernel->multiply(part, part, mask + block->gate * size, size);
            if (add)
                trip->kernel->add(to, part, size);
            else
                memcpy(to, part, (size_t)size * sizeof(real));
        }
        add = true;
    }
}

/* What a direction found, at the steps that it saw; the first overwrites. */
static void give_gradient(const struct trip *trip, const real *found, struct tensor *dx)
{
    for (int64_t step = 0; step < trip->steps; step++)
        for (int64_t row = 0; row < trip->rows; row++, found += trip->in) {
            real *to = dx->data + (mirrored(trip, step, row) * trip->rows + row) * trip->in;

            if (trip->direction > 0)
                trip->kernel->add(to, found, trip->in);
            else
                memcpy(to, found, (size_t)trip->in * sizeof(real));
        }
}

/* The trip back comes to a step whose cell was saved: those before it, to the one that was saved
 * before, are told by their gates, which nothing has overwritten yet. */
static void recall_cells(const struct trip *trip, int64_t step)
{
    int64_t every = trip->weights->cell.every;

    if (every == 1 || step % every != every - 1 || step == trip->steps - 1)
        return;
    for (int64_t i = step - every + 1; i < step; i++) {
        struct recurrent_step then = step_of(trip, i);

        trip->recurrent->cell->recall(&then);
    }
}

static void step_back(const struct trip *trip, const struct tensor *dy, int64_t step)
{
    struct recurrent_step now = step_of(trip, step);

    now.gradient = trip->pass->buffer[trip->recurrent->gradient];
    now.cell_gradient = trip->pass->buffer[trip->recurrent->cell_gradient];
    now.bias_gradient = parameter_gradient(trip, trip->weights->bias);
    now.bias2_gradient = parameter_gradient(trip, trip->weights->bias2);
    take_gradient(trip, dy, step);
    trip->recurrent->cell->backward(&now);
    if (trip->recurrent->cell->reset) {
        now.reset_gradient = trip->pass->buffer[trip->recurrent->reset_gradient];
        gradient_of_reset(trip, now.sums);
        trip->recurrent->cell->reset_backward(&now);
    }
    if (step == 0)
        return;
    if (state_mask(trip))
        gradient_of_masked_state(trip, now.sums);
    else
        gradient_of_state(trip, step, now.sums);
}

/* Steps whose gradients are taken at once: their sums stay in the second cache. */
static int64_t chunk_of(const struct trip *trip)
{
    int64_t step = trip->sums * trip->rows * (int64_t)sizeof(real);
    int64_t chunk = RECURRENT_CHUNK_BYTES / step;

    if (chunk > trip->recurrent->chunk)
        return trip->recurrent->chunk;
    return chunk > 0 ? chunk : 1;
}

static void direction_back(const struct trip *trip, const struct tensor *dy, struct tensor *dx)
{
    const struct recurrent *recurrent = trip->recurrent;
    size_t size = (size_t)(trip->rows * trip->units) * sizeof(real);
    bool direct = recurrent->n_directions == 1;
    int64_t chunk = chunk_of(trip);
    real *found = !dx || direct ? NULL : trip->pass->buffer[recurrent->dx];

    if (dx && direct)
        found = dx->data;
    pack_back(trip);
    memset(trip->pass->buffer[recurrent->gradient], 0, size);
    memset(trip->pass->buffer[recurrent->cell_gradient], 0, size);
    for (int64_t end = trip->steps; end > 0; end -= chunk) {
        int64_t first = end > chunk ? end - chunk : 0;

        for (int64_t step = end - 1; step >= first; step--) {
            recall_cells(trip, step);
            step_back(trip, dy, step);
        }
        gradient_of_weights(trip, first, end);
        if (found)
            gradient_of_inputs(trip, first, end, found);
    }
    if (found && !direct)
        give_gradient(trip, found, dx);
}

void recurrent_backward(const struct layer *layer, struct pass *pass,
                        const struct tensor *const x[], const struct tensor *y,
                        const struct tensor *dy, struct tensor *const dx[])
{
    const struct recurrent *recurrent = layer->memory;

    for (int i = 0; i < recurrent->n_directions; i++) {
        const struct trip trip = trip_of(layer, pass, i, x[0], y);

        direction_back(&trip, dy, dx[0]);
    }
}
