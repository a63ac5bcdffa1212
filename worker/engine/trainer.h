/* What the parts of the trainer share: train.c (the loop), train_epoch.c (its ends),
 * train_checkpoint.c (what survives), train_trouble.c (what goes wrong). */
#ifndef NIGHTJAR_WORKER_ENGINE_TRAINER_H
#define NIGHTJAR_WORKER_ENGINE_TRAINER_H

#include "worker/engine/checkpoint.h"
#include "worker/engine/dataset/told.h"
#include "worker/engine/guard.h"
#include "worker/engine/limit.h"
#include "worker/engine/order.h"
#include "worker/engine/schedule/schedule.h"
#include "worker/engine/train.h"
#include "worker/engine/watch.h"

#define LAST_CHECKPOINT "last.ckpt"
#define BEST_CHECKPOINT "best.ckpt"

#define PACES_KEPT 64 /* epochs */

struct progress {        /* registered as "progress" */
    uint64_t step;       /* taken so far */
    int64_t epoch;       /* finished */
    int64_t planned;     /* epochs, as configured */
    int64_t batch;       /* of this epoch that were taken */
    struct loss_sum sum; /* of this epoch */
    double train_loss, valid_loss, best_value;
    int64_t best_epoch; /* from 1; 0: none */
    int64_t waited;     /* epochs since */
    int64_t ended, ended_early;
    int64_t cut;        /* ended by a limit */
    int64_t spent_ms;   /* training, in all runs */
    double rate_factor; /* what roll-backs left of the rate */
    int64_t rollbacks, reseeds;
    struct guard_memory guard;
};

/* What is in `at`, `schedule` and the model survives; the rest can be made again. */
struct trainer {
    struct model *model;
    const struct sample_set *set;
    const struct row_list *train, *valid;
    struct told told; /* rows that the validation samples predict */
    const struct train_config *config;
    const struct train_context *context;
    struct progress at;
    struct schedule schedule;
    struct state state, best_state;
    struct checkpoint_identity identity;
    struct watch watch; /* which value decides */
    bool keeps_best;
    bool restores_best;
    struct limit limit;
    bool serious; /* something was seen for which train.guard may act */
    double full_loss;
    struct loss_sum *batch_sum; /* owned; NULL: not asked for */
    int64_t best_written;       /* the epoch that best.ckpt holds */
    struct trainer_batch {
        int64_t *row; /* owned, [batch] */
        int64_t n;
        int64_t epoch, batch; /* which one it is */
        uint64_t seed;        /* of the order */
    } batch, soon;            /* of this step; of the one after, while it is the same epoch's */
    double *prediction;       /* owned, of `told`; NULL where none is needed */
    struct order order;
    int64_t steps_per_epoch;
    int64_t checkpoint_ms, progress_ms; /* when the last ones were */
    struct trainer_paces {
        int64_t began_ms;                /* of this epoch; -1: it was begun by another run */
        int64_t epoch_ms[PACES_KEPT], n; /* n: of all; the last ones are kept */
    } paces;
    int64_t resumed_step;
    bool same_machine;
};

int64_t trainer_now_ms(void);

/* A checkpoint of another configuration or seed is no place to go on from. */
struct checkpoint_identity trainer_identity(const struct train_context *context);
/* Registers all that survives. */
bool trainer_declare(struct trainer *trainer, struct error *error);
/* Goes on from the last checkpoint, where there is a good one. */
bool trainer_resume(struct trainer *trainer, struct error *error);
bool trainer_write_checkpoint(struct trainer *trainer, struct error *error);
/* Where one is due; one that cannot be written is a warning. */
bool trainer_checkpoint_after_batch(struct trainer *trainer, struct error *error);
bool trainer_checkpoint_after_epoch(struct trainer *trainer, struct error *error);
/* A model file of what it is now, where one is due. */
bool trainer_snapshot(struct trainer *trainer, bool epoch_ended, struct error *error);
/* train.c: at most every so often, unless always. */
bool trainer_tell_progress(struct trainer *trainer, bool always, struct error *error);
/* Of schedules and roll-backs, for the step after so many. */
double trainer_rate_scale(const struct trainer *trainer, uint64_t step);
/* train_batches.c. Registers what is gathered; of each class, for a step; after a step, with what
 * progress had summed before it. */
bool trainer_declare_batches(struct trainer *trainer, struct error *error);
struct loss_sum *trainer_class_sums(const struct trainer *trainer);
bool trainer_add_batch(struct trainer *trainer, const struct loss_sum *before, struct error *error);
void trainer_forget_batches(struct trainer *trainer); /* since the last report */
/* train_epoch.c */
bool trainer_end_epoch(struct trainer *trainer, struct error *error);
/* Seconds of an epoch: the median of the last ones that were whole; NAN: none was. */
double trainer_epoch_s(const struct trainer *trainer);
/* Weights and their running average trade places, where there is one. */
void trainer_swap_average(struct trainer *trainer);

/* ---- trouble (train_trouble.c) ---- */

/* Back to the best weights with a lower rate, where that may be done once more. */
bool trainer_can_roll_back(const struct trainer *trainer);
bool trainer_roll_back(struct trainer *trainer, struct error *error);
/* After a step whose loss is not finite: goes back, begins again, or fails. */
bool trainer_recover(struct trainer *trainer, struct error *error);
/* What the guard's policy says about what was seen. */
bool trainer_act(struct trainer *trainer, struct error *error);
/* The seed in force: another one after training began again. */
uint64_t trainer_seed(const struct trainer *trainer);

#endif
