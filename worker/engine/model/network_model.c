/* A network as a model: a step is a batch. */
#include "worker/engine/model/network.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "worker/engine/model/pass.h"
#include "worker/engine/report.h"

static struct network *network_of(struct model *model)
{
    return (struct network *)model;
}

static size_t arena_bytes(const struct network *network)
{
    return (size_t)network->n_elements * sizeof(real);
}

static bool network_declare(struct model *model, struct state *state, struct error *error)
{
    struct network *network = network_of(model);
    char name[STATE_NAME_SIZE];

    if (!state_add(state, "weights", network->value, arena_bytes(network), error))
        return false;
    for (int i = 0; i < network->n_moments; i++) {
        (void)snprintf(name, sizeof(name), "moment%d", i + 1);
        if (!state_add(state, name, network->moment[i], arena_bytes(network), error))
            return false;
    }
    return true;
}

static bool network_declare_best(struct model *model, struct state *state, struct error *error)
{
    struct network *network = network_of(model);

    if (!network->best)
        network->best = pass_allocate(network->n_elements);
    if (!network->best)
        return error_set(error, ERROR_NO_MEMORY, "%" PRId64 " parameters", model->n_parameters);
    return state_add(state, "best", network->best, arena_bytes(network), error);
}

static void network_remember(struct model *model)
{
    struct network *network = network_of(model);

    memcpy(network->best, network->value, arena_bytes(network));
}

static void network_recall(struct model *model)
{
    struct network *network = network_of(model);

    memcpy(network->value, network->best, arena_bytes(network));
}

void network_trip(struct network *network, const struct model_step *step, bool backward,
                  struct loss_sum *sum)
{
    struct network_pass *pass = &network->training;

    assert(step->n <= pass->pass.capacity);
    pass->pass.seed = step->seed;
    pass->pass.step = step->step;
    pass_gather(pass, network, step->set, step->row, step->n, true);
    (void)pass_forward(pass, network);
    pass_loss(pass, network, sum);
    if (backward)
        pass_backward(pass, network);
}

/* What a gradient's slice has that it should not have; NULL: nothing. */
static const char *complaint(const real *gradient, int64_t n)
{
    bool zero = true;

    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(gradient[i]))
            return "not finite";
        zero = zero && gradient[i] == 0;
    }
    return zero ? "zero" : NULL;
}

static bool inspect_gradients(const struct network *network, struct error *error)
{
    for (int i = 0; i < network->n_layers; i++) {
        const struct layer *layer = &network->layer[i];

        for (int k = 0; k < layer->n_parameters; k++) {
            const struct parameter *parameter = &layer->parameter[k];
            const char *what = parameter->gradient ? complaint(parameter->gradient,
                                                               parameter->rows * parameter->columns)
                                                   : NULL;

            if (what && !report_warning(layer->path, NAN, error,
                                        "the gradient of %s is %s in the first step",
                                        parameter->name, what))
                return false;
        }
    }
    return true;
}

static bool network_advance(struct model *model, const struct model_step *step,
                            struct loss_sum *sum, struct error *error)
{
    struct network *network = network_of(model);
    const struct optimizer_kind *kind =
        (const struct optimizer_kind *)network->plan.optimizer->kind;
    struct optimizer_step update = {
        .kernel = network->kernel,
        .value = network->value,
        .gradient = network->gradient,
        .n = network->n_learnt,
        .step = step->step,
        .rate_scale = 1,
    };

    network_trip(network, step, true, sum);
    if (step->inspect && !inspect_gradients(network, error))
        return false;
    memcpy((void *)update.moment, (const void *)network->moment, sizeof(update.moment));
    kind->step(network->plan.optimizer->config, &update);
    return true;
}

/* Regression's outputs are scaled; predictions are in the targets' own units. */
static void unscale(const struct network *network, double *prediction, int64_t rows)
{
    int64_t width = network->plan.n_targets;

    if (network->plan.task != TASK_REGRESSION)
        return;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < width; k++)
            prediction[i * width + k] = prediction[i * width + k] * network->plan.target_scale[k] +
                                        network->plan.target_offset[k];
}

static bool network_predict(struct model *model, const struct sample_set *set, const int64_t *row,
                            int64_t n, double *ret_prediction, struct loss_sum *sum,
                            struct error *error)
{
    struct network *network = network_of(model);
    struct network_pass *pass = &network->predicting;
    int64_t width = model->n_outputs_per_row;

    (void)error;
    for (int64_t first = 0; first < n; first += pass->pass.capacity) {
        int64_t rows = n - first < pass->pass.capacity ? n - first : pass->pass.capacity;
        const struct tensor *y;

        pass_gather(pass, network, set, row + first, rows, sum != NULL);
        y = pass_forward(pass, network);
        if (ret_prediction) {
            double *prediction = ret_prediction + first * width;

            network->loss.kind->predict(&network->loss, y, prediction);
            unscale(network, prediction, rows);
        }
        if (sum)
            pass_loss(pass, network, sum);
    }
    return true;
}

static bool network_array(struct model *model, int64_t index, struct model_array *ret_array)
{
    const struct network *network = network_of(model);

    for (int i = 0; i < network->n_layers; i++) {
        const struct layer *layer = &network->layer[i];

        if (index < layer->n_parameters) {
            const struct parameter *parameter = &layer->parameter[index];

            *ret_array = (struct model_array){.name = parameter->name,
                                              .value = parameter->value,
                                              .rows = parameter->rows,
                                              .columns = parameter->columns};
            return true;
        }
        index -= layer->n_parameters;
    }
    return false;
}

const struct model_kind model_network = {
    .name = "network",
    .free = network_free,
    .declare = network_declare,
    .declare_best = network_declare_best,
    .remember = network_remember,
    .recall = network_recall,
    .advance = network_advance,
    .predict = network_predict,
    .array = network_array,
};
