#include "worker/engine/train_settings.h"

#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/limit.h"
#include "worker/engine/loss/loss.h"
#include "worker/engine/schedule/schedule.h"

#define RULES_MAX 100

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

static const struct setting clip_settings[] = {
    SETTING_REAL(struct clip_config, value, 0, 0, 1e300, 0, "",
                 "Largest size of any element of the gradient; 0: any."),
    SETTING_REAL(struct clip_config, norm, 0, 0, 1e300, 0, "",
                 "Largest length of the gradient of all parameters together; 0: any."),
    {0},
};

static const struct setting limit_settings[] = {
    SETTING_INTEGER(struct limit_config, batches, 0, 0, 1000000000000, "batches",
                    "End after so many; 0: not by batches."),
    SETTING_DURATION(struct limit_config, time, 0, 0, 1e9,
                     "End when training has taken so long, in all runs together; 0: not by time."),
    SETTING_TEXT(struct limit_config, until, NULL, 0,
                 "End at a time of day such as 06:30, the next after the first run's start."),
    {0},
};

static const struct setting rollback_settings[] = {
    SETTING_INTEGER(struct rollback_config, times, 0, 0, 1000, "",
                    "How often training goes back to its best weights when it diverges; 0: never."),
    SETTING_REAL(struct rollback_config, worse, 3, 1, 1e12, 0, "",
                 "What divergence is: a training loss of so many times the best, or none that is "
                 "finite; where the best is not above 0, a rise of so many times its size (1 at "
                 "least), less one."),
    SETTING_REAL(struct rollback_config, factor, 0.5, 0, 1, SETTING_OPEN_LOW, "",
                 "What is left of the rate each time."),
    {0},
};

static const struct setting snapshots_settings[] = {
    SETTING_INTEGER(struct snapshots_config, epochs, 0, 0, 1000000000, "epochs",
                    "Keep a model file every so many epochs; 0: not by epochs."),
    SETTING_INTEGER(struct snapshots_config, batches, 0, 0, 1000000000000, "batches",
                    "Keep one every so many batches; 0: not by batches."),
    SETTING_INTEGER(struct snapshots_config, from, 1, 1, 1000000000, "", "The first epoch."),
    {0},
};

static const struct setting start_settings[] = {
    SETTING_TEXT(struct start_config, model, NULL, 0,
                 "Begin with the weights of a model: a model file, a run's folder, or the number "
                 "of an experiment; or weights in an .npz or a Keras HDF5 file."),
    SETTING_TEXT(struct start_config, match, "*", 0,
                 "Names of the parameters that begin so, with * and ? as in the shell."),
    SETTING_TEXTS(struct start_config, names, 0, 1000,
                  "Of weights of another program: our layers whose names there are their own, such "
                  "as dense1=logits."),
    {0},
};

static const char *const guard_names[] = {"warn", "stop", "reseed", NULL};
static const char *const out_of_memory_names[] = {"repeat", "halve", NULL};
static const char *const precision_names[] = {"float32", "float64", NULL};
static const char *const last_batch_names[] = {"keep", "drop", "pad", NULL};

const struct setting train_settings[] = {
    SETTING_KIND(struct train_config, loss, &loss_registry, NULL, 0,
                 "What training makes small; by default cross_entropy for classes, mse for "
                 "numbers."),
    SETTING_KIND(struct train_config, optimizer, &optimizer_registry, "adam", 0,
                 "How gradients move the weights."),
    SETTING_KINDS(struct train_config, schedule, &schedule_registry, 0, SCHEDULES_MAX,
                  SETTING_SCALAR_OK,
                  "How the learning rate changes; the factors of several are multiplied."),
    SETTING_KINDS(struct train_config, parameters, &rule_registry, 0, RULES_MAX, SETTING_SCALAR_OK,
                  "What is done to some of the parameters."),
    SETTING_NESTED(struct train_config, clip, struct clip_config, clip_settings,
                   "How large a gradient may be: of the loss, before l1 and l2."),
    SETTING_INTEGER(struct train_config, accumulate, 1, 1, 1 << 20, "batches",
                    "Batches whose gradients are averaged for one step of the optimizer; the last "
                    "step of an epoch takes what there is."),
    SETTING_REAL(struct train_config, average, 0, 0, 1, SETTING_OPEN_HIGH, "",
                 "Decay of a running average of the weights, which is what is validated and kept; "
                 "0: the weights themselves. Early steps decay faster."),
    SETTING_CHOICE(struct train_config, precision, PRECISION_FLOAT32, precision_names,
                   "What a network's weights are, and all that is computed with them, also when "
                   "it predicts later. float64 takes twice the memory and several times as long; "
                   "an ensemble of such models has to say it, too. Features are stored in float32 "
                   "either way; boosted trees are XGBoost's, which is float32."),
    SETTING_INTEGER(struct train_config, epochs, 10, 1, 1000000000, "epochs",
                    "How often all training rows are seen."),
    SETTING_INTEGER(struct train_config, batch, 32, 1, 1 << 24, "rows", "Rows of one step."),
    SETTING_INTEGER(struct train_config, parts, 1, 1, 1 << 24, "parts",
                    "In how many parts a batch's gradients are worked out, one after the other: "
                    "less memory for the same step."),
    SETTING_CHOICE(struct train_config, out_of_memory, OUT_OF_MEMORY_REPEAT, out_of_memory_names,
                   "What a run does that follows one which was ended for want of memory: the same "
                   "again, or go on from its checkpoint with batches in twice as many parts."),
    SETTING_CHOICE(struct train_config, last_batch, LAST_BATCH_KEEP, last_batch_names,
                   "What becomes of an epoch's last rows where they do not fill a batch: a shorter "
                   "batch, nothing, or a batch filled up with the epoch's first rows."),
    SETTING_BOOLEAN(struct train_config, shuffle, true,
                    "Whether each epoch has an order of its own."),
    SETTING_BOOLEAN(struct train_config, restore_best, true,
                    "End with the weights of the best epoch, where there is a validation part."),
    SETTING_NESTED(struct train_config, early_stopping, struct early_stopping_config,
                   early_stopping_settings, "When to end before the last epoch."),
    SETTING_NESTED(struct train_config, checkpoint, struct checkpoint_config, checkpoint_settings,
                   "When to write what a stopped run goes on from; and at the end, unless all are "
                   "0."),
    SETTING_NESTED(struct train_config, limit, struct limit_config, limit_settings,
                   "When to end before the last epoch, unfinished."),
    SETTING_NESTED(struct train_config, rollback, struct rollback_config, rollback_settings,
                   "Whether to go back and slow down when training diverges."),
    SETTING_NESTED(struct train_config, snapshots, struct snapshots_config, snapshots_settings,
                   "Which states of the model to keep as files, in artifacts/snapshots."),
    SETTING_NESTED(struct train_config, start, struct start_config, start_settings,
                   "Where the first weights come from."),
    SETTING_BOOLEAN(struct train_config, full_loss, false,
                    "Whether to measure the loss over all training rows after each epoch, too: "
                    "train.full_loss."),
    SETTING_INTEGER(
        struct train_config, batch_losses, 0, 0, 1000000000, "batches",
        "Every so many batches tell their mean loss, train.batch_loss, and of a network's "
        "classes each one's without weights, train.batch_loss[class]; 0: not."),
    SETTING_INTEGER(struct train_config, logits, 0, 0, 1000000000, "epochs",
                    "Every so many epochs a table of a network's outputs before softmax: how many "
                    "validation rows (without any: training rows) of each class, and of others, "
                    "lie where; 0: none."),
    SETTING_CHOICE(struct train_config, guard, GUARD_WARN, guard_names,
                   "What to do where nothing is learnt or training diverges: warn, stop, or begin "
                   "once again with another seed."),
    {0},
};

enum train_precision train_precision_of(const cJSON *spec)
{
    const char *name = json_text(json_member(spec, "train"), "precision", "");

    return strcmp(name, precision_names[PRECISION_FLOAT64]) == 0 ? PRECISION_FLOAT64
                                                                 : PRECISION_FLOAT32;
}

bool train_complete(struct train_config *config, enum task task, struct error *error)
{
    const char *name = task == TASK_CLASSIFICATION ? "cross_entropy" : "mse";
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    struct kind_choice choice = {0};

    if (!limit_check(&config->limit, error))
        return false;
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

struct update_plan train_update_plan(const struct train_config *config)
{
    return (struct update_plan){
        .optimizer = &config->optimizer,
        .rules = &config->parameters,
        .clip = config->clip,
        .accumulate = config->accumulate,
        .average = config->average,
    };
}
