/* Which kind of model a spec's list is, and calls through it. */
#include "worker/engine/model/model.h"

#include "worker/engine/model/network.h"

bool model_build(const struct model_plan *plan, struct model **ret_model, struct error *error)
{
    return network_build(plan, ret_model, error);
}

bool model_measure(const struct model_plan *plan, int64_t *ret_parameters, int64_t *ret_memory,
                   struct error *error)
{
    return network_measure(plan, ret_parameters, ret_memory, error);
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
    return model->kind->predict(model, set, row, n, ret_prediction, sum, error);
}

bool model_array(struct model *model, int64_t index, struct model_array *ret_array)
{
    return model->kind->array(model, index, ret_array);
}
