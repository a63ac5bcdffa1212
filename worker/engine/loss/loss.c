/* From a spec's choice to a loss that fits the task. */
#include "worker/engine/loss/loss.h"

bool loss_build(const struct kind_choice *choice, enum task task, int64_t n_classes,
                int64_t n_targets, struct loss *ret_loss, struct error *error)
{
    const struct loss_kind *kind = (const struct loss_kind *)choice->kind;
    struct loss loss = {
        .kind = kind,
        .config = choice->config,
        .task = task,
        .n_classes = n_classes,
        .n_targets = n_targets,
    };

    if (task == TASK_CLASSIFICATION && !kind->classification)
        return error_set_at(error, ERROR_INVALID, "train.loss",
                            "%s is for regression, but the target is classes", kind->kind.name);
    if (task == TASK_REGRESSION && !kind->regression)
        return error_set_at(error, ERROR_INVALID, "train.loss",
                            "%s is for classification, but the target is numbers", kind->kind.name);
    if (!kind->build(&loss, "train.loss", error))
        return false;
    *ret_loss = loss;
    return true;
}
