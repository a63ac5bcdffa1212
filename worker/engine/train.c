/*
 * The loop: batches until the epoch's rows are used up, then validation, early stopping, a report;
 * the next epoch. Between any two of those steps the run can be stopped, and goes on from there.
 *
 * What is in struct progress survives; the rest of struct trainer can be made again.
 */
#include "worker/engine/train.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/hash.h"
#include "common/owner.h"
#include "common/random.h"
#include "worker/engine/checkpoint.h"
#include "worker/engine/metric/metric.h"
#include "worker/engine/optimizer/optimizer.h"
#include "worker/engine/report.h"
#include "worker/engine/watch.h"

static const char *const goal_names[] = {"auto", "minimize", "maximize", NULL};

static const struct setting early_stopping_settings[] = {
    SETTING_TEXT(struct early_stopping_config, metric, "valid.loss", 0,
                 "What decides which epoch is the best: train.loss, valid.loss or "
                 "valid.<metric>."),
    SETTING_INTEGER(struct early_stopping_config, patience, 0, 0, 1000000000, "epochs",
                    "Epochs without improvement before training ends; 0: it never ends early."),
    SETTING_REAL(struct early_stopping_config, min_delta, 0, 0, 1e300, 0, "",
                 "By how much the metric has to improve to count."),
    SETTING_CHOICE(struct early_stopping_config, goal, 0, goal_names,
                   "Which way is better; auto: as the metric has it."),
    {0},
};

static const struct setting checkpoint_settings[] = {
    SETTING_INTEGER(struct checkpoint_config, epochs, 0, 0, 1000000000, "epochs",
                    "Write a checkpoint every so many epochs; 0: not by epochs."),
    SETTING_INTEGER(struct checkpoint_config, batches, 0, 0, 1000000000, "batches",
                    "Write a checkpoint every so many batches; 0: not by batches."),
    SETTING_DURATION(struct checkpoint_config, time, 10, 0, 1e9,
                     "Write a checkpoint every so often; 0: not by time."),
    {0},
};

const struct setting train_settings[] = {
    SETTING_KIND(struct train_config, loss, &loss_registry, NULL, 0,
                 "What training makes small; by default cross_entropy for classes, mse for "
                 "numbers."),
    SETTING_KIND(struct train_config, optimizer, &optimizer_registry, "adam", 0,
                 "How gradients move the weights."),
    SETTING_INTEGER(struct train_config, epochs, 10, 1, 1000000000, "epochs",
                    "How often all training rows are seen."),
    SETTING_INTEGER(struct train_config, batch, 32, 1, 1 << 24, "rows",
                    "Rows of one step; the last batch of an epoch may be shorter."),
    SETTING_BOOLEAN(struct train_config, shuffle, true,
                    "Whether each epoch has an order of its own."),
    SETTING_BOOLEAN(struct train_config, restore_best, true,
                    "End with the weights of the best epoch, where there is a validation part."),
    SETTING_NESTED(struct train_config, early_stopping, struct early_stopping_config,
                   early_stopping_settings, "When to end before the last epoch."),
    SETTING_NESTED(struct train_config, checkpoint, struct checkpoint_config, checkpoint_settings,
                   "When to write what a stopped run goes on from; and at the end, unless all are "
                   "0."),
    {0},
};

bool train_complete(struct train_config *config, enum task task, struct error *error)
{
    const char *name = task == TASK_CLASSIFICATION ? "cross_entropy" : "mse";
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    struct kind_choice choice = {0};

    if (config->loss.kind)
        return true;
    choice.kind = kind_find(&loss_registry, name);
    if (choice.kind->config_size > 0) {
        choice.config = calloc(1, choice.kind->config_size);
        if (!choice.config || !settings_parse(choice.kind->settings, NULL, "train.loss",
                                              choice.config, &diagnostics)) {
            free(choice.config);
            return error_set(error, ERROR_NO_MEMORY, "choosing a loss");
        }
    }
    config->loss = choice;
    return true;
}

/* ---- the trainer ---- */

#define PROGRESS_INTERVAL_MS 300
#define SHUFFLE_CHUNK 64
#define LAST_CHECKPOINT "last.ckpt"
#define BEST_CHECKPOINT "best.ckpt"

struct progress {        /* registered as "progress" */
    uint64_t step;       /* taken so far */
    int64_t epoch;       /* finished */
    int64_t cursor;      /* rows of this epoch that were used */
    struct loss_sum sum; /* of this epoch */
    double train_loss, valid_loss, best_value;
    int64_t best_epoch; /* from 1; 0: none */
    int64_t waited;     /* epochs since */
    int64_t ended, ended_early;
};

struct trainer {
    struct model *model;
    const struct sample_set *set;
    const struct row_list *train, *valid;
    const struct train_config *config;
    const struct train_context *context;
    struct progress at;
    struct state state, best_state;
    struct checkpoint_identity identity;
    struct watch watch; /* which value decides */
    bool keeps_best;
    int64_t best_written; /* the epoch that best.ckpt holds */
    int64_t *row;         /* owned, [batch] */
    double *prediction;   /* owned, of the validation part; NULL where none is needed */
    uint32_t shuffle;
    int64_t checkpoint_ms, progress_ms; /* when the last ones were */
    int64_t resumed_step;
    bool same_machine;
};

static void trainer_release(struct trainer *trainer)
{
    free(trainer->row);
    free(trainer->prediction);
    watch_release(&trainer->watch);
}

static int64_t now_ms(void)
{
    return clock_system.monotonic_ms(clock_system.context);
}

static bool declare(struct trainer *trainer, struct error *error)
{
    const struct model_kind *kind = trainer->model->kind;

    if (!state_add(&trainer->state, "progress", &trainer->at, sizeof(trainer->at), error) ||
        !kind->declare(trainer->model, &trainer->state, error))
        return false;
    if (!trainer->keeps_best)
        return true;
    return state_add(&trainer->best_state, "progress", &trainer->at, sizeof(trainer->at), error) &&
           kind->declare_best(trainer->model, &trainer->state, error) &&
           kind->declare_best(trainer->model, &trainer->best_state, error);
}

/* A checkpoint of another seed is no place to go on from either. */
static struct checkpoint_identity identity_of(const struct train_context *context)
{
    const uint64_t decides[] = {context->configuration, context->seed};
    struct checkpoint_identity identity = {.configuration = hash_bytes(decides, sizeof(decides))};

    (void)kernel_identity(kernel_pick(), identity.machine);
    return identity;
}

static bool prepare(struct trainer *trainer, struct error *error)
{
    const struct train_context *context = trainer->context;
    size_t outputs = (size_t)trainer->model->n_outputs_per_row;

    if (trainer->train->n == 0)
        return error_set_at(error, ERROR_INVALID, "data.split", "the training part is empty");
    if (!watch_init(&trainer->watch, &trainer->config->early_stopping, context->metrics,
                    trainer->set, trainer->train, trainer->valid, error))
        return false;
    trainer->keeps_best = trainer->config->restore_best && trainer->watch.metric;
    trainer->shuffle = random_purpose("shuffle", "train");
    trainer->row = calloc((size_t)trainer->config->batch, sizeof(*trainer->row));
    if (trainer->watch.n_metrics > 0 && trainer->valid->n > 0)
        trainer->prediction =
            calloc((size_t)trainer->valid->n * outputs, sizeof(*trainer->prediction));
    if (!trainer->row ||
        (trainer->watch.n_metrics > 0 && trainer->valid->n > 0 && !trainer->prediction))
        return error_set(error, ERROR_NO_MEMORY, "preparing to train");
    trainer->identity = identity_of(context);
    return declare(trainer, error);
}

/* ---- checkpoints ---- */

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

static bool resume(struct trainer *trainer, struct error *error)
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
    if (trainer->at.ended && !trainer->at.ended_early)
        trainer->at.ended = trainer->at.epoch >= trainer->config->epochs;
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

static bool write_checkpoint(struct trainer *trainer, struct error *error)
{
    const char *folder = trainer->context->checkpoint_folder;
    bool better = trainer->keeps_best && trainer->at.best_epoch != trainer->best_written;

    trainer->checkpoint_ms = now_ms();
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

    if (!trainer->context->checkpoint_folder || write_checkpoint(trainer, &cause))
        return true;
    return report_warning("checkpoint", NAN, error, "not written: %s", cause.message);
}

static bool checkpoint_after_batch(struct trainer *trainer, struct error *error)
{
    const struct checkpoint_config *when = &trainer->config->checkpoint;
    bool due = when->batches > 0 && trainer->at.step % (uint64_t)when->batches == 0;

    if (!due && when->time > 0)
        due = (double)(now_ms() - trainer->checkpoint_ms) >= when->time * 1000;
    return !due || try_checkpoint(trainer, error);
}

/* The end is always worth one: whoever looks finds the last state and the best. */
static bool checkpoint_after_epoch(struct trainer *trainer, struct error *error)
{
    const struct checkpoint_config *when = &trainer->config->checkpoint;
    bool due = when->epochs > 0 && trainer->at.epoch % when->epochs == 0;

    if (trainer->at.ended && !due)
        due = when->epochs > 0 || when->batches > 0 || when->time > 0;
    return !due || try_checkpoint(trainer, error);
}

/* ---- steps ---- */

static bool tell_progress(struct trainer *trainer, bool always, struct error *error)
{
    int64_t now = now_ms();
    double part = (double)trainer->at.cursor / (double)trainer->train->n;

    if (!always && now - trainer->progress_ms < PROGRESS_INTERVAL_MS)
        return true;
    trainer->progress_ms = now;
    return report_progress((double)trainer->at.epoch + part, (double)trainer->config->epochs,
                           "epoch", error);
}

static void shuffle_rows(const struct trainer *trainer, int64_t rows)
{
    const struct progress *at = &trainer->at;
    uint64_t index[SHUFFLE_CHUNK];

    for (int64_t first = 0; first < rows; first += SHUFFLE_CHUNK) {
        int64_t n = rows - first < SHUFFLE_CHUNK ? rows - first : SHUFFLE_CHUNK;

        random_permute_range(trainer->context->seed, (uint64_t)at->epoch, trainer->shuffle,
                             (uint64_t)trainer->train->n, (uint64_t)(at->cursor + first), (size_t)n,
                             index);
        for (int64_t i = 0; i < n; i++)
            trainer->row[first + i] = trainer->train->row[index[i]];
    }
}

static int64_t fill_batch(const struct trainer *trainer)
{
    int64_t cursor = trainer->at.cursor, left = trainer->train->n - cursor;
    int64_t rows = left < trainer->config->batch ? left : trainer->config->batch;

    if (trainer->config->shuffle)
        shuffle_rows(trainer, rows);
    else
        memcpy(trainer->row, trainer->train->row + cursor, (size_t)rows * sizeof(*trainer->row));
    return rows;
}

static bool take_step(struct trainer *trainer, struct error *error)
{
    struct progress *at = &trainer->at;
    int64_t rows = fill_batch(trainer);
    const struct model_step step = {
        .set = trainer->set,
        .row = trainer->row,
        .n = rows,
        .seed = trainer->context->seed,
        .step = at->step + 1,
        .inspect = at->step == 0,
    };

    if (!trainer->model->kind->advance(trainer->model, &step, &at->sum, error))
        return false;
    at->step++;
    at->cursor += rows;
    if (!isfinite(at->sum.loss))
        return error_set_at(error, ERROR_INVALID, "train",
                            "the loss is not finite at step %" PRIu64 " (epoch %" PRId64
                            "); a lower train.optimizer.rate may help",
                            at->step, at->epoch + 1);
    return tell_progress(trainer, false, error) && checkpoint_after_batch(trainer, error);
}

static bool report_values(const struct trainer *trainer, const struct evaluation *evaluation,
                          struct error *error)
{
    const struct progress *at = &trainer->at;
    char name[METRIC_NAME_SIZE + 8];

    if (!report_metric("train.loss", at->train_loss, at->epoch, NAN, error))
        return false;
    if (trainer->valid->n > 0 &&
        !report_metric("valid.loss", at->valid_loss, at->epoch, NAN, error))
        return false;
    for (int64_t i = 0; i < evaluation->n_values; i++) {
        (void)snprintf(name, sizeof(name), "valid.%s", evaluation->value[i].name);
        if (!report_metric(name, evaluation->value[i].value, at->epoch, NAN, error))
            return false;
    }
    return true;
}

static bool validate(struct trainer *trainer, struct evaluation *ret_evaluation,
                     struct error *error)
{
    const struct row_list *valid = trainer->valid;
    struct loss_sum sum = {0};

    trainer->at.valid_loss = NAN;
    if (valid->n == 0)
        return true;
    if (!model_predict(trainer->model, trainer->set, valid->row, valid->n, trainer->prediction,
                       &sum, error))
        return false;
    trainer->at.valid_loss = sum.loss / sum.weight;
    return !trainer->prediction || watch_evaluate(&trainer->watch, trainer->set, valid,
                                                  trainer->prediction, ret_evaluation, error);
}

/* Decides whether this epoch is the best so far, and whether to go on. */
static void judge(struct trainer *trainer, const struct evaluation *evaluation)
{
    struct progress *at = &trainer->at;
    const struct watch *watch = &trainer->watch;
    double value;

    if (watch->metric) {
        value = watch_value(watch, at->train_loss, at->valid_loss, evaluation);
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
    at->ended = at->ended_early || at->epoch >= trainer->config->epochs;
}

static bool end_epoch(struct trainer *trainer, struct error *error)
{
    scoped(evaluation_release) struct evaluation evaluation = {0};
    struct progress *at = &trainer->at;

    at->train_loss = at->sum.loss / at->sum.weight;
    if (!validate(trainer, &evaluation, error))
        return false;
    at->epoch++;
    at->cursor = 0;
    at->sum = (struct loss_sum){0};
    judge(trainer, &evaluation);
    return report_values(trainer, &evaluation, error) && tell_progress(trainer, at->ended, error) &&
           checkpoint_after_epoch(trainer, error);
}

static bool run(struct trainer *trainer, bool *ret_stopped, struct error *error)
{
    const volatile sig_atomic_t *stop = trainer->context->stop;
    struct progress *at = &trainer->at;

    while (!at->ended) {
        if (stop && *stop) {
            *ret_stopped = true;
            return !trainer->context->checkpoint_folder || write_checkpoint(trainer, error);
        }
        if (at->cursor < trainer->train->n ? !take_step(trainer, error)
                                           : !end_epoch(trainer, error))
            return false;
    }
    if (trainer->keeps_best && at->best_epoch > 0)
        trainer->model->kind->recall(trainer->model);
    *ret_stopped = false;
    return true;
}

static bool train(struct trainer *trainer, struct train_result *ret_result, struct error *error)
{
    const struct progress *at = &trainer->at;
    bool stopped;

    if (!prepare(trainer, error) || !resume(trainer, error))
        return false;
    trainer->checkpoint_ms = now_ms();
    if (!run(trainer, &stopped, error))
        return false;
    *ret_result = (struct train_result){
        .stopped = stopped,
        .stopped_early = at->ended_early,
        .resumed_step = trainer->resumed_step,
        .same_machine = trainer->same_machine,
        .epochs = at->epoch,
        .steps = (int64_t)at->step,
        .best_epoch = at->best_epoch,
        .best_value = at->best_epoch > 0 ? at->best_value : NAN,
        .train_loss = at->epoch > 0 ? at->train_loss : NAN,
        .valid_loss = at->epoch > 0 ? at->valid_loss : NAN,
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
    };
    unsigned saved = kernel_flush_denormals();
    bool done = train(&trainer, ret_result, error);

    kernel_restore_denormals(saved);
    return done;
}

bool train_recall_best(struct model *model, const struct train_context *context, int64_t *ret_epoch,
                       struct error *error)
{
    const struct checkpoint_identity identity = identity_of(context);
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
