/*
 * Passes: one block of memory holds the input, the outputs of all layers, two buffers in which
 * their gradients take turns, and what the layers declared. Slices begin at multiples of 64 bytes.
 */
#include "worker/engine/model/pass.h"

#include <stdlib.h>
#include <string.h>

#include "common/owner.h"

#define ALIGNMENT 64
#define ALIGN_ELEMENTS ((int64_t)(ALIGNMENT / sizeof(real)))

int64_t pass_align(int64_t n)
{
    return (n + ALIGN_ELEMENTS - 1) / ALIGN_ELEMENTS * ALIGN_ELEMENTS;
}

real *pass_allocate(int64_t n)
{
    size_t size = (size_t)pass_align(n) * sizeof(real);
    real *data = aligned_alloc(ALIGNMENT, size ? size : ALIGNMENT);

    if (data)
        memset(data, 0, size);
    return data;
}

static int64_t shape_size(const struct shape *shape)
{
    return shape->steps * shape->width;
}

static int64_t widest(const struct network *network)
{
    int64_t most = 0;

    for (int i = 0; i < network->n_layers; i++)
        if (shape_size(&network->layer[i].out) > most)
            most = shape_size(&network->layer[i].out);
    return most;
}

/* Where the next slice begins; with a block of NULL only counts. */
struct cursor {
    real *block;
    int64_t used;
};

static real *slice(struct cursor *cursor, int64_t n)
{
    real *here = cursor->block ? cursor->block + cursor->used : NULL;

    cursor->used += pass_align(n);
    return here;
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
        bool needed = training || wanted->life == BUFFER_SCRATCH;
        real *buffer = needed ? slice(cursor, capacity * wanted->per_row + wanted->fixed) : NULL;

        if (pass)
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

/* Gives every slice its place; returns the elements that it takes. pass NULL: only counts. */
static int64_t place(const struct network *network, struct network_pass *pass, int64_t capacity,
                     bool training, struct cursor cursor)
{
    int last = network->n_layers - 1;
    real *turn[2] = {0}, *target;

    place_inputs(network, pass, capacity, &cursor);
    for (int i = 0; i <= last; i++)
        place_layer(network, i, pass, capacity, training, &cursor);
    for (int i = 0; i < 2; i++)
        if (training || i == last % 2)
            turn[i] =
                slice(&cursor, capacity * (training ? widest(network) : network->loss.n_outputs));
    target = slice(&cursor, capacity * network->loss.n_outputs);
    if (!pass)
        return cursor.used;
    pass->target = target;
    for (int i = 0; i <= last; i++)
        pass->gradient[i].data = turn[i % 2];
    return cursor.used;
}

int64_t pass_elements(const struct network *network, int64_t capacity, bool training)
{
    return place(network, NULL, capacity, training, (struct cursor){0});
}

void pass_release(struct network_pass *pass)
{
    free(pass->block);
    free(pass->output);
    free(pass->gradient);
    free((void *)pass->buffer);
    free(pass->row_id);
    free(pass->label);
    free(pass->weight);
    free(pass->row_loss);
    for (int i = 0; i < SAMPLE_INPUTS_MAX; i++)
        free(pass->length[i]);
    *pass = (struct network_pass){0};
}

static bool allocate_lengths(struct network_pass *pass, const struct network *network, size_t rows)
{
    for (int i = 0; i < network->plan.n_inputs; i++)
        if (network->plan.input[i].varies) {
            pass->length[i] = calloc(rows, sizeof(*pass->length[i]));
            if (!pass->length[i])
                return false;
        }
    return true;
}

bool pass_init(struct network_pass *pass, const struct network *network, int64_t capacity,
               bool training, struct error *error)
{
    size_t layers = (size_t)network->n_layers, rows = (size_t)capacity;

    *pass = (struct network_pass){
        .pass = {.training = training, .capacity = capacity, .kernel = network->kernel},
        .block = pass_allocate(pass_elements(network, capacity, training)),
        .output = calloc(layers, sizeof(*pass->output)),
        .gradient = calloc(layers, sizeof(*pass->gradient)),
        .buffer = (real **)calloc(layers * LAYER_BUFFERS_MAX, sizeof(*pass->buffer)),
        .row_id = calloc(rows, sizeof(*pass->row_id)),
        .label = calloc(rows, sizeof(*pass->label)),
        .weight = calloc(rows, sizeof(*pass->weight)),
        .row_loss = calloc(rows, sizeof(*pass->row_loss)),
    };
    if (!allocate_lengths(pass, network, rows) || !pass->block || !pass->output ||
        !pass->gradient || !pass->buffer || !pass->row_id || !pass->label || !pass->weight ||
        !pass->row_loss) {
        pass_release(pass);
        return error_set(error, ERROR_NO_MEMORY, "buffers for batches of %lld rows",
                         (long long)capacity);
    }
    pass->pass.row_id = pass->row_id;
    (void)place(network, pass, capacity, training, (struct cursor){.block = pass->block});
    return true;
}

static void gather_truth(const struct network *network, struct network_pass *pass,
                         const struct sample_set *set, const int64_t *row, int64_t n)
{
    int64_t width = network->plan.n_targets;

    pass->weighted = set->weight != NULL;
    for (int64_t i = 0; i < n && pass->weighted; i++)
        pass->weight[i] = set->weight[row[i]];
    if (network->plan.task == TASK_CLASSIFICATION) {
        for (int64_t i = 0; i < n; i++)
            pass->label[i] = set->label[row[i]];
        return;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < width; k++)
            pass->target[i * width + k] =
                (real)((set->target[row[i] * width + k] - network->plan.target_offset[k]) /
                       network->plan.target_scale[k]);
}

void pass_gather(struct network_pass *pass, const struct network *network,
                 const struct sample_set *set, const int64_t *row, int64_t n, bool truth)
{
    pass->pass.rows = n;
    for (int i = 0; i < set->n_inputs; i++)
        pass->input[i].rows = n;
    for (int i = 0; i < network->n_layers; i++)
        pass->output[i].rows = pass->gradient[i].rows = n;
    for (int64_t i = 0; i < n; i++)
        pass->row_id[i] = set->row_id[row[i]];
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

const struct tensor *pass_forward(struct network_pass *pass, const struct network *network)
{
    const struct tensor *x = &pass->input[0];

    for (int i = 0; i < network->n_layers; i++) {
        const struct layer *layer = &network->layer[i];

        pass->pass.buffer = pass->buffer + (ptrdiff_t)i * LAYER_BUFFERS_MAX;
        /* a layer that changes the steps sets the lengths itself */
        pass->output[i].length = x->steps == layer->out.steps ? x->length : NULL;
        if (layer->kind->prepare)
            layer->kind->prepare(layer, &pass->pass);
        layer->kind->forward(layer, &pass->pass, &x, &pass->output[i]);
        clear_padding(&pass->output[i]);
        x = &pass->output[i];
    }
    return x;
}

void pass_loss(struct network_pass *pass, const struct network *network, struct loss_sum *sum)
{
    const struct loss_truth truth = {.label = pass->label,
                                     .target = pass->target,
                                     .weight = pass->weighted ? pass->weight : NULL};
    int last = network->n_layers - 1;

    network->loss.kind->value(&network->loss, network->kernel, &pass->output[last], &truth,
                              &pass->gradient[last], pass->row_loss, sum);
}

void pass_backward(struct network_pass *pass, const struct network *network)
{
    for (int i = network->n_layers - 1; i >= 0; i--) {
        const struct layer *layer = &network->layer[i];
        const struct tensor *x = i > 0 ? &pass->output[i - 1] : &pass->input[0];
        struct tensor *dx = i > 0 ? &pass->gradient[i - 1] : NULL;

        pass->pass.buffer = pass->buffer + (ptrdiff_t)i * LAYER_BUFFERS_MAX;
        if (dx)
            dx->length = x->length;
        layer->kind->backward(layer, &pass->pass, &x, &pass->output[i], &pass->gradient[i], &dx);
        clear_padding(dx);
    }
}
