/* How a network comes to be: planned (layers, shapes, sizes), then given its memory. */
#include "worker/engine/model/network.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "common/random.h"
#include "worker/engine/initializer/initializer.h"
#include "worker/engine/model/pass.h"

/* More than any machine of one person holds; keeps sizes far from overflow. */
#define ELEMENTS_MAX ((int64_t)1 << 36)
#define PREDICT_BYTES ((int64_t)1 << 20) /* what a cache holds */
enum { PREDICT_ROWS_MIN = 16, PREDICT_ROWS_MAX = 1024 };

void network_free(struct model *model)
{
    struct network *network = (struct network *)model;

    for (int i = 0; i < network->n_layers; i++)
        free(network->layer[i].memory);
    for (int i = 0; i < network->n_moments; i++)
        free(network->moment[i]);
    free(network->layer);
    free(network->value);
    free(network->gradient);
    free(network->best);
    pass_release(&network->training);
    pass_release(&network->predicting);
    free(network);
}

static void network_release(struct network **network)
{
    if (*network)
        network_free(&(*network)->model);
    *network = NULL;
}

/* ---- planning ---- */

static void name_layer(struct network *network, int index)
{
    struct layer *layer = &network->layer[index];
    int number = 1;

    for (int i = 0; i < index; i++)
        number += network->layer[i].kind == layer->kind;
    (void)snprintf(layer->name, sizeof(layer->name), "%s%d", layer->kind->kind.name, number);
    (void)snprintf(layer->path, sizeof(layer->path), "model[%d]", index);
}

static bool plan_layer(struct network *network, int index, const struct shape *in,
                       struct error *error)
{
    const struct kind_choice *choice = &network->plan.layers->item[index];
    struct layer *layer = &network->layer[index];

    layer->kind = (const struct layer_kind *)choice->kind;
    layer->config = choice->config;
    layer->variable = network->variable;
    layer->n_variables = NETWORK_VARIABLES;
    network->n_layers = index + 1;
    name_layer(network, index);
    if (layer->kind->memory > 0) {
        layer->memory = calloc(1, layer->kind->memory);
        if (!layer->memory)
            return error_set(error, ERROR_NO_MEMORY, "building %s", layer->path);
    }
    if (!layer->kind->build(layer, in, 1, &layer->out, error))
        return false;
    for (int i = 0; i < layer->n_parameters; i++) {
        struct parameter *parameter = &layer->parameter[i];

        parameter->offset = network->n_elements;
        network->n_elements += pass_align(parameter->rows * parameter->columns);
        network->model.n_parameters += parameter->rows * parameter->columns;
    }
    if (network->n_elements > ELEMENTS_MAX)
        return error_set_at(error, ERROR_INVALID, layer->path,
                            "%" PRId64 " parameters are too many", network->model.n_parameters);
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
    char path[96];

    if (out->steps == 1 && out->width == wanted)
        return true;
    while (i > 0 && !has_units(&network->layer[i]))
        i--;
    (void)snprintf(path, sizeof(path), "%s%s", network->layer[i].path,
                   has_units(&network->layer[i]) ? ".units" : "");
    if (out->steps != 1)
        return error_set_at(error, ERROR_INVALID, path,
                            "the network ends in a sequence of %" PRId64 " steps, but one "
                            "prediction a sample is needed",
                            out->steps);
    return error_set_at(error, ERROR_INVALID, path,
                        "the network ends in %" PRId64 " outputs, but the target has %" PRId64
                        " %s; `units: %s` in the last dense layer fits",
                        out->width, wanted, classes ? "classes" : "columns",
                        classes ? "classes" : "targets");
}

static bool plan_layers(struct network *network, struct error *error)
{
    const struct kind_choices *layers = network->plan.layers;
    struct shape in = network->plan.input[0].shape;

    if (layers->n == 0 || layers->n > NETWORK_LAYERS_MAX)
        return error_set_at(error, ERROR_INVALID, "model", "%zu layers are outside [1, %d]",
                            layers->n, NETWORK_LAYERS_MAX);
    network->layer = calloc(layers->n, sizeof(*network->layer));
    if (!network->layer)
        return error_set(error, ERROR_NO_MEMORY, "building a network");
    for (int i = 0; i < (int)layers->n; i++) {
        if (!plan_layer(network, i, &in, error))
            return false;
        in = network->layer[i].out;
    }
    return check_output(network, error);
}

static int64_t predict_rows(const struct network *network)
{
    int64_t row = pass_elements(network, 16, false) * (int64_t)sizeof(real) / 16;
    int64_t rows = PREDICT_BYTES / (row > 0 ? row : 1);

    return rows < PREDICT_ROWS_MIN ? PREDICT_ROWS_MIN
                                   : (rows > PREDICT_ROWS_MAX ? PREDICT_ROWS_MAX : rows);
}

static int64_t memory_of(const struct network *network)
{
    int64_t arenas = network->plan.batch > 0 ? 3 + network->n_moments : 1;
    int64_t elements =
        arenas * network->n_elements + pass_elements(network, predict_rows(network), false) +
        (network->plan.batch > 0 ? pass_elements(network, network->plan.batch, true) : 0);

    return elements * (int64_t)sizeof(real);
}

static bool network_plan(const struct model_plan *plan, struct network **ret_network,
                         struct error *error)
{
    scoped(network_release) struct network *network = calloc(1, sizeof(*network));

    if (!network)
        return error_set(error, ERROR_NO_MEMORY, "building a network");
    network->model.kind = &model_network;
    network->plan = *plan;
    network->kernel = kernel_pick();
    network->variable[0] = (struct expression_variable){"classes", plan->n_classes};
    network->variable[1] = (struct expression_variable){"features", plan->input[0].shape.width};
    network->variable[2] = (struct expression_variable){"steps", plan->input[0].shape.steps};
    network->variable[3] = (struct expression_variable){"targets", plan->n_targets};
    if (!loss_build(plan->loss, plan->task, plan->n_classes, plan->n_targets, &network->loss,
                    error) ||
        !plan_layers(network, error))
        return false;
    if (plan->batch > 0) {
        const struct optimizer_kind *kind = (const struct optimizer_kind *)plan->optimizer->kind;

        network->n_moments = kind->moments(plan->optimizer->config);
    }
    network->model.n_outputs_per_row =
        plan->task == TASK_CLASSIFICATION ? plan->n_classes : plan->n_targets;
    network->model.memory = memory_of(network);
    *ret_network = take(&network);
    return true;
}

bool network_measure(const struct model_plan *plan, int64_t *ret_parameters, int64_t *ret_memory,
                     struct error *error)
{
    scoped(network_release) struct network *network = NULL;

    if (!network_plan(plan, &network, error))
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

static bool bind_parameters(struct network *network, struct error *error)
{
    for (int i = 0; i < network->n_layers; i++) {
        struct layer *layer = &network->layer[i];

        for (int k = 0; k < layer->n_parameters; k++) {
            struct parameter *parameter = &layer->parameter[k];

            parameter->value = network->value + parameter->offset;
            if (network->gradient)
                parameter->gradient = network->gradient + parameter->offset;
            if (!fill_parameter(network, parameter))
                return error_set(error, ERROR_NO_MEMORY, "first values of %s", parameter->name);
        }
    }
    return true;
}

static bool allocate_arenas(struct network *network, struct error *error)
{
    bool training = network->plan.batch > 0;
    bool complete;

    network->value = pass_allocate(network->n_elements);
    complete = network->value != NULL;
    if (training) {
        network->gradient = pass_allocate(network->n_elements);
        complete = complete && network->gradient;
    }
    for (int i = 0; i < network->n_moments; i++) {
        network->moment[i] = pass_allocate(network->n_elements);
        complete = complete && network->moment[i];
    }
    if (!complete)
        return error_set(error, ERROR_NO_MEMORY, "%" PRId64 " parameters",
                         network->model.n_parameters);
    return true;
}

bool network_build(const struct model_plan *plan, struct model **ret_model, struct error *error)
{
    scoped(network_release) struct network *network = NULL;

    if (!network_plan(plan, &network, error) || !allocate_arenas(network, error))
        return false;
    if (plan->batch > 0 && !pass_init(&network->training, network, plan->batch, true, error))
        return false;
    if (!pass_init(&network->predicting, network, predict_rows(network), false, error))
        return false;
    if (!bind_parameters(network, error))
        return false;
    *ret_model = &take(&network)->model;
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
