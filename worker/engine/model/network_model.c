/* A network as a model: a step is a batch. */
#include "worker/engine/model/network.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/arena.h"
#include "worker/engine/model/chains.h"
#include "worker/engine/model/inspect.h"
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

static bool declare_carried(struct network_pass *pass, struct state *state, struct error *error)
{
    return !pass->previous ||
           (state_add(state, "carried", pass->carried, (size_t)pass->n_carried * sizeof(real),
                      error) &&
            state_add(state, "carried from", pass->previous,
                      (size_t)pass->pass.capacity * sizeof(*pass->previous), error));
}

static bool network_declare(struct model *model, struct state *state, struct error *error)
{
    struct network *network = network_of(model);

    return state_add(state, "weights", network->value, arena_bytes(network), error) &&
           state_add(state, "inspection", &network->inspection, sizeof(network->inspection),
                     error) &&
           declare_carried(&network->training, state, error) &&
           (network->loss.n_memory == 0 ||
            state_add(state, "loss", network->loss.memory,
                      (size_t)network->loss.n_memory * sizeof(*network->loss.memory), error)) &&
           update_declare(&network->update, network->gradient, state, error);
}

static bool network_declare_best(struct model *model, struct state *state, struct error *error)
{
    struct network *network = network_of(model);

    if (!network->best)
        network->best = arena_allocate(network->n_elements);
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

static void network_swap_average(struct model *model)
{
    struct network *network = network_of(model);

    update_swap_average(&network->update, network->value);
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
    if (step->class_sum)
        pass_sum_classes(pass, network, step->class_sum);
    if (backward)
        pass_backward(pass, network);
}

/* Asks the memory for what is gathered after this trip: so many rows at most of this batch, from
 * row `next` on, or of the one after it. Before the way back it would be too early: the near caches
 * would have lost it again. */
static void ask_ahead(const struct network *network, const struct model_step *step, int64_t next,
                      int64_t most)
{
    bool here = next < step->n;
    int64_t n = here ? step->n - next : step->n_soon;
    struct prefetch ahead = {.row = here ? step->row + next : step->soon,
                             .n = n < most ? n : most,
                             .ids = network->draws};

    if (!network->prefetches || !step->set->foresee || n == 0)
        return;
    step->set->foresee(step->set, &ahead);
    prefetch_ask(&ahead);
}

/* The gradient of a batch's mean is the sum of its parts', each divided by what the whole batch is;
 * where rows or steps have weights it is cut only where it must be. look: is told of each trip;
 * NULL: nothing looks. */
static void trip_in_parts(struct network *network, const struct model_step *step,
                          struct inspect_step *look, struct loss_sum *sum)
{
    bool weighted = step->set->weight || network_truth_steps(network) > 1;
    int64_t most = weighted ? network_trip_rows(network) : network->cut_rows;
    struct network_pass *pass = &network->training;

    if (step->n > most)
        pass->divisor = pass_divisor(pass, network, step->set, step->row, step->n);
    for (int64_t first = 0; first < step->n; first += most) {
        struct model_step part = *step;

        part.row += first;
        part.n = step->n - first < most ? step->n - first : most;
        pass->pass.same_weights = first > 0;
        network_trip(network, &part, true, sum);
        ask_ahead(network, step, first + part.n, most);
        if (look)
            inspect_trip(look, network);
    }
    pass->pass.same_weights = false;
    pass->divisor = 0;
}

/* What is frozen in this epoch has no gradient. */
static void freeze(struct network *network, int64_t epoch)
{
    for (int i = 0; i < network->n_layers; i++)
        for (int k = 0; k < network->layer[i].n_parameters; k++) {
            struct parameter *parameter = &network->layer[i].parameter[k];

            if (parameter->is_state)
                continue;
            parameter->gradient = update_frozen(&network->update, parameter->offset, epoch)
                                      ? NULL
                                      : network->gradient + parameter->offset;
        }
}

static bool network_advance(struct model *model, const struct model_step *step,
                            struct loss_sum *sum, struct error *error)
{
    struct network *network = network_of(model);
    scoped(inspect_step_release) struct inspect_step look = {.first = step->step == 1};
    scoped(inspect_moves_release) struct inspect_moves moves = {0};
    const struct update_moment moment = {
        .kernel = network->kernel,
        .epoch = step->epoch,
        .rate_scale = step->rate_scale,
        .last = step->last,
    };
    bool serious = false;

    if (step->first)
        pass_forget(&network->training);
    freeze(network, step->epoch);
    if (step->inspect && !inspect_begin(&look, network, error))
        return false;
    trip_in_parts(network, step, step->inspect ? &look : NULL, sum);
    if (model->stateful)
        pass_carry(&network->training, network, step->row, step->n);
    pass_learn(&network->training, network);
    if (step->inspect && !inspect_end(&look, network, &serious, error))
        return false;
    if (!inspect_before(&moves, network, &moment, error))
        return false;
    update_step(&network->update, network->value, network->gradient, &moment);
    if (!inspect_after(&moves, network, &moment, &serious, error))
        return false;
    if (step->ret_serious)
        *step->ret_serious = serious;
    return true;
}

static void network_forget(struct model *model)
{
    struct network *network = network_of(model);

    memset(network->gradient, 0, arena_bytes(network));
    update_forget(&network->update);
    loss_forget(&network->loss);
    pass_forget(&network->training);
}

static bool network_reseed(struct model *model, uint64_t seed, struct error *error)
{
    struct network *network = network_of(model);

    network->plan.seed = seed;
    network->inspection = (struct inspection){0};
    network_forget(model);
    return network_fill(network, error);
}

static const struct tensor *outputs_of(struct network *network, const struct sample_set *set,
                                       const int64_t *row, int64_t n, bool truth)
{
    struct network_pass *pass = &network->predicting;
    const struct tensor *y;

    pass_gather(pass, network, set, row, n, truth);
    y = pass_forward(pass, network);
    if (network->model.logits)
        logits_add(network->model.logits, y, set, row, n);
    return y;
}

static void predict_from(const struct network *network, const struct tensor *y, double *prediction)
{
    int64_t width = network->model.n_outputs_per_row, missing = width - network->model.n_logits;

    if (!network->model.raw || network->model.n_logits == 0) {
        network->loss.kind->predict(&network->loss, y, prediction);
        return;
    }
    for (int64_t i = 0; i < loss_rows(y) * width; i++)
        prediction[i] =
            i % width < missing ? 0 : (double)y->data[i / width * y->width + i % width - missing];
}

/* From predictions as outputs lie, [steps][n][width], to those of samples. place: of each sample;
 * NULL: they follow one another. */
static void put_samples(const double *prediction, int64_t n, int64_t steps, int64_t width,
                        const int64_t *place, double *ret_prediction)
{
    for (int64_t step = 0; step < steps; step++)
        for (int64_t i = 0; i < n; i++, prediction += width)
            memcpy(ret_prediction + ((place ? place[i] : i) * steps + step) * width, prediction,
                   (size_t)width * sizeof(*prediction));
}

/* Up to a pass' capacity of chains side by side, the k-th sample of each in the k-th batch; chains
 * are in order of length, so that each stays at its place until it ends. */
static void predict_side_by_side(struct network *network, const struct sample_set *set,
                                 const int64_t *row, const struct chains *chains, int64_t first,
                                 const struct chain_batch *batch, double *ret_prediction,
                                 struct loss_sum *sum)
{
    struct network_pass *pass = &network->predicting;
    int64_t width = network->model.n_outputs_per_row, n;

    pass_forget(pass);
    for (int64_t k = 0; (n = chains_batch(chains, row, first, k, batch)) > 0; k++) {
        predict_from(network, outputs_of(network, set, batch->row, n, sum != NULL),
                     batch->prediction);
        pass_carry(pass, network, batch->row, n);
        if (ret_prediction)
            put_samples(batch->prediction, n, network_truth_steps(network), width, batch->place,
                        ret_prediction);
        if (sum)
            pass_loss(pass, network, sum);
    }
}

static int64_t predicted_per_sample(const struct network *network)
{
    return network_truth_steps(network) * network->model.n_outputs_per_row;
}

/* Each sample after the one before it, where that is asked about too; whatever the order. */
static bool predict_chains(struct network *network, const struct sample_set *set,
                           const int64_t *row, int64_t n, double *ret_prediction,
                           struct loss_sum *sum, struct error *error)
{
    scoped(chains_release) struct chains chains = {0};
    scoped(chain_batch_release) struct chain_batch batch = {0};
    int64_t capacity = network->predicting.pass.capacity;

    if (!chains_find(set, row, n, &chains, error) ||
        !chain_batch_init(&batch, capacity, predicted_per_sample(network), error))
        return false;
    for (int64_t first = 0; first < chains.n; first += capacity)
        predict_side_by_side(network, set, row, &chains, first, &batch, ret_prediction, sum);
    return true;
}

/* Of so many rows that are left: trips of nearly equal size, since each reads all weights. */
static int64_t trip_rows(const struct network_pass *pass, int64_t left)
{
    int64_t trips = (left + pass->pass.capacity - 1) / pass->pass.capacity;

    return (left + trips - 1) / trips;
}

static bool network_predict(struct model *model, const struct sample_set *set, const int64_t *row,
                            int64_t n, double *ret_prediction, struct loss_sum *sum,
                            struct error *error)
{
    struct network *network = network_of(model);
    struct network_pass *pass = &network->predicting;
    int64_t width = predicted_per_sample(network), steps = network_truth_steps(network);
    scoped(memory_free) double *apart = NULL;

    if (model->stateful)
        return predict_chains(network, set, row, n, ret_prediction, sum, error);
    if (ret_prediction && steps > 1 &&
        !(apart = malloc((size_t)(pass->pass.capacity * width) * sizeof(*apart))))
        return error_set(error, ERROR_NO_MEMORY, "predicting");
    for (int64_t first = 0, rows; first < n; first += rows) {
        rows = trip_rows(pass, n - first);
        pass->pass.same_weights = first > 0;
        const struct tensor *y = outputs_of(network, set, row + first, rows, sum != NULL);

        if (ret_prediction)
            predict_from(network, y, apart ? apart : ret_prediction + first * width);
        if (apart)
            put_samples(apart, rows, steps, model->n_outputs_per_row, NULL,
                        ret_prediction + first * width);
        if (sum)
            pass_loss(pass, network, sum);
    }
    pass->pass.same_weights = false;
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
    .kind = {.name = "network", .help = "Layers one after the other."},
    .build = network_build,
    .measure = network_measure,
    .free = network_free,
    .declare = network_declare,
    .declare_best = network_declare_best,
    .remember = network_remember,
    .recall = network_recall,
    .swap_average = network_swap_average,
    .forget = network_forget,
    .reseed = network_reseed,
    .advance = network_advance,
    .predict = network_predict,
    .quicken = network_quicken,
    .array = network_array,
};
