/* Losses of batches, every so many of them: train.batch_losses. */
#include "worker/engine/trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/engine/metric/metric.h"
#include "worker/engine/report.h"

/* Sums since the last report: of all rows, and of each class. */
static int64_t count(const struct trainer *trainer)
{
    const struct sample_set *set = trainer->set;

    return 1 + (set->task == TASK_CLASSIFICATION ? set->n_classes : 0);
}

static size_t bytes(const struct trainer *trainer)
{
    return (size_t)count(trainer) * sizeof(*trainer->batch_sum);
}

bool trainer_declare_batches(struct trainer *trainer, struct error *error)
{
    if (trainer->config->batch_losses == 0)
        return true;
    trainer->batch_sum = calloc(1, bytes(trainer));
    return trainer->batch_sum ? state_add(&trainer->state, "batch losses", trainer->batch_sum,
                                          bytes(trainer), error)
                              : error_set(error, ERROR_NO_MEMORY, "preparing to train");
}

struct loss_sum *trainer_class_sums(const struct trainer *trainer)
{
    return trainer->batch_sum && count(trainer) > 1 ? trainer->batch_sum + 1 : NULL;
}

static bool report_sums(const struct trainer *trainer, struct error *error)
{
    int64_t step = (int64_t)trainer->at.step;
    char name[METRIC_NAME_SIZE];

    for (int64_t i = 0; i < count(trainer); i++) {
        const struct loss_sum *sum = &trainer->batch_sum[i];

        if (i == 0)
            (void)snprintf(name, sizeof(name), "train.batch_loss");
        else
            (void)snprintf(name, sizeof(name), "train.batch_loss[%s]",
                           trainer->set->class_name[i - 1]);
        if (sum->weight > 0 &&
            !report_metric(name, GOAL_MINIMIZE, sum->loss / sum->weight, step, NAN, error))
            return false;
    }
    return true;
}

void trainer_forget_batches(struct trainer *trainer)
{
    if (trainer->batch_sum)
        memset(trainer->batch_sum, 0, bytes(trainer));
}

bool trainer_add_batch(struct trainer *trainer, const struct loss_sum *before, struct error *error)
{
    const struct loss_sum *now = &trainer->at.sum;

    if (!trainer->batch_sum)
        return true;
    trainer->batch_sum[0].loss += now->loss - before->loss;
    trainer->batch_sum[0].weight += now->weight - before->weight;
    if (trainer->at.step % (uint64_t)trainer->config->batch_losses != 0)
        return true;
    if (!report_sums(trainer, error))
        return false;
    trainer_forget_batches(trainer);
    return true;
}
