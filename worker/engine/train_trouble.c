/* What training does about its troubles: goes back and slows down, stops, or begins again. */
#include "worker/engine/trainer.h"

#include <inttypes.h>
#include <math.h>

#include "common/hash.h"
#include "worker/engine/report.h"

uint64_t trainer_seed(const struct trainer *trainer)
{
    const uint64_t both[] = {trainer->context->seed, (uint64_t)trainer->at.reseeds};

    return trainer->at.reseeds == 0 ? trainer->context->seed : hash_bytes(both, sizeof(both));
}

bool trainer_can_roll_back(const struct trainer *trainer)
{
    return trainer->at.rollbacks < trainer->config->rollback.times &&
           trainer->model->kind->forget != NULL;
}

bool trainer_roll_back(struct trainer *trainer, struct error *error)
{
    struct progress *at = &trainer->at;
    int64_t epoch = at->epoch + (at->batch > 0); /* it may have ended already */

    trainer->model->kind->recall(trainer->model);
    trainer->model->kind->forget(trainer->model);
    at->rollbacks++;
    at->rate_factor *= trainer->config->rollback.factor;
    at->batch = 0;
    at->sum = (struct loss_sum){0};
    return report_warning("train.rollback", at->rate_factor, error,
                          "training diverged in epoch %" PRId64
                          ": back to the best weights, at %.3g of the rate",
                          epoch, at->rate_factor);
}

static bool begin_again(struct trainer *trainer, struct error *error)
{
    struct progress *at = &trainer->at;

    *at = (struct progress){.planned = at->planned,
                            .spent_ms = at->spent_ms,
                            .rate_factor = 1,
                            .reseeds = at->reseeds + 1};
    trainer->schedule = (struct schedule){.choices = trainer->schedule.choices};
    trainer->best_written = 0;
    trainer_forget_batches(trainer);
    trainer->order.seed = trainer_seed(trainer);
    if (!trainer->model->kind->reseed(trainer->model, trainer_seed(trainer), error))
        return false;
    if (trainer->keeps_best)
        trainer->model->kind->remember(trainer->model);
    return report_warning("train.guard", (double)at->reseeds, error,
                          "training begins again with another seed");
}

static bool may_begin_again(const struct trainer *trainer)
{
    return trainer->config->guard == GUARD_RESEED && trainer->at.reseeds == 0 &&
           trainer->model->kind->reseed != NULL;
}

bool trainer_recover(struct trainer *trainer, struct error *error)
{
    const struct progress *at = &trainer->at;

    trainer->serious = false; /* what the step saw is gone with it */
    trainer_forget_batches(trainer);
    if (trainer_can_roll_back(trainer))
        return trainer_roll_back(trainer, error);
    if (may_begin_again(trainer))
        return report_warning("train", NAN, error,
                              "the loss is not finite at step %" PRIu64 " (epoch %" PRId64 ")",
                              at->step, at->epoch + 1) &&
               begin_again(trainer, error);
    return error_set_at(error, ERROR_INVALID, "train",
                        "the loss is not finite at step %" PRIu64 " (epoch %" PRId64
                        "); a lower train.optimizer.rate may help",
                        at->step, at->epoch + 1);
}

bool trainer_act(struct trainer *trainer, struct error *error)
{
    bool serious = trainer->serious;

    trainer->serious = false;
    if (!serious || trainer->config->guard == GUARD_WARN)
        return true;
    if (may_begin_again(trainer))
        return begin_again(trainer, error);
    return error_set_at(error, ERROR_INVALID, "train.guard",
                        "stopped in epoch %" PRId64 ": see the warnings",
                        trainer->at.epoch + (trainer->at.batch > 0));
}
