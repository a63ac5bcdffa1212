/* An epoch's end: what the weights are worth now, what is told of it, and whether to go on. */
#include "worker/engine/trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/metric/metric.h"
#include "worker/engine/report.h"

static bool report_values(const struct trainer *trainer, const struct evaluation *evaluation,
                          struct error *error)
{
    const struct progress *at = &trainer->at;
    char name[METRIC_NAME_SIZE + 8];

    if (!report_metric("train.loss", GOAL_MINIMIZE, at->train_loss, at->epoch, NAN, error))
        return false;
    if (trainer->config->full_loss &&
        !report_metric("train.full_loss", GOAL_MINIMIZE, trainer->full_loss, at->epoch, NAN, error))
        return false;
    if (trainer->valid->n > 0 &&
        !report_metric("valid.loss", GOAL_MINIMIZE, at->valid_loss, at->epoch, NAN, error))
        return false;
    for (int64_t i = 0; i < evaluation->n_values; i++) {
        const struct metric_value *value = &evaluation->value[i];

        (void)snprintf(name, sizeof(name), "valid.%s", value->name);
        if (!report_metric(name, value->goal, value->value, at->epoch, NAN, error))
            return false;
    }
    return true;
}

/* What the weights make of all training rows, where train.loss is the mean of an epoch's batches as
 * the weights moved, with dropout. */
static bool measure_full_loss(struct trainer *trainer, struct error *error)
{
    const struct row_list *rows = trainer->train;
    scoped(row_array_release) struct row_array array = {0};
    struct loss_sum sum = {0};

    if (!trainer->config->full_loss)
        return true;
    if (!row_array_open(rows, &array, error) ||
        !model_predict(trainer->model, trainer->set, array.row, rows->n, NULL, &sum, error))
        return false;
    trainer->full_loss = sum.loss / sum.weight;
    return true;
}

static bool validate(struct trainer *trainer, struct evaluation *ret_evaluation,
                     struct error *error)
{
    const struct row_list *told = trainer->told.rows;
    scoped(row_array_release) struct row_array array = {0};
    struct loss_sum sum = {0};

    trainer->at.valid_loss = NAN;
    if (told->n == 0)
        return true;
    if (!row_array_open(told, &array, error) ||
        !model_predict_rows(trainer->model, trainer->set, trainer->valid, array.row, told->n, 0,
                            trainer->prediction, &sum, error))
        return false;
    trainer->at.valid_loss = sum.loss / sum.weight;
    return !trainer->prediction || watch_evaluate(&trainer->watch, trainer->set, told,
                                                  trainer->prediction, ret_evaluation, error);
}

/* Of the rows that validate, or else train. */
static bool look_at_outputs(struct trainer *trainer, struct error *error)
{
    const struct train_config *config = trainer->config;
    bool valid = trainer->valid->n > 0;
    const struct row_list *rows = valid ? trainer->valid : trainer->train;
    scoped(row_array_release) struct row_array array = {0};
    scoped(logits_release) struct logits logits = {0};
    int64_t epoch = trainer->at.epoch + 1;
    bool done;

    if (config->logits == 0 || epoch % config->logits != 0)
        return true;
    if (!row_array_open(rows, &array, error) ||
        !logits_init(&logits, trainer->model->n_logits, error))
        return false;
    trainer->model->logits = &logits;
    done = model_predict(trainer->model, trainer->set, array.row, rows->n, NULL, NULL, error);
    trainer->model->logits = NULL;
    return done && logits_report(&logits, trainer->set,
                                 split_part_name[valid ? SPLIT_VALID : SPLIT_TRAIN], epoch, error);
}

void trainer_swap_average(struct trainer *trainer)
{
    if (trainer->model->kind->swap_average)
        trainer->model->kind->swap_average(trainer->model);
}

/* Whether the value that decides is the best so far; none that is no number tells. */
static void compare(struct trainer *trainer, double value)
{
    struct progress *at = &trainer->at;
    const struct watch *watch = &trainer->watch;

    if (isnan(value))
        return;
    at->waited++;
    if (watch_improved(watch, value, at->best_epoch > 0, at->best_value)) {
        at->best_value = value;
        at->best_epoch = at->epoch;
        at->waited = 0;
        if (trainer->keeps_best)
            trainer->model->kind->remember(trainer->model);
    }
    at->ended_early = watch->patience > 0 && at->waited >= watch->patience;
}

/* Decides whether this epoch is the best so far, and whether to go on. */
static bool judge(struct trainer *trainer, const struct evaluation *evaluation, struct error *error)
{
    struct progress *at = &trainer->at;
    const struct watch *watch = &trainer->watch;
    double value = at->train_loss;

    if (watch->metric) {
        value = watch_value(watch, at->train_loss, at->valid_loss, evaluation);
        compare(trainer, value);
    } else if (trainer->keeps_best && (at->guard.epochs == 0 || at->train_loss < at->guard.best)) {
        trainer->model->kind->remember(trainer->model); /* what a roll-back goes to */
    }
    schedule_judge(&trainer->schedule, value, watch->goal == GOAL_MAXIMIZE);
    at->ended = at->ended_early || at->cut || at->epoch >= trainer->config->epochs;
    return !watch->metric || guard_value(&at->guard, watch->metric, value, at->epoch, error);
}

/* The model that is validated, remembered and kept is the running average, where there is one. */
static bool look(struct trainer *trainer, struct evaluation *ret_evaluation, struct error *error)
{
    struct progress *at = &trainer->at;
    bool done;

    at->train_loss = at->sum.loss / at->sum.weight;
    trainer_swap_average(trainer);
    done = measure_full_loss(trainer, error) && validate(trainer, ret_evaluation, error) &&
           look_at_outputs(trainer, error);
    if (done) {
        at->epoch++;
        at->batch = 0;
        at->sum = (struct loss_sum){0};
        done = judge(trainer, ret_evaluation, error);
    }
    trainer_swap_average(trainer);
    return done;
}

static bool diverged(const struct trainer *trainer)
{
    const struct progress *at = &trainer->at;

    return at->guard.epochs > 0 &&
           guard_is_worse(&at->guard, at->train_loss, trainer->config->rollback.worse);
}

static bool report_epoch(struct trainer *trainer, const struct evaluation *evaluation, double scale,
                         struct error *error)
{
    bool changes = trainer->config->schedule.n > 0 || trainer->config->rollback.times > 0;

    return report_values(trainer, evaluation, error) &&
           (!changes ||
            report_metric("train.rate_factor", GOAL_NONE, scale, trainer->at.epoch, NAN, error)) &&
           trainer_tell_progress(trainer, trainer->at.ended, error);
}

static int compare_times(const void *a, const void *b)
{
    const int64_t *one = a, *other = b;

    return (*one > *other) - (*one < *other);
}

double trainer_epoch_s(const struct trainer *trainer)
{
    const struct trainer_paces *paces = &trainer->paces;
    int64_t sorted[PACES_KEPT], n = paces->n < PACES_KEPT ? paces->n : PACES_KEPT, middle;

    if (n == 0)
        return NAN;
    memcpy(sorted, paces->epoch_ms, sizeof(sorted));
    qsort(sorted, (size_t)n, sizeof(*sorted), compare_times);
    middle = n / 2;
    return (double)sorted[middle] / 1000;
}

/* One that a limit cut short, or another run began, tells nothing. */
static void note_pace(struct trainer *trainer)
{
    struct trainer_paces *paces = &trainer->paces;
    int64_t now_ms = trainer_now_ms();

    if (paces->began_ms >= 0 && !trainer->at.cut)
        paces->epoch_ms[paces->n++ % PACES_KEPT] = now_ms - paces->began_ms;
    paces->began_ms = now_ms;
}

bool trainer_end_epoch(struct trainer *trainer, struct error *error)
{
    scoped(evaluation_release) struct evaluation evaluation = {0};
    struct progress *at = &trainer->at;
    double scale = trainer_rate_scale(trainer, at->step - 1); /* of its last step */
    bool serious = false;

    if (!look(trainer, &evaluation, error) || !report_epoch(trainer, &evaluation, scale, error))
        return false;
    if (!at->ended && diverged(trainer) && trainer_can_roll_back(trainer) &&
        !trainer_roll_back(trainer, error))
        return false;
    if (!guard_epoch(&at->guard, at->train_loss, at->valid_loss, trainer->told.rows->n, &serious,
                     error))
        return false;
    trainer->serious = trainer->serious || serious;
    if (!((at->ended || trainer_act(trainer, error)) && trainer_snapshot(trainer, true, error) &&
          trainer_checkpoint_after_epoch(trainer, error)))
        return false;
    note_pace(trainer);
    return true;
}
