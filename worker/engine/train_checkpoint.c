/* What survives a stop: the registered state, written and read again. */
#include "worker/engine/trainer.h"

#include <inttypes.h>
#include <math.h>

#include "common/clock.h"
#include "common/hash.h"
#include "common/owner.h"
#include "worker/engine/report.h"

int64_t trainer_now_ms(void)
{
    return clock_system.monotonic_ms(clock_system.context);
}

struct checkpoint_identity trainer_identity(const struct train_context *context)
{
    const uint64_t decides[] = {context->configuration, context->seed};
    struct checkpoint_identity identity = {.configuration = hash_bytes(decides, sizeof(decides))};

    (void)kernel_identity(kernel_pick(), identity.machine);
    return identity;
}

bool trainer_declare(struct trainer *trainer, struct error *error)
{
    const struct model_kind *kind = trainer->model->kind;

    if (!state_add(&trainer->state, "progress", &trainer->at, sizeof(trainer->at), error) ||
        !schedule_declare(&trainer->schedule, &trainer->state, error) ||
        !trainer_declare_batches(trainer, error) ||
        !kind->declare(trainer->model, &trainer->state, error))
        return false;
    if (!trainer->keeps_best)
        return true;
    return state_add(&trainer->best_state, "progress", &trainer->at, sizeof(trainer->at), error) &&
           kind->declare_best(trainer->model, &trainer->state, error) &&
           kind->declare_best(trainer->model, &trainer->best_state, error);
}

static bool resume_from(struct trainer *trainer, const char *name, bool *ret_resumed,
                        struct error *error)
{
    struct error cause = {0};

    *ret_resumed = checkpoint_read(trainer->context->checkpoint_folder, name, &trainer->state,
                                   &trainer->identity, &trainer->same_machine, &cause);
    if (*ret_resumed || cause.kind == ERROR_NOT_FOUND)
        return true;
    if (cause.kind == ERROR_NO_MEMORY || cause.kind == ERROR_IO) {
        *error = cause;
        return false;
    }
    return report_warning("checkpoint", NAN, error, "not resumed: %s", cause.message);
}

/* Trained on for more epochs than it was planned for; some schedules depend on that. */
static bool tell_new_length(struct trainer *trainer, struct error *error)
{
    int64_t planned = trainer->at.planned;

    trainer->at.planned = trainer->config->epochs;
    if (planned == trainer->config->epochs || !schedule_ends(&trainer->schedule))
        return true;
    return report_warning("train.schedule", (double)planned, error,
                          "began with %" PRId64 " epochs and goes on with %" PRId64
                          ": from here on the rate is that of the longer training",
                          planned, trainer->config->epochs);
}

bool trainer_resume(struct trainer *trainer, struct error *error)
{
    static const char *const names[] = {LAST_CHECKPOINT, LAST_CHECKPOINT ".1"};
    bool resumed = false;

    trainer->same_machine = true;
    if (!trainer->context->checkpoint_folder)
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !resumed; i++)
        if (!resume_from(trainer, names[i], &resumed, error))
            return false;
    if (!resumed)
        return true;
    trainer->resumed_step = (int64_t)trainer->at.step;
    if (!tell_new_length(trainer, error))
        return false;
    if (trainer->at.ended && !trainer->at.ended_early)
        trainer->at.ended = trainer->at.epoch >= trainer->config->epochs;
    trainer->at.cut = 0; /* the limits are looked at again */
    trainer->limit.spent_ms = trainer->at.spent_ms;
    trainer->order.seed = trainer_seed(trainer);
    if (trainer->same_machine)
        return true;
    return report_warning("checkpoint", NAN, error,
                          "resumed with another kernel, BLAS core or number of threads (now %s): "
                          "results may differ in their last digits",
                          trainer->identity.machine) &&
           report_mark("RESUMED_ELSEWHERE",
                       "resumed with another kernel, BLAS core or number of threads", 1, error);
}

static bool tell_checkpoint(const struct trainer *trainer, struct error *error)
{
    scoped(json_free) cJSON *fields = cJSON_CreateObject();

    if (!fields || !json_add_integer(fields, "step", (int64_t)trainer->at.step) ||
        !json_add_integer(fields, "epoch", trainer->at.epoch))
        return error_set(error, ERROR_NO_MEMORY, "reporting a checkpoint");
    return report_event("checkpoint", &fields, error);
}

bool trainer_write_checkpoint(struct trainer *trainer, struct error *error)
{
    const char *folder = trainer->context->checkpoint_folder;
    bool better = trainer->keeps_best && trainer->at.best_epoch != trainer->best_written;

    trainer->checkpoint_ms = trainer_now_ms();
    /* Only where it decides anything: else two runs alike leave the same checkpoint, byte by byte.
     */
    trainer->at.spent_ms = trainer->config->limit.time > 0 ? limit_spent_ms(&trainer->limit) : 0;
    if (!report_sync(error))
        return false;
    if (better && !checkpoint_write(folder, BEST_CHECKPOINT, &trainer->best_state,
                                    &trainer->identity, false, error))
        return false;
    trainer->best_written = trainer->at.best_epoch;
    return checkpoint_write(folder, LAST_CHECKPOINT, &trainer->state, &trainer->identity, true,
                            error) &&
           tell_checkpoint(trainer, error);
}

/* A checkpoint that cannot be written now (a full disk) does not end the training. */
static bool try_checkpoint(struct trainer *trainer, struct error *error)
{
    struct error cause = {0};

    if (!trainer->context->checkpoint_folder || trainer_write_checkpoint(trainer, &cause))
        return true;
    return report_warning("checkpoint", NAN, error, "not written: %s", cause.message);
}

bool trainer_checkpoint_after_batch(struct trainer *trainer, struct error *error)
{
    const struct checkpoint_config *when = &trainer->config->checkpoint;
    bool due = when->batches > 0 && trainer->at.step % (uint64_t)when->batches == 0;

    if (!due && when->time > 0)
        due = (double)(trainer_now_ms() - trainer->checkpoint_ms) >= when->time * 1000;
    return !due || try_checkpoint(trainer, error);
}

/* The end is always worth one: whoever looks finds the last state and the best. */
bool trainer_checkpoint_after_epoch(struct trainer *trainer, struct error *error)
{
    const struct checkpoint_config *when = &trainer->config->checkpoint;
    bool due = when->epochs > 0 && trainer->at.epoch % when->epochs == 0;

    if (trainer->at.ended && !due)
        due = when->epochs > 0 || when->batches > 0 || when->time > 0;
    return !due || try_checkpoint(trainer, error);
}

bool trainer_snapshot(struct trainer *trainer, bool epoch_ended, struct error *error)
{
    const struct snapshots_config *when = &trainer->config->snapshots;
    const struct progress *at = &trainer->at;
    int64_t every = epoch_ended ? when->epochs : when->batches;
    int64_t count = epoch_ended ? at->epoch : (int64_t)at->step;
    int64_t epoch = epoch_ended ? at->epoch : at->epoch + 1;
    bool done;

    if (!trainer->context->snapshot || every == 0 || count % every != 0 || epoch < when->from)
        return true;
    trainer_swap_average(trainer);
    done = trainer->context->snapshot(trainer->context->snapshot_context, epoch,
                                      epoch_ended ? trainer->steps_per_epoch : at->batch, error);
    trainer_swap_average(trainer);
    return done;
}

bool train_recall_best(struct model *model, const struct train_context *context, int64_t *ret_epoch,
                       struct error *error)
{
    const struct checkpoint_identity identity = trainer_identity(context);
    struct progress at = {0};
    struct state state = {0};
    bool same_machine;

    if (!state_add(&state, "progress", &at, sizeof(at), error) ||
        !model->kind->declare_best(model, &state, error) ||
        !checkpoint_read(context->checkpoint_folder, BEST_CHECKPOINT, &state, &identity,
                         &same_machine, error))
        return false;
    model->kind->recall(model);
    *ret_epoch = at.best_epoch;
    return true;
}
