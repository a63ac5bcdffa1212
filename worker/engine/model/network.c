/* How a network comes to be: planned (layers, shapes, sizes), then given its memory. */
#include "worker/engine/model/network.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "common/random.h"
#include "worker/engine/arena.h"
#include "worker/engine/initializer/initializer.h"
#include "worker/engine/model/pass.h"

/* More than any machine of one person holds; keeps sizes far from overflow. */
#define ELEMENTS_MAX ((int64_t)1 << 36)
#define PREDICT_BYTES ((int64_t)1 << 20) /* what a cache holds */
#define PREDICT_BYTES_MAX ((int64_t)64 << 20)
enum { PREDICT_ROWS_MIN = 16, PREDICT_ROWS_MAX = 1024 };
#define CUT_BYTES ((int64_t)3 << 20) /* that a trip of training works in */
enum { CUT_ROWS_MIN = 8, CUT_WEIGHTS = 16 };
enum { TOKENS_VARIABLE = 5 }; /* each layer has a value of its own */

void network_free(struct model *model)
{
    struct network *network = (struct network *)model;

    for (int i = 0; i < network->n_layers; i++)
        free(network->layer[i].memory);
    free(network->layer);
    free(network->node);
    free(network->value);
    free(network->gradient);
    free(network->best);
    update_release(&network->update);
    loss_release(&network->loss);
    pass_release(&network->training);
    pass_release(&network->predicting);
    free(network->block);
    free(network->packed);
    free(network->packed_room);
    free(network);
}

static void network_release(struct network **network)
{
    if (*network)
        network_free(&(*network)->model);
    *network = NULL;
}

/* ---- planning ---- */

static void name_layer(struct network *network, int index, int item)
{
    struct layer *layer = &network->layer[index];
    int number = 1;

    for (int i = 0; i < index; i++)
        number += network->layer[i].kind == layer->kind;
    (void)snprintf(layer->name, sizeof(layer->name), "%s%d", layer->kind->kind.name, number);
    (void)snprintf(layer->path, sizeof(layer->path), "model[%d]", item);
}

static struct shape shape_of(const struct network *network, int source)
{
    return source >= 0 ? network->layer[source].out
                       : network->plan.input[graph_input(source)].shape;
}

/* Tokens of the input that a layer's values come from; of several, the first's. */
static int64_t tokens_of(const struct network *network, int index)
{
    int source = network->node[index].source[0];

    while (source >= 0)
        source = network->node[source].source[0];
    return network->plan.input[graph_input(source)].n_tokens;
}

static bool build_layer(struct network *network, int index, struct error *error)
{
    const struct graph_node *node = &network->node[index];
    struct layer *layer = &network->layer[index];
    struct shape in[LAYER_INPUTS_MAX];

    for (int i = 0; i < node->n_sources; i++) {
        in[i] = shape_of(network, node->source[i]);
        if (node->source[i] >= 0) {
            struct graph_node *source = &network->node[node->source[i]];

            source->n_uses++;
            source->next_only = source->n_uses == 1 && node->source[i] == index - 1;
        }
    }
    if (layer->kind->memory > 0) {
        layer->memory = calloc(1, layer->kind->memory);
        if (!layer->memory)
            return error_set(error, ERROR_NO_MEMORY, "building %s", layer->path);
    }
    network->variable[TOKENS_VARIABLE] =
        (struct expression_variable){"tokens", tokens_of(network, index)};
    return layer->kind->build(layer, in, node->n_sources, &layer->out, error);
}

static bool plan_layer(struct network *network, struct graph *graph, int item, struct error *error)
{
    const struct kind_choice *choice = &network->plan.layers->item[item];
    int index = network->n_layers++;
    struct layer *layer = &network->layer[index];

    layer->kind = (const struct layer_kind *)choice->kind;
    layer->config = choice->config;
    layer->kernel = network->kernel;
    layer->variable = network->variable;
    layer->n_variables = NETWORK_VARIABLES;
    name_layer(network, index, item);
    return graph_place(graph, layer->kind, layer->config, layer->path, index, &network->node[index],
                       error) &&
           build_layer(network, index, error);
}

/* What is learnt comes first, so that an optimizer has one stretch to go through. */
static bool place_parameters(struct network *network, bool states, struct error *error)
{
    for (int i = 0; i < network->n_layers; i++) {
        struct layer *layer = &network->layer[i];

        for (int k = 0; k < layer->n_parameters; k++) {
            struct parameter *parameter = &layer->parameter[k];

            if (parameter->is_state != states)
                continue;
            parameter->offset = network->n_elements;
            network->n_elements += arena_align(parameter->rows * parameter->columns);
            network->model.n_parameters += parameter->rows * parameter->columns;
        }
        if (network->n_elements > ELEMENTS_MAX)
            return error_set_at(error, ERROR_INVALID, layer->path,
                                "%" PRId64 " parameters are too many", network->model.n_parameters);
    }
    return true;
}

static bool has_units(const struct layer *layer)
{
    const struct setting *setting = layer->kind->kind.settings;

    for (; setting && setting->name; setting++)
        if (strcmp(setting->name, "units") == 0)
            return true;
    return false;
}

/* The last layer's width is the task's; the complaint names the layer that a user would change. */
static bool check_output(const struct network *network, struct error *error)
{
    int i = network->n_layers - 1;
    const struct shape *out = &network->layer[i].out;
    int64_t wanted = network->loss.n_outputs;
    bool classes = network->plan.task == TASK_CLASSIFICATION;
    int64_t steps = network_truth_steps(network);
    bool apart = wanted != (classes ? network->plan.n_classes : network->plan.n_targets);
    char path[96];

    if (out->steps == steps && out->width == wanted)
        return true;
    while (i > 0 && !has_units(&network->layer[i]))
        i--;
    (void)snprintf(path, sizeof(path), "%s%s", network->layer[i].path,
                   has_units(&network->layer[i]) ? ".units" : "");
    if (steps > 1 && out->steps != steps)
        return error_set_at(error, ERROR_INVALID, path,
                            "the network ends in %" PRId64 " steps, but each of the window's "
                            "%" PRId64 " has a label (prepare, window.label)",
                            out->steps, steps);
    if (out->steps != steps)
        return error_set_at(error, ERROR_INVALID, path,
                            "the network ends in a sequence of %" PRId64 " steps, but one "
                            "prediction a sample is needed",
                            out->steps);
    if (apart)
        return error_set_at(error, ERROR_INVALID, path,
                            "the network ends in %" PRId64 " outputs, but %s needs %" PRId64
                            "; `units: outputs` in the last dense layer fits",
                            out->width, network->loss.kind->kind.name, wanted);
    return error_set_at(error, ERROR_INVALID, path,
                        "the network ends in %" PRId64 " outputs, but the target has %" PRId64
                        " %s; `units: %s` in the last dense layer fits",
                        out->width, wanted, classes ? "classes" : "columns",
                        classes ? "classes" : "targets");
}

static enum layer_role role_of(const struct kind_choice *choice)
{
    return ((const struct layer_kind *)choice->kind)->role;
}

/* How many layers an item of the list adds. */
static int64_t layers_of(const struct kind_choice *choice)
{
    const struct layer_repeat_config *repeat = choice->config;

    if (role_of(choice) == LAYER_BRANCHES)
        return 0;
    return role_of(choice) == LAYER_REPEATS ? repeat->layers * (repeat->times - 1) : 1;
}

static bool plan_repeat(struct network *network, struct graph *graph, int item, struct error *error)
{
    const struct kind_choice *list = network->plan.layers->item;
    const struct layer_repeat_config *repeat = list[item].config;
    int first = item - (int)repeat->layers;

    for (int i = first < 0 ? -1 : first; i < item; i++)
        if (i < 0 || role_of(&list[i]) != LAYER_CHAINS) {
            char path[64];

            (void)snprintf(path, sizeof(path), "model[%d].layers", item);
            return error_set_at(error, ERROR_INVALID, path,
                                "%" PRId64 " layers in a row do not come before this",
                                repeat->layers);
        }
    for (int64_t time = 1; time < repeat->times; time++)
        for (int i = first; i < item; i++)
            if (!plan_layer(network, graph, i, error))
                return false;
    return true;
}

static bool plan_item(struct network *network, struct graph *graph, int item, struct error *error)
{
    const struct kind_choice *choice = &network->plan.layers->item[item];
    char path[64];

    switch (role_of(choice)) {
    case LAYER_BRANCHES:
        (void)snprintf(path, sizeof(path), "model[%d]", item);
        return graph_branch_off(graph, choice->config, path, error);
    case LAYER_REPEATS:
        return plan_repeat(network, graph, item, error);
    default:
        return plan_layer(network, graph, item, error);
    }
}

static bool allocate_layers(struct network *network, struct error *error)
{
    const struct kind_choices *layers = network->plan.layers;
    int64_t n = 0;

    for (size_t i = 0; i < layers->n; i++)
        n += layers_of(&layers->item[i]);
    if (n < 1 || n > NETWORK_LAYERS_MAX)
        return error_set_at(error, ERROR_INVALID, "model", "%" PRId64 " layers are outside [1, %d]",
                            n, NETWORK_LAYERS_MAX);
    network->layer = calloc((size_t)n, sizeof(*network->layer));
    network->node = calloc((size_t)n, sizeof(*network->node));
    if (!network->layer || !network->node)
        return error_set(error, ERROR_NO_MEMORY, "building a network");
    return true;
}

/* Whoever writes a branch, or names an input, means it to count. */
static bool check_uses(const struct network *network, struct error *error)
{
    bool used[SAMPLE_INPUTS_MAX] = {0};

    for (int i = 0; i < network->n_layers; i++) {
        const struct graph_node *node = &network->node[i];

        for (int k = 0; k < node->n_sources; k++)
            if (node->source[k] < 0)
                used[graph_input(node->source[k])] = true;
        if (i + 1 < network->n_layers && node->n_uses == 0)
            return error_set_at(error, ERROR_INVALID, network->layer[i].path,
                                "nothing takes what this branch gives");
    }
    for (int i = 0; i < network->plan.n_inputs; i++)
        if (!used[i])
            return error_set_at(error, ERROR_INVALID, "model", "nothing takes the input '%s'",
                                network->plan.input[i].name);
    return true;
}

static bool plan_layers(struct network *network, struct error *error)
{
    struct graph graph;

    if (!allocate_layers(network, error))
        return false;
    graph_init(&graph, &network->plan);
    for (int i = 0; i < (int)network->plan.layers->n; i++)
        if (!plan_item(network, &graph, i, error))
            return false;
    if (!check_uses(network, error) || !place_parameters(network, false, error))
        return false;
    network->n_learnt = network->n_elements;
    return place_parameters(network, true, error) && check_output(network, error);
}

/* Bytes of a number of a network's, which may be measured for the other build. */
static int64_t number_size(const struct network *network)
{
    return (int64_t)(network->plan.doubled ? sizeof(double) : sizeof(real));
}

/* As many as a cache holds; where the weights are more than that, as much of rows as of weights, so
 * that reading those is not all that is done. */
static int64_t predict_rows(const struct network *network)
{
    int64_t of_rows = pass_elements(network, 16, false) - pass_elements(network, 0, false);
    int64_t row = of_rows * number_size(network) / 16;
    int64_t weights = network->n_elements * number_size(network);
    int64_t bytes = weights < PREDICT_BYTES_MAX ? weights : PREDICT_BYTES_MAX;
    int64_t rows = (bytes > PREDICT_BYTES ? bytes : PREDICT_BYTES) / (row > 0 ? row : 1);

    return rows < PREDICT_ROWS_MIN ? PREDICT_ROWS_MIN
                                   : (rows > PREDICT_ROWS_MAX ? PREDICT_ROWS_MAX : rows);
}

/* A batch goes in trips of equal size whose activations stay in the cache, where the weights, which
 * each trip reads, are little beside those. The same on every machine, as sums are: in another
 * order they have other last bits. */
static int64_t cut_rows(const struct network *network)
{
    int64_t batch = network_trip_rows(network), trips, rows;
    int64_t of_rows = pass_elements(network, batch, true) - pass_elements(network, 0, true);
    int64_t bytes = of_rows * number_size(network);

    for (int i = 0; i < network->n_layers; i++)
        if (network->layer[i].kind->whole)
            return batch;
    if (network->plan.parts > 1 || network->loss.n_memory > 0 || bytes <= CUT_BYTES ||
        bytes < CUT_WEIGHTS * network->n_elements * number_size(network))
        return batch;
    trips = (bytes + CUT_BYTES - 1) / CUT_BYTES;
    rows = (batch + trips - 1) / trips;
    return rows > CUT_ROWS_MIN ? rows : CUT_ROWS_MIN;
}

static int64_t training_elements(const struct network *network)
{
    return network->plan.batch > 0 ? pass_elements(network, network_trip_rows(network), true) : 0;
}

/* Training and prediction work in the same room, but where a state is carried from batch to batch.
 */
static int64_t block_elements(const struct network *network)
{
    int64_t training = training_elements(network);
    int64_t predicting = pass_elements(network, predict_rows(network), false);

    if (network->model.stateful)
        return training + predicting;
    return training > predicting ? training : predicting;
}

static int64_t memory_of(const struct network *network)
{
    int64_t arenas = network->plan.batch > 0 ? 3 + update_arenas(&network->plan.update) : 1;

    return (arenas * network->n_elements + block_elements(network)) * number_size(network);
}

static bool build_loss(struct network *network, struct error *error)
{
    const struct model_plan *plan = &network->plan;
    const struct loss_task task = {
        .task = plan->task,
        .n_classes = plan->n_classes,
        .n_targets = plan->n_targets,
        .target_offset = plan->target_offset,
        .target_scale = plan->target_scale,
    };

    return loss_build(plan->loss, &task, &network->loss, error);
}

static bool carries(const struct network *network)
{
    for (int i = 0; i < network->n_layers; i++)
        for (int k = 0; k < network->layer[i].n_buffers; k++)
            if (network->layer[i].buffer[k].life == BUFFER_CARRIED)
                return true;
    return false;
}

static bool draws(const struct network *network)
{
    for (int i = 0; i < network->n_layers; i++)
        if (network->layer[i].kind->draws)
            return true;
    return false;
}

/* Of the layers that take a batch whole those that keep what they saw of it: running moments.
 * Others are only slower in parts. NULL: none. */
static const struct layer *layer_of_batches(const struct network *network)
{
    for (int i = 0; i < network->n_layers; i++)
        for (int k = 0; network->layer[i].kind->whole && k < network->layer[i].n_parameters; k++)
            if (network->layer[i].parameter[k].is_state)
                return &network->layer[i];
    return NULL;
}

/* What a step leaves to the next, and what its rows are measured by, is of all of them together. */
static bool check_parts(const struct network *network, struct error *error)
{
    const char *setting = network->plan.parts > 1 ? "train.parts" : "train.out_of_memory";
    const struct layer *layer = layer_of_batches(network);

    if (network->model.stateful)
        return error_set_at(error, ERROR_INVALID, setting,
                            "a stateful layer carries its state by the rows of whole batches");
    if (layer)
        return error_set_at(error, ERROR_INVALID, setting,
                            "%s (%s) takes its mean and variance over whole batches", layer->name,
                            layer->path);
    return network->loss.n_memory == 0 ||
           error_set_at(error, ERROR_INVALID, setting,
                        "train.loss.reweight looks at the losses of whole batches");
}

static bool network_plan(const struct model_plan *plan, struct network **ret_network,
                         struct error *error)
{
    scoped(network_release) struct network *network = calloc(1, sizeof(*network));

    if (!network)
        return error_set(error, ERROR_NO_MEMORY, "building a network");
    network->model.kind = &model_network;
    network->plan = *plan;
    network->kernel = plan->doubled ? &kernel_plain : kernel_pick();
    network->prefetches = prefetch_pays();
    network->variable[0] = (struct expression_variable){"classes", plan->n_classes};
    network->variable[1] = (struct expression_variable){"features", plan->input[0].shape.width};
    network->variable[2] = (struct expression_variable){"steps", plan->input[0].shape.steps};
    network->variable[TOKENS_VARIABLE] = (struct expression_variable){"tokens", 0};
    network->variable[6] = (struct expression_variable){"batch", plan->configured_batch};
    if (!build_loss(network, error))
        return false;
    network->variable[3] = (struct expression_variable){"outputs", network->loss.n_outputs};
    network->variable[4] = (struct expression_variable){"targets", plan->n_targets};
    if (!plan_layers(network, error))
        return false;
    network->model.n_outputs_per_row = network->loss.n_predicted;
    network->model.distribution = network->loss.distribution;
    if (plan->task == TASK_CLASSIFICATION)
        network->model.n_logits = network->loss.n_outputs;
    network->model.stateful = carries(network);
    if (plan->divides && !check_parts(network, error))
        return false;
    network->draws = draws(network);
    network->cut_rows = cut_rows(network);
    network->model.memory = memory_of(network);
    *ret_network = take(&network);
    return true;
}

/* All parameters, as they lie in the arena: the layers' in their order. */
static bool list_parameters(const struct network *network, struct update_parameter **ret_list,
                            int *ret_n, struct error *error)
{
    scoped(memory_free) struct update_parameter *list =
        calloc((size_t)network->n_layers * LAYER_PARAMETERS_MAX, sizeof(*list));
    int n = 0;

    if (!list)
        return error_set(error, ERROR_NO_MEMORY, "preparing to train");
    for (int i = 0; i < network->n_layers; i++)
        for (int k = 0; k < network->layer[i].n_parameters; k++) {
            const struct parameter *parameter = &network->layer[i].parameter[k];

            if (parameter->is_state)
                continue;
            list[n++] = (struct update_parameter){
                .name = parameter->name,
                .offset = parameter->offset,
                .elements = arena_align(parameter->rows * parameter->columns),
                .is_vector = parameter->is_vector,
            };
        }
    *ret_list = take(&list);
    *ret_n = n;
    return true;
}

static bool check_update(const struct network *network, struct error *error)
{
    scoped(memory_free) struct update_parameter *list = NULL;
    int n;

    return list_parameters(network, &list, &n, error) &&
           update_check(&network->plan.update, list, n, error);
}

bool network_measure(const struct model_plan *plan, int64_t *ret_parameters, int64_t *ret_memory,
                     struct error *error)
{
    scoped(network_release) struct network *network = NULL;

    if (!network_plan(plan, &network, error) || (plan->batch > 0 && !check_update(network, error)))
        return false;
    *ret_parameters = network->model.n_parameters;
    *ret_memory = network->model.memory;
    return true;
}

/* ---- memory and first values ---- */

static bool fill_parameter(const struct network *network, struct parameter *parameter)
{
    const struct initializer_kind *kind =
        (const struct initializer_kind *)parameter->initializer.kind;
    const struct initializer_target target = {
        .value = parameter->value,
        .n = parameter->rows * parameter->columns,
        .rows = parameter->rows,
        .columns = parameter->columns,
        .fan_in = parameter->fan_in,
        .fan_out = parameter->fan_out,
        .seed = network->plan.seed,
        .purpose = random_purpose("initial", parameter->name),
    };

    return !kind || kind->fill(parameter->initializer.config, &target);
}

bool network_fill(struct network *network, struct error *error)
{
    memset(network->value, 0, (size_t)network->n_elements * sizeof(real));
    for (int i = 0; i < network->n_layers; i++)
        for (int k = 0; k < network->layer[i].n_parameters; k++) {
            struct parameter *parameter = &network->layer[i].parameter[k];

            if (!fill_parameter(network, parameter))
                return error_set(error, ERROR_NO_MEMORY, "first values of %s", parameter->name);
        }
    return true;
}

static void bind_parameters(struct network *network)
{
    for (int i = 0; i < network->n_layers; i++) {
        struct layer *layer = &network->layer[i];

        for (int k = 0; k < layer->n_parameters; k++) {
            struct parameter *parameter = &layer->parameter[k];

            parameter->value = network->value + parameter->offset;
            if (network->gradient && !parameter->is_state)
                parameter->gradient = network->gradient + parameter->offset;
        }
    }
}

static bool allocate_arenas(struct network *network, struct error *error)
{
    bool training = network->plan.batch > 0;
    bool complete;

    network->value = arena_allocate(network->n_elements);
    complete = network->value != NULL;
    if (training) {
        network->gradient = arena_allocate(network->n_elements);
        complete = complete && network->gradient;
    }
    if (!complete)
        return error_set(error, ERROR_NO_MEMORY, "%" PRId64 " parameters",
                         network->model.n_parameters);
    return true;
}

static bool init_update(struct network *network, struct error *error)
{
    scoped(memory_free) struct update_parameter *list = NULL;
    int n;

    return list_parameters(network, &list, &n, error) &&
           update_init(&network->update, &network->plan.update, list, n, network->n_learnt, error);
}

static bool init_passes(struct network *network, struct error *error)
{
    int64_t rows = network_trip_rows(network);
    real *apart;

    network->block = arena_allocate(block_elements(network));
    if (!network->block)
        return error_set(error, ERROR_NO_MEMORY, "buffers for batches of %" PRId64 " rows", rows);
    apart = network->block + (network->model.stateful ? training_elements(network) : 0);
    return (network->plan.batch <= 0 ||
            pass_init(&network->training, network, rows, true, network->block, error)) &&
           pass_init(&network->predicting, network, predict_rows(network), false, apart, error);
}

bool network_build(const struct model_plan *plan, struct model **ret_model, struct error *error)
{
    scoped(network_release) struct network *network = NULL;

    if (!network_plan(plan, &network, error) || !allocate_arenas(network, error))
        return false;
    if (!init_passes(network, error) || (plan->batch > 0 && !init_update(network, error)))
        return false;
    bind_parameters(network);
    if (!network_fill(network, error))
        return false;
    *ret_model = &take(&network)->model;
    return true;
}

/* Multiples of a cache's line. */
static int64_t packed_align(int64_t n)
{
    return (n + 31) / 32 * 32;
}

static void pack_layers(struct network *network)
{
    uint16_t *at = network->packed;

    for (int i = 0; i < network->n_layers; i++) {
        struct layer *layer = &network->layer[i];
        int64_t packed, room;

        if (!layer->kind->measure_packed)
            continue;
        layer->kind->measure_packed(layer, network->predicting.pass.capacity, &packed, &room);
        if (packed == 0)
            continue;
        layer->kind->pack(layer, at);
        layer->packed = at;
        at += packed_align(packed);
    }
}

bool network_quicken(struct model *model, const struct bf16x3_kernel *kernel, struct error *error)
{
    struct network *network = (struct network *)model;
    int64_t all = 0, most = 0;

    for (int i = 0; i < network->n_layers; i++) {
        const struct layer *layer = &network->layer[i];
        int64_t packed, room;

        if (!layer->kind->measure_packed)
            continue;
        layer->kind->measure_packed(layer, network->predicting.pass.capacity, &packed, &room);
        all += packed_align(packed);
        most = room > most ? room : most;
    }
    network->packed = arena_reserve((size_t)all * sizeof(*network->packed));
    network->packed_room = arena_reserve((size_t)most * sizeof(*network->packed_room));
    if (!network->packed || !network->packed_room)
        return error_set(error, ERROR_NO_MEMORY, "packing %" PRId64 " parameters",
                         model->n_parameters);
    pack_layers(network);
    network->predicting.pass.bf16x3 = kernel;
    network->predicting.pass.room = network->packed_room;
    model->memory += (all + most) * (int64_t)sizeof(uint16_t);
    return true;
}

struct parameter *network_parameter(struct network *network, const char *name)
{
    for (int i = 0; i < network->n_layers; i++)
        for (int k = 0; k < network->layer[i].n_parameters; k++)
            if (strcmp(network->layer[i].parameter[k].name, name) == 0)
                return &network->layer[i].parameter[k];
    return NULL;
}
