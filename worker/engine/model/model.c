/* Which kind of model a spec's list is, and calls through it. */
#include "worker/engine/model/model.h"

#include <math.h>

#include "worker/engine/model/long_targets.h"
#include "worker/engine/model/network.h"

const struct model_kind *model_kind_of(const struct kind_choices *layers)
{
    const struct kind *const *kind = model_registry.kind;

    for (size_t i = 0; i < layers->n; i++)
        for (size_t k = 0; kind[k]; k++)
            if (layers->item[i].kind == kind[k])
                return (const struct model_kind *)kind[k];
    return &model_network;
}

/* A model that is no network has no layers beside it. */
static bool check_alone(const struct kind_choices *layers, struct error *error)
{
    const struct model_kind *kind = model_kind_of(layers);

    return kind == &model_network || layers->n == 1 ||
           error_set_at(error, ERROR_INVALID, "model", "%s stands alone", kind->kind.name);
}

static bool check_steps(const struct model_plan *plan, struct error *error)
{
    const struct model_kind *kind = model_kind_of(plan->layers);

    return kind == &model_network || plan->truth_steps <= 1 ||
           error_set_at(error, ERROR_INVALID, "model",
                        "%s predicts one thing a window, not one for each step: another "
                        "window.label",
                        kind->kind.name);
}

bool model_build(const struct model_plan *plan, struct model **ret_model, struct error *error)
{
    const struct model_kind *kind = model_kind_of(plan->layers);

    if (!check_alone(plan->layers, error) || !check_steps(plan, error))
        return false;
    return long_targets_width(plan) > 0 ? long_targets_build(kind, plan, ret_model, error)
                                        : kind->build(plan, ret_model, error);
}

bool model_measure(const struct model_plan *plan, int64_t *ret_parameters, int64_t *ret_memory,
                   struct error *error)
{
    const struct model_kind *kind = model_kind_of(plan->layers);

    if (!check_alone(plan->layers, error) || !check_steps(plan, error))
        return false;
    return long_targets_width(plan) > 0
               ? long_targets_measure(kind, plan, ret_parameters, ret_memory, error)
               : kind->measure(plan, ret_parameters, ret_memory, error);
}

void model_free(struct model **model)
{
    if (*model)
        (*model)->kind->free(*model);
    *model = NULL;
}

bool model_predict(struct model *model, const struct sample_set *set, const int64_t *row, int64_t n,
                   double *ret_prediction, struct loss_sum *sum, struct error *error)
{
    if (!model->kind->predict(model, set, row, n, ret_prediction, sum, error))
        return false;
    if (!set->logarithm || !ret_prediction || model->kind->own_units)
        return true;
    for (int64_t i = 0; i < n * set->truth_steps * model->n_outputs_per_row; i++)
        ret_prediction[i] = exp(ret_prediction[i]);
    return true;
}

void model_add_loss(const struct model_kind *kind, const struct model_plan *plan,
                    const struct sample_set *set, const int64_t *row, int64_t n,
                    const double *prediction, struct loss_sum *sum)
{
    bool given_back = set->logarithm && kind->own_units;
    bool classes = plan->task == TASK_CLASSIFICATION;
    int64_t outputs = classes ? plan->n_classes : plan->n_targets;

    for (int64_t i = 0; i < n; i++, prediction += outputs) {
        double weight = set->weight ? set->weight[row[i]] : 1, loss = 0;

        if (classes)
            loss = -log(fmax(prediction[set->label[row[i]]], 1e-15));
        for (int64_t k = 0; !classes && k < outputs; k++) {
            double value = given_back ? log(fmax(prediction[k], 1e-300)) : prediction[k];
            double learned = sample_learned(set, row[i])[k];
            double d = (value - learned) / plan->target_scale[k];

            loss += d * d / (double)outputs;
        }
        sum->loss += weight * loss;
        sum->weight += weight;
    }
}

bool model_quicken(struct model *model, const struct bf16x3_kernel *kernel, struct error *error)
{
    return !model->kind->quicken || model->kind->quicken(model, kernel, error);
}

bool model_array(struct model *model, int64_t index, struct model_array *ret_array)
{
    return model->kind->array(model, index, ret_array);
}
