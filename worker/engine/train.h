/*
 * Training: epochs of batches, watched on the validation part, stopped early, checkpointed.
 *
 * A step is a function of (seed, step, state): a run that was stopped anywhere and resumed ends
 * with the same bits as one that was not. When a checkpoint is written or progress told never
 * reaches the state; that the clock ends a training is written down first (limit.h).
 */
#ifndef NIGHTJAR_WORKER_ENGINE_TRAIN_H
#define NIGHTJAR_WORKER_ENGINE_TRAIN_H

#include "common/clock.h"
#include "common/error.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/model/model.h"
#include "worker/engine/train_settings.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct train_context {
    uint64_t seed;
    const char *checkpoint_folder; /* NULL: no checkpoints, no resuming */
    uint64_t configuration; /* hash of data, prepare, model and train settings that decide results
                               (without train.epochs and train.checkpoint): a checkpoint of another
                               one, or of another seed, is not resumed */
    const struct kind_choices *metrics; /* reported for the validation part after each epoch; NULL:
                                           only the loss */
    const struct clock *clock;          /* of limits; NULL: the system's */
    /* Keeps the model as it is now under a name of its own. NULL: no snapshots. */
    bool (*snapshot)(void *snapshot_context, int64_t epoch, int64_t batch, struct error *error);
    void *snapshot_context; /* borrowed */
    double
        epoch_s; /* that an epoch is expected to take: told as training begins; 0, NAN: nothing is
                  */
    const volatile sig_atomic_t *stop; /* not 0: write a checkpoint and leave; NULL: never */
};

struct train_result {
    bool stopped;         /* asked to: a checkpoint is written, go on later (exit status 75) */
    bool stopped_early;   /* by early_stopping */
    bool cut;             /* by a limit */
    int64_t resumed_step; /* the step at which a checkpoint was taken up; 0: fresh start */
    bool same_machine;    /* false: resumed with another kernel, BLAS core or thread count */
    int64_t epochs;       /* finished */
    int64_t steps;
    int64_t
        best_epoch; /* from 1; the weights are of this one where restore_best; 0: none measured */
    double best_value;             /* of early_stopping's metric */
    double train_loss, valid_loss; /* of the last epoch; NAN where there is none */
    double epoch_s;                /* that an epoch took, in the middle; NAN: none was whole */
};

/* INVALID at "train.batch" where the last batch is dropped and so many rows have no other. */
bool train_check_batch(const struct train_config *config, int64_t rows, struct error *error);
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
