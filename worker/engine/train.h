/*
 * Training: epochs of batches, watched on the validation part, stopped early, checkpointed.
 *
 * A step is a function of (seed, step, state): a run that was stopped anywhere and resumed ends
 * with the same bits as one that was not. Decisions that the clock makes (when a checkpoint is
 * written, when progress is told) never reach the state.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_TRAIN_H
#define NIGHTJAR_WORKER_ENGINE_TRAIN_H

#include "common/error.h"
#include "common/spec/setting.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/model/model.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct early_stopping_config {
    char *metric;     /* "valid.loss", "valid.accuracy"; NULL: no early stopping */
    int64_t patience; /* epochs without improvement before it stops; 0: never stops early */
    double min_delta; /* what counts as an improvement */
    int goal;         /* 0: as the metric has it; 1: minimize; 2: maximize */
};
struct checkpoint_config { /* and at the end; never where all are 0 */
    int64_t epochs;        /* write one every so many epochs; 0: not by epochs */
    int64_t batches;       /* every so many steps; 0: not by steps */
    double time;           /* every so many seconds; 0: not by time */
};
struct train_config {
    struct kind_choice loss; /* kind NULL: as the task has it, see train_complete() */
    struct kind_choice optimizer;
    int64_t epochs, batch;
    bool shuffle;
    bool restore_best; /* end with the weights of the best epoch rather than the last one's */
    struct early_stopping_config early_stopping;
    struct checkpoint_config checkpoint;
};
extern const struct setting train_settings[]; /* for struct train_config: the spec's "train" */

/* The loss that stands where the spec names none: cross_entropy or mse. */
bool train_complete(struct train_config *config, enum task task, struct error *error);

struct train_context {
    uint64_t seed;
    const char *checkpoint_folder; /* NULL: no checkpoints, no resuming */
    uint64_t configuration; /* hash of data, prepare, model and train settings that decide results
                               (without train.epochs and train.checkpoint): a checkpoint of another
                               one, or of another seed, is not resumed */
    const struct kind_choices *metrics; /* reported for the validation part after each epoch; NULL:
                                           only the loss */
    const volatile sig_atomic_t *stop;  /* not 0: write a checkpoint and leave; NULL: never */
};

struct train_result {
    bool stopped;         /* asked to: a checkpoint is written, go on later (exit status 75) */
    bool stopped_early;   /* by early_stopping */
    int64_t resumed_step; /* the step at which a checkpoint was taken up; 0: fresh start */
    bool same_machine;    /* false: resumed with another kernel, BLAS core or thread count */
    int64_t epochs;       /* finished */
    int64_t steps;
    int64_t
        best_epoch; /* from 1; the weights are of this one where restore_best; 0: none measured */
    double best_value;             /* of early_stopping's metric */
    double train_loss, valid_loss; /* of the last epoch; NAN where there is none */
};

/* Trains in place. Reports train.loss, valid.loss, valid.<metric> (step = epoch, from 1) and
 * progress, checkpoints and warnings through report.h. A loss that is not finite fails with INVALID
 * and says at which step. */
bool train_model(struct model *model, const struct sample_set *set, const struct split *split,
                 const struct train_config *config, const struct train_context *context,
                 struct train_result *ret_result, struct error *error);

/* Gives a model (built with an optimizer) the best weights that a training, perhaps still running
 * or interrupted, has put into its checkpoint folder. NOT_FOUND: none yet. */
bool train_recall_best(struct model *model, const struct train_context *context, int64_t *ret_epoch,
                       struct error *error);

#endif
