/*
 * The loop: batches until the epoch's rows are used up, then validation, early stopping, a report;
 * the next epoch. Between any two of those steps the run can be stopped, and goes on from there.
 *
 * What is in struct progress survives; the rest of struct trainer can be made again.
 */
#include "worker/engine/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/owner.h"
#include "worker/engine/metric/metric.h"
#include "worker/engine/report.h"

#define PROGRESS_INTERVAL_MS 300

/* ---- the trainer ---- */

static void trainer_release(struct trainer *trainer)
{
    free(trainer->batch.row);
    free(trainer->soon.row);
    order_release(&trainer->order);
    free(trainer->batch_sum);
    free(trainer->prediction);
    watch_release(&trainer->watch);
    told_release(&trainer->told);
}

/* State is carried on where at least some samples follow one another. */
static bool check_lanes(const struct trainer *trainer, struct error *error)
{
    const struct sample_set *set = trainer->set;
    const struct row_list *list = trainer->train;
    bool follows = false;

    if (!trainer->order.lanes)
        return true;
    if (trainer->order.shuffle || trainer->order.last == LAST_BATCH_PAD)
        return error_set_at(error, ERROR_INVALID, "train",
                            "a stateful model needs shuffle: false, and no padded batches");
    for (int64_t i = 1; set->before && i < list->n && !follows; i++)
        follows = set->before(set, row_list_at(list, i)) == row_list_at(list, i - 1);
    return follows || error_set_at(error, ERROR_INVALID, "data.split",
                                   "no training sample follows another, and a stateful model has "
                                   "no state to carry on");
}

static bool prepare_watch(struct trainer *trainer, struct error *error)
{
    scoped(told_release) struct told train = {0};

    return told_open(trainer->set, trainer->train, &train, error) &&
           told_open(trainer->set, trainer->valid, &trainer->told, error) &&
           watch_init(&trainer->watch, &trainer->config->early_stopping, trainer->context->metrics,
                      trainer->set, &trainer->model->distribution, train.rows, trainer->told.rows,
                      error);
}

bool train_check_batch(const struct train_config *config, int64_t rows, struct error *error)
{
    if (config->last_batch != LAST_BATCH_DROP || rows >= config->batch)
        return true;
    return error_set_at(error, ERROR_INVALID, "train.batch",
                        "%" PRId64 " training rows are less than a batch, and "
                        "train.last_batch drops it",
                        rows);
}

static bool prepare(struct trainer *trainer, struct error *error)
{
    const struct train_context *context = trainer->context;
    size_t outputs = (size_t)trainer->model->n_outputs_per_row;

    if (trainer->train->n == 0)
        return error_set_at(error, ERROR_INVALID, "data.split", "the training part is empty");
    if (!prepare_watch(trainer, error))
        return false;
    trainer->restores_best = trainer->config->restore_best && trainer->watch.metric;
    trainer->keeps_best = trainer->restores_best || trainer->config->rollback.times > 0;
    trainer->steps_per_epoch = order_steps(&trainer->order);
    if (!train_check_batch(trainer->config, trainer->train->n, error))
        return false;
    if (trainer->config->logits > 0 && trainer->model->n_logits == 0)
        return error_set_at(error, ERROR_INVALID, "train.logits",
                            "only networks that tell classes apart have them");
    if (!check_lanes(trainer, error))
        return false;
    trainer->batch.row = calloc((size_t)trainer->config->batch, sizeof(*trainer->batch.row));
    trainer->soon.row = calloc((size_t)trainer->config->batch, sizeof(*trainer->soon.row));
    if (trainer->watch.n_metrics > 0 && trainer->valid->n > 0)
        trainer->prediction =
            calloc((size_t)trainer->told.rows->n * outputs, sizeof(*trainer->prediction));
    if (!trainer->batch.row || !trainer->soon.row ||
        (trainer->watch.n_metrics > 0 && trainer->valid->n > 0 && !trainer->prediction))
        return error_set(error, ERROR_NO_MEMORY, "preparing to train");
    trainer->identity = trainer_identity(context);
    trainer->at.planned = trainer->config->epochs;
    trainer->at.rate_factor = 1;
    return order_prepare(&trainer->order, error) && trainer_declare(trainer, error);
}

/* ---- steps ---- */

bool trainer_tell_progress(struct trainer *trainer, bool always, struct error *error)
{
    int64_t now = trainer_now_ms();
    double part = (double)trainer->at.batch / (double)trainer->steps_per_epoch;

    if (!always && now - trainer->progress_ms < PROGRESS_INTERVAL_MS)
        return true;
    trainer->progress_ms = now;
    return report_progress((double)trainer->at.epoch + part, (double)trainer->config->epochs,
                           "epoch", NAN, error);
}

/* What is known of the time that is left before there is a pace. */
static bool tell_expected(const struct trainer *trainer, struct error *error)
{
    const struct progress *at = &trainer->at;
    double total = (double)trainer->config->epochs;
    double done = (double)at->epoch + (double)at->batch / (double)trainer->steps_per_epoch;
    double left = trainer->context->epoch_s * (total - done), limit = trainer->config->limit.time;

    if (!(left > 0))
        return true;
    if (limit > 0)
        left = fmin(left, fmax(0, limit - (double)at->spent_ms / 1000));
    return report_progress(done, total, "epoch", left, error);
}

double trainer_rate_scale(const struct trainer *trainer, uint64_t step)
{
    const struct schedule_time time = {
        .step = (int64_t)step,
        .steps_per_epoch = trainer->steps_per_epoch,
        .epochs = trainer->config->epochs,
    };

    return trainer->at.rate_factor * schedule_factor(&trainer->schedule, &time);
}

static void fill(struct trainer *trainer, int64_t epoch, int64_t batch)
{
    struct trainer_batch *to = &trainer->soon;

    to->epoch = epoch;
    to->batch = batch;
    to->seed = trainer->order.seed;
    to->n =
        batch < trainer->steps_per_epoch ? order_fill(&trainer->order, epoch, batch, to->row) : 0;
}

/* The batch that comes, and the one after it, which is known by then unless training went back. */
static void draw_batches(struct trainer *trainer)
{
    const struct progress *at = &trainer->at;
    const struct trainer_batch *soon = &trainer->soon;
    struct trainer_batch drawn;

    if (soon->n == 0 || soon->epoch != at->epoch || soon->batch != at->batch ||
        soon->seed != trainer->order.seed)
        fill(trainer, at->epoch, at->batch);
    drawn = trainer->soon;
    trainer->soon = trainer->batch;
    trainer->batch = drawn;
    fill(trainer, at->epoch, at->batch + 1);
}

/* Of a weight that is not a number the rows lose nothing, but the weights' sum is none either. */
static bool is_finite(const struct loss_sum *sum)
{
    return isfinite(sum->loss) && isfinite(sum->weight);
}

static bool take_step(struct trainer *trainer, struct error *error)
{
    struct progress *at = &trainer->at;
    const struct model_step step = {
        .set = trainer->set,
        .row = trainer->batch.row,
        .n = trainer->batch.n,
        .soon = trainer->soon.row,
        .n_soon = trainer->soon.n,
        .seed = trainer_seed(trainer),
        .step = at->step + 1,
        .epoch = at->epoch,
        .rate_scale = trainer_rate_scale(trainer, at->step),
        .first = at->batch == 0,
        .last = at->batch + 1 == trainer->steps_per_epoch,
        .inspect = at->batch == 0,
        .ret_serious = &trainer->serious,
        .class_sum = trainer_class_sums(trainer),
    };
    const struct loss_sum before = at->sum;

    if (!trainer->model->kind->advance(trainer->model, &step, &at->sum, error))
        return false;
    at->step++;
    at->batch++;
    if (!is_finite(&at->sum))
        return trainer_recover(trainer, error);
    return trainer_add_batch(trainer, &before, error) && trainer_act(trainer, error) &&
           trainer_tell_progress(trainer, false, error) &&
           trainer_snapshot(trainer, false, error) &&
           trainer_checkpoint_after_batch(trainer, error);
}

/* A limit ends training as the last epoch would, and says so. */
static bool cut_short(struct trainer *trainer, const char *why, struct error *error)
{
    struct progress *at = &trainer->at;

    at->cut = 1;
    if (at->batch > 0) {
        if (!trainer_end_epoch(trainer, error))
            return false;
    } else {
        at->ended = 1;
        if (!trainer_checkpoint_after_epoch(trainer, error))
            return false;
    }
    return report_mark("UNFINISHED", why, trainer->config->epochs - at->epoch, error);
}

static bool take_turn(struct trainer *trainer, struct error *error)
{
    struct progress *at = &trainer->at;
    const char *why = NULL;
    bool reached;

    if (at->batch == trainer->steps_per_epoch)
        return trainer_end_epoch(trainer, error);
    if (!limit_reached(&trainer->limit, (int64_t)at->step, &reached, &why, error))
        return false;
    if (reached)
        return cut_short(trainer, why, error);
    draw_batches(trainer);
    return take_step(trainer, error);
}

static bool run(struct trainer *trainer, bool *ret_stopped, struct error *error)
{
    const volatile sig_atomic_t *stop = trainer->context->stop;
    struct progress *at = &trainer->at;

    while (!at->ended) {
        if (stop && *stop) {
            *ret_stopped = true;
            return !trainer->context->checkpoint_folder || trainer_write_checkpoint(trainer, error);
        }
        if (!take_turn(trainer, error))
            return false;
    }
    if (trainer->restores_best && at->best_epoch > 0)
        trainer->model->kind->recall(trainer->model);
    else
        trainer_swap_average(trainer);
    *ret_stopped = false;
    return at->ended_early || guard_end(&at->guard, error);
}

static bool train(struct trainer *trainer, struct train_result *ret_result, struct error *error)
{
    const struct progress *at = &trainer->at;
    bool stopped;

    if (!prepare(trainer, error) ||
        !limit_init(&trainer->limit, &trainer->config->limit, trainer->context->checkpoint_folder,
                    trainer->context->clock ? trainer->context->clock : &clock_system,
                    trainer->identity.configuration, error))
        return false;
    if (trainer->keeps_best)
        trainer->model->kind->remember(trainer->model);
    if (!trainer_resume(trainer, error))
        return false;
    trainer->checkpoint_ms = trainer_now_ms();
    trainer->paces.began_ms = at->batch > 0 ? -1 : trainer->checkpoint_ms;
    if (!tell_expected(trainer, error) || !run(trainer, &stopped, error))
        return false;
    *ret_result = (struct train_result){
        .stopped = stopped,
        .stopped_early = at->ended_early,
        .cut = at->cut,
        .resumed_step = trainer->resumed_step,
        .same_machine = trainer->same_machine,
        .epochs = at->epoch,
        .steps = (int64_t)at->step,
        .best_epoch = at->best_epoch,
        .best_value = at->best_epoch > 0 ? at->best_value : NAN,
        .train_loss = at->epoch > 0 ? at->train_loss : NAN,
        .valid_loss = at->epoch > 0 ? at->valid_loss : NAN,
        .epoch_s = trainer_epoch_s(trainer),
    };
    return true;
}

bool train_model(struct model *model, const struct sample_set *set, const struct split *split,
                 const struct train_config *config, const struct train_context *context,
                 struct train_result *ret_result, struct error *error)
{
    scoped(trainer_release) struct trainer trainer = {
        .model = model,
        .set = set,
        .train = &split->part[SPLIT_TRAIN],
        .valid = &split->part[SPLIT_VALID],
        .config = config,
        .context = context,
        .schedule = {.choices = &config->schedule},
        .order = {.list = &split->part[SPLIT_TRAIN],
                  .batch = config->batch,
                  .last = (enum last_batch)config->last_batch,
                  .shuffle = config->shuffle,
                  .lanes = model->stateful,
                  .seed = context->seed},
    };
    unsigned saved = kernel_flush_denormals();
    bool done = train(&trainer, ret_result, error);

    kernel_restore_denormals(saved);
    return done;
}
