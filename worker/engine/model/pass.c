/*
 * Passes: one block of memory holds the input, the outputs of all layers, two buffers in which
 * their gradients take turns, and what the layers declared. Slices begin at multiples of 64 bytes.
 */
#include "worker/engine/model/pass.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/arena.h"

static int64_t shape_size(const struct shape *shape)
{
    return shape->steps * shape->width;
}

static int64_t outputs_per_row(const struct network *network)
{
    return network_truth_steps(network) * network->loss.n_outputs;
}

/* Where the next slice begins; with a block of NULL only counts. */
struct cursor {
    real *block;
    int64_t used;
};

static real *slice(struct cursor *cursor, int64_t n)
{
    real *here = cursor->block ? cursor->block + cursor->used : NULL;

    cursor->used += arena_align(n);
    return here;
}

static bool is_carried(const struct layer_buffer *buffer)
{
    return buffer->life == BUFFER_CARRIED || buffer->life == BUFFER_LEFT;
}

/* All that is carried lies together, so that it can be kept as one. */
static void place_carried(const struct network *network, struct network_pass *pass,
                          int64_t capacity, enum buffer_life life, struct cursor *cursor)
{
    int64_t first = cursor->used;

    for (int i = 0; i < network->n_layers; i++)
        for (int k = 0; k < network->layer[i].n_buffers; k++) {
            const struct layer_buffer *wanted = &network->layer[i].buffer[k];
            real *buffer = wanted->life == life ? slice(cursor, capacity * wanted->per_row) : NULL;

            if (pass && buffer)
                pass->buffer[(ptrdiff_t)i * LAYER_BUFFERS_MAX + k] = buffer;
        }
    if (!pass || life != BUFFER_CARRIED)
        return;
    pass->n_carried = cursor->used - first;
    pass->carried = cursor->block + first;
}

static void place_layer(const struct network *network, int i, struct network_pass *pass,
                        int64_t capacity, bool training, struct cursor *cursor)
{
    const struct layer *layer = &network->layer[i];
    struct tensor output = {.data = slice(cursor, capacity * shape_size(&layer->out)),
                            .steps = layer->out.steps,
                            .width = layer->out.width};

    if (pass)
        pass->output[i] = pass->gradient[i] = output;
    for (int k = 0; k < layer->n_buffers; k++) {
        const struct layer_buffer *wanted = &layer->buffer[k];
        bool needed = training ? !is_carried(wanted) : wanted->life == BUFFER_SCRATCH;
        real *buffer = needed ? slice(cursor, capacity * wanted->per_row + wanted->fixed) : NULL;

        if (pass && !is_carried(wanted))
            pass->buffer[(ptrdiff_t)i * LAYER_BUFFERS_MAX + k] = buffer;
    }
}

static void place_inputs(const struct network *network, struct network_pass *pass, int64_t capacity,
                         struct cursor *cursor)
{
    for (int i = 0; i < network->plan.n_inputs; i++) {
        const struct shape *shape = &network->plan.input[i].shape;
        struct tensor input = {.data = slice(cursor, capacity * shape_size(shape)),
                               .steps = shape->steps,
                               .width = shape->width};

        if (!pass)
            continue;
        input.length = pass->length[i];
        pass->input[i] = input;
    }
}

/* Which of the two buffers holds the gradient of an output: not that of the layer behind it, unless
 * that layer writes in place. */
static int turn_of(const struct network *network, int index)
{
    int turn = 0;

    for (int i = network->n_layers - 1; i > index; i--)
        if (!network->layer[i].kind->in_place || !network->node[i - 1].next_only)
            turn = 1 - turn;
    return turn;
}

static bool takes_turn(const struct network *network, int index)
{
    return index == network->n_layers - 1 || network->node[index].next_only;
}

/* Where gradients of the outputs lie. A pass that only predicts has room for the last one, which a
 * loss writes. */
static void place_gradients(const struct network *network, struct network_pass *pass,
                            int64_t capacity, bool training, struct cursor *cursor)
{
    int last = network->n_layers - 1;
    int64_t widest[2] = {outputs_per_row(network), 0};
    real *turn[2];

    for (int i = 0; training && i <= last; i++) {
        int64_t *most = &widest[turn_of(network, i)], size = shape_size(&network->layer[i].out);

        if (takes_turn(network, i) && size > *most)
            *most = size;
    }
    for (int i = 0; i < 2; i++)
        turn[i] = slice(cursor, capacity * widest[i]);
    for (int i = 0; i <= last; i++) {
        bool own = training && !takes_turn(network, i);
        real *gradient = own ? slice(cursor, capacity * shape_size(&network->layer[i].out)) : NULL;

        if (pass)
            pass->gradient[i].data = own ? gradient : turn[turn_of(network, i)];
    }
}

/* Room for gradients of outputs that several layers take. */
static void place_added(const struct network *network, struct network_pass *pass, int64_t capacity,
                        struct cursor *cursor)
{
    int64_t most = 0;
    int sources = 0;

    for (int i = 0; i < network->n_layers; i++) {
        const struct graph_node *node = &network->node[i];

        sources = node->n_sources > sources ? node->n_sources : sources;
        if (node->n_uses > 1 && shape_size(&network->layer[i].out) > most)
            most = shape_size(&network->layer[i].out);
    }
    for (int i = 0; i < sources && most > 0; i++) {
        real *added = slice(cursor, capacity * most);

        if (pass)
            pass->added[i] = added;
    }
}

/* Gives every slice its place; returns the elements that it takes. pass NULL: only counts. */
static int64_t place(const struct network *network, struct network_pass *pass, int64_t capacity,
                     bool training, struct cursor cursor)
{
    real *target;

    place_inputs(network, pass, capacity, &cursor);
    for (int i = 0; i < network->n_layers; i++)
        place_layer(network, i, pass, capacity, training, &cursor);
    place_gradients(network, pass, capacity, training, &cursor);
    if (training)
        place_added(network, pass, capacity, &cursor);
    place_carried(network, pass, capacity, BUFFER_CARRIED, &cursor);
    place_carried(network, pass, capacity, BUFFER_LEFT, &cursor);
    target = slice(&cursor, capacity * outputs_per_row(network));
    if (pass)
        pass->target = target;
    return cursor.used;
}

int64_t pass_elements(const struct network *network, int64_t capacity, bool training)
{
    return place(network, NULL, capacity, training, (struct cursor){0});
}

void pass_release(struct network_pass *pass)
{
    free(pass->output);
    free(pass->gradient);
    free(pass->filled);
    free(pass->out_length);
    free((void *)pass->buffer);
    free(pass->row_id);
    free(pass->label);
    free(pass->weight);
    free(pass->row_loss);
    free(pass->previous);
    for (int i = 0; i < SAMPLE_INPUTS_MAX; i++)
        free(pass->length[i]);
    *pass = (struct network_pass){0};
}

static bool allocate_lengths(struct network_pass *pass, const struct network *network, size_t rows)
{
    bool varies = false;

    for (int i = 0; i < network->plan.n_inputs; i++)
        if (network->plan.input[i].varies) {
            pass->length[i] = calloc(rows, sizeof(*pass->length[i]));
            if (!pass->length[i])
                return false;
            varies = true;
        }
    if (varies)
        pass->out_length = calloc((size_t)network->n_layers * rows, sizeof(*pass->out_length));
    return !varies || pass->out_length;
}

bool pass_init(struct network_pass *pass, const struct network *network, int64_t capacity,
               bool training, real *block, struct error *error)
{
    size_t layers = (size_t)network->n_layers, rows = (size_t)capacity;
    size_t truths = rows * (size_t)network_truth_steps(network);
    bool carries = network->model.stateful;

    *pass = (struct network_pass){
        .pass = {.training = training, .capacity = capacity, .kernel = network->kernel},
        .block = block,
        .output = calloc(layers, sizeof(*pass->output)),
        .gradient = calloc(layers, sizeof(*pass->gradient)),
        .filled = calloc(layers, sizeof(*pass->filled)),
        .buffer = (real **)calloc(layers * LAYER_BUFFERS_MAX, sizeof(*pass->buffer)),
        .row_id = calloc(rows, sizeof(*pass->row_id)),
        .label = calloc(truths, sizeof(*pass->label)),
        .weight = calloc(truths, sizeof(*pass->weight)),
        .row_loss = calloc(truths, sizeof(*pass->row_loss)),
        .previous = carries ? calloc(rows, sizeof(*pass->previous)) : NULL,
    };
    if ((carries && !pass->previous) || !allocate_lengths(pass, network, rows) || !pass->output ||
        !pass->gradient || !pass->filled || !pass->buffer || !pass->row_id || !pass->label ||
        !pass->weight || !pass->row_loss) {
        pass_release(pass);
        return error_set(error, ERROR_NO_MEMORY, "buffers for batches of %lld rows",
                         (long long)capacity);
    }
    pass->pass.row_id = network->draws ? pass->row_id : NULL;
    (void)place(network, pass, capacity, training, (struct cursor){.block = block});
    pass_forget(pass);
    return true;
}

/* ---- what is carried ---- */

void pass_forget(struct network_pass *pass)
{
    for (int64_t row = 0; pass->previous && row < pass->pass.capacity; row++)
        pass->previous[row] = -1;
}

/* Of row r of a batch all that is carried is 0. */
static void clear_row(real *const *buffer, const struct layer *layer, int64_t r)
{
    for (int k = 0; k < layer->n_buffers; k++) {
        int64_t width = layer->buffer[k].per_row;

        if (layer->buffer[k].life == BUFFER_CARRIED)
            memset(buffer[k] + r * width, 0, (size_t)width * sizeof(real));
    }
}

/* Places without a sample keep what they have: what is carried is a function of the steps alone. */
void pass_carry(struct network_pass *pass, const struct network *network, const int64_t *row,
                int64_t n)
{
    if (!pass->previous)
        return;
    for (int i = 0; i < network->n_layers; i++)
        for (int k = 0; k < network->layer[i].n_buffers; k++) {
            real *const *buffer = pass->buffer + (ptrdiff_t)i * LAYER_BUFFERS_MAX + k;
            const struct layer_buffer *carried = &network->layer[i].buffer[k];

            if (carried->life == BUFFER_CARRIED) /* and its twin is the next one */
                memcpy(buffer[0], buffer[1], (size_t)(n * carried->per_row) * sizeof(real));
        }
    for (int64_t i = 0; i < pass->pass.capacity; i++)
        pass->previous[i] = i < n ? row[i] : -1;
}

/* Rows that do not go on where their place's last sample ended begin with zeros. */
static void begin_rows(struct network_pass *pass, const struct network *network,
                       const struct sample_set *set, const int64_t *row, int64_t n)
{
    for (int64_t r = 0; pass->previous && r < n; r++) {
        if (set->before && pass->previous[r] >= 0 && set->before(set, row[r]) == pass->previous[r])
            continue;
        for (int i = 0; i < network->n_layers; i++)
            clear_row(pass->buffer + (ptrdiff_t)i * LAYER_BUFFERS_MAX, &network->layer[i], r);
    }
}

static inline real scaled(const struct network *network, const double *target, int64_t k)
{
    return (real)((target[k] - network->plan.target_offset[k]) / network->plan.target_scale[k]);
}

/* Of the output at `place`; without a truth it weighs nothing. */
static void put_truth(const struct network *network, struct network_pass *pass,
                      const struct sample_set *set, int64_t entry, int64_t place)
{
    int64_t width = network->plan.n_targets;
    const double *target = entry < 0 || width == 0 ? NULL : sample_learned(set, entry);

    if (pass->weighted)
        pass->weight[place] = entry < 0 ? 0 : set->weight ? set->weight[entry] : 1;
    if (network->plan.task == TASK_CLASSIFICATION)
        pass->label[place] = entry < 0 ? 0 : set->label[entry];
    for (int64_t k = 0; k < width; k++)
        pass->target[place * width + k] = target ? scaled(network, target, k) : 0;
}

/* Where each sample has one truth, its own: in short loops, so that the memory is asked for many
 * of them at once. */
static void gather_own(const struct network *network, struct network_pass *pass,
                       const struct sample_set *set, const int64_t *row, int64_t n)
{
    int64_t width = network->plan.n_targets;

    for (int64_t i = 0; i < n && set->weight; i++)
        pass->weight[i] = set->weight[row[i]];
    for (int64_t i = 0; i < n && network->plan.task == TASK_CLASSIFICATION; i++)
        pass->label[i] = set->label[row[i]];
    for (int64_t i = 0; i < n && width > 0; i++) {
        const double *target = sample_learned(set, row[i]);

        for (int64_t k = 0; k < width; k++)
            pass->target[i * width + k] = scaled(network, target, k);
    }
}

static void gather_truth(const struct network *network, struct network_pass *pass,
                         const struct sample_set *set, const int64_t *row, int64_t n)
{
    int64_t steps = network_truth_steps(network);

    pass->weighted = set->weight || steps > 1;
    if (steps == 1 && !set->truth) {
        gather_own(network, pass, set, row, n);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        const struct truth_span truth = sample_truth(set, row[i]);

        for (int64_t step = 0; step < steps; step++) {
            int64_t at = step - truth.step, entry = truth.first + at;
            bool known =
                at >= 0 && at < truth.n && (steps == 1 || sample_truth_is_known(set, entry));

            put_truth(network, pass, set, known ? entry : -1, step * n + i);
        }
    }
}

static struct loss_truth truth_of(const struct network_pass *pass)
{
    return (struct loss_truth){.label = pass->label,
                               .target = pass->target,
                               .weight = pass->weighted ? pass->weight : NULL,
                               .divisor = pass->divisor,
                               .training = pass->pass.training};
}

/* Labels are only looked at where rows count otherwise than one for one. */
double pass_divisor(struct network_pass *pass, const struct network *network,
                    const struct sample_set *set, const int64_t *row, int64_t n)
{
    int64_t steps = network_truth_steps(network), most = pass->pass.capacity;
    double sum = 0;

    if (!set->weight && steps == 1 && !network->loss.weighs)
        return (double)n;
    for (int64_t first = 0; first < n; first += most) {
        int64_t rows = n - first < most ? n - first : most;
        struct loss_truth truth;

        gather_truth(network, pass, set, row + first, rows);
        truth = truth_of(pass);
        sum += loss_divisor(&network->loss, &truth, rows * steps);
    }
    return sum;
}

void pass_gather(struct network_pass *pass, const struct network *network,
                 const struct sample_set *set, const int64_t *row, int64_t n, bool truth)
{
    pass->pass.rows = n;
    for (int i = 0; i < set->n_inputs; i++)
        pass->input[i].rows = n;
    for (int i = 0; i < network->n_layers; i++)
        pass->output[i].rows = pass->gradient[i].rows = n;
    for (int64_t i = 0; i < n && network->draws; i++)
        pass->row_id[i] = set->row_id ? set->row_id[row[i]] : (uint64_t)row[i];
    begin_rows(pass, network, set, row, n);
    set->gather(set, row, n, pass->input, pass->length);
    if (truth)
        gather_truth(network, pass, set, row, n);
}

/* Steps beyond a row's length hold zeros, so that no layer need look there. */
static void clear_padding(struct tensor *tensor)
{
    if (!tensor || !tensor->length)
        return;
    for (int64_t row = 0; row < tensor->rows; row++)
        for (int64_t step = tensor->length[row]; step < tensor->steps; step++)
            memset(tensor->data + (step * tensor->rows + row) * tensor->width, 0,
                   (size_t)tensor->width * sizeof(real));
}

static const struct tensor *tensor_of(const struct network_pass *pass, int source)
{
    return source >= 0 ? &pass->output[source] : &pass->input[graph_input(source)];
}

/* Of each row the steps of the input that has most of it; NULL: all. `room`: where they differ. */
static const int32_t *longest_length(const struct tensor *const x[], int n, int32_t *room)
{
    const int32_t *longest = x[0]->length;

    for (int i = 1; i < n && longest; i++) {
        const int32_t *length = x[i]->length;

        if (length == longest)
            continue;
        if (!length)
            return NULL;
        for (int64_t row = 0; row < x[i]->rows; row++)
            room[row] = length[row] > longest[row] ? length[row] : longest[row];
        longest = room;
    }
    return longest;
}

/* The steps that each row of a layer's output has, of the n inputs x. */
static const int32_t *output_length(struct network_pass *pass, const struct layer *layer, int index,
                                    const struct tensor *const x[], int n)
{
    int32_t *length = pass->out_length + index * pass->pass.capacity;
    const int32_t *longest = longest_length(x, n, length);

    if (!longest || layer->out.steps == 1)
        return NULL;
    if (!layer->kind->length)
        return x[0]->steps == layer->out.steps ? longest : NULL;
    for (int64_t row = 0; row < x[0]->rows; row++) {
        int64_t steps = layer->kind->length(layer, longest[row]);

        length[row] = (int32_t)(steps < layer->out.steps ? steps : layer->out.steps);
    }
    return length;
}

const struct tensor *pass_forward(struct network_pass *pass, const struct network *network)
{
    for (int i = 0; i < network->n_layers; i++) {
        const struct layer *layer = &network->layer[i];
        const struct graph_node *node = &network->node[i];
        const struct tensor *x[LAYER_INPUTS_MAX] = {0};

        for (int k = 0; k < node->n_sources; k++)
            x[k] = tensor_of(pass, node->source[k]);
        pass->pass.buffer = pass->buffer + (ptrdiff_t)i * LAYER_BUFFERS_MAX;
        assert(x[0]); /* every layer has a source */
        pass->output[i].length = output_length(pass, layer, i, x, node->n_sources);
        if (layer->kind->prepare)
            layer->kind->prepare(layer, &pass->pass);
        layer->kind->forward(layer, &pass->pass, x, &pass->output[i]);
        clear_padding(&pass->output[i]);
    }
    return &pass->output[network->n_layers - 1];
}

void pass_loss(struct network_pass *pass, const struct network *network, struct loss_sum *sum)
{
    const struct loss_truth truth = truth_of(pass);
    int last = network->n_layers - 1;

    network->loss.kind->value(&network->loss, network->kernel, &pass->output[last], &truth,
                              &pass->gradient[last], pass->row_loss, sum);
}

void pass_sum_classes(const struct network_pass *pass, const struct network *network,
                      struct loss_sum *class_sum)
{
    int64_t rows = loss_rows(&pass->output[network->n_layers - 1]);

    for (int64_t row = 0; row < rows; row++) {
        struct loss_sum *sum = &class_sum[pass->label[row]];

        if (pass->weighted && !(pass->weight[row] > 0))
            continue;
        sum->loss += pass->row_loss[row];
        sum->weight++;
    }
}

void pass_learn(const struct network_pass *pass, struct network *network)
{
    const struct loss_truth truth = truth_of(pass);

    if (network->loss.kind->learn && network->loss.n_memory > 0)
        network->loss.kind->learn(&network->loss, &truth, pass->row_loss,
                                  loss_rows(&pass->output[network->n_layers - 1]));
}

/* Where a layer writes the gradient of its k-th input: there, or aside where one came before. */
static struct tensor *gradient_for(struct network_pass *pass, int source, int k,
                                   struct tensor *aside)
{
    struct tensor *gradient;

    if (source < 0)
        return NULL;
    gradient = &pass->gradient[source];
    gradient->length = pass->output[source].length;
    if (!pass->filled[source]) {
        pass->filled[source] = true;
        return gradient;
    }
    *aside = *gradient;
    aside->data = pass->added[k];
    return aside;
}

static void layer_back(struct network_pass *pass, const struct network *network, int index)
{
    const struct layer *layer = &network->layer[index];
    const struct graph_node *node = &network->node[index];
    const struct tensor *x[LAYER_INPUTS_MAX];
    struct tensor *dx[LAYER_INPUTS_MAX], aside[LAYER_INPUTS_MAX];

    for (int k = 0; k < node->n_sources; k++) {
        x[k] = tensor_of(pass, node->source[k]);
        dx[k] = gradient_for(pass, node->source[k], k, &aside[k]);
    }
    pass->pass.buffer = pass->buffer + (ptrdiff_t)index * LAYER_BUFFERS_MAX;
    layer->kind->backward(layer, &pass->pass, x, &pass->output[index], &pass->gradient[index], dx);
    for (int k = 0; k < node->n_sources; k++) {
        clear_padding(dx[k]);
        if (dx[k] == &aside[k])
            network->kernel->add(pass->gradient[node->source[k]].data, aside[k].data,
                                 aside[k].steps * aside[k].rows * aside[k].width);
    }
}

void pass_backward(struct network_pass *pass, const struct network *network)
{
    memset(pass->filled, 0, (size_t)network->n_layers * sizeof(*pass->filled));
    for (int i = network->n_layers - 1; i >= 0; i--)
        layer_back(pass, network, i);
}
