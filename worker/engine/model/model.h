/*
 * Models: what training improves step by step and prediction asks. A network advances by a batch,
 * trees by a boosting round; the trainer, checkpoints and evaluation see only this.
 *
 * A model's predictions are in the task's own terms, row by row and in double: probabilities
 * [n][n_classes] in classification, values in the targets' own units [n][n_targets] in regression,
 * each row followed by the parameters of the targets' distributions where the loss predicts them.
 * Where each step of a sample has a truth there are so many rows a sample, step by step;
 * model_predict_rows() makes one of each row of them.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_MODEL_MODEL_H
#define NIGHTJAR_WORKER_ENGINE_MODEL_MODEL_H

#include "common/error.h"
#include "common/spec/setting.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/kernel/bf16x3.h"
#include "worker/engine/logits.h"
#include "worker/engine/loss/loss.h"
#include "worker/engine/optimizer/update.h"
#include "worker/engine/state.h"
#include "worker/engine/tensor.h"

#include <stdbool.h>
#include <stdint.h>

struct model_plan {                    /* all borrowed, and needed as long as the model lives */
    const struct kind_choices *layers; /* the spec's "model": kinds of model_registry */
    const struct kind_choice *loss;    /* train.loss: says what outputs mean */
    struct update_plan update;         /* how weights move; all-zero: the model only predicts */
    int64_t batch;                     /* most rows of a step; 0: the model only predicts */
    int64_t configured_batch; /* train.batch, also where the model only predicts: for formulas */
    int64_t parts;            /* in which a step is worked out, one after the other; 0 is 1 */
    bool divides;             /* there may be several parts, in this run or a later one */
    bool doubled;             /* its numbers will be double, whatever they are here */
    enum task task;
    const struct sample_input *input; /* [n_inputs] */
    int n_inputs;
    int64_t truth_steps;                        /* as of the samples; 0 is 1 */
    int64_t n_classes, n_targets;               /* the one that the task has; the other is 0 */
    const double *target_offset, *target_scale; /* [n_targets]; regression */
    int long_targets; /* enum long_targets of data.h: a model of one target learns all of them */
    uint64_t seed;    /* initial weights */
    const char *cwd, *runs; /* where other experiments' models are found; NULL: not known */
};

struct model_step { /* which samples, and where randomness stands */
    const struct sample_set *set;
    const int64_t *row; /* [n] */
    int64_t n;
    const int64_t *soon; /* [n_soon]: of the step after this one, where that is known */
    int64_t n_soon;
    uint64_t seed;
    uint64_t step;              /* from 1 */
    int64_t epoch;              /* from 0 */
    double rate_scale;          /* of the schedules; 1: the rate as configured */
    bool first, last;           /* of its epoch */
    bool inspect;               /* look at gradients and units, and warn (report.h) */
    bool *ret_serious;          /* NULL, or becomes whether nothing can be learnt like this */
    struct loss_sum *class_sum; /* NULL, or a network adds what its rows lose: [n_classes] */
};

struct model_array {  /* what a model file stores */
    const char *name; /* "dense1.weight" */
    real *value;      /* [rows][columns]; writable: loading a model fills it */
    int64_t rows, columns;
};

struct model; /* below */

struct model_kind {
    struct kind kind; /* "type" in a spec, of all but the network, which is its layers */
    bool whole;       /* a step sees all training rows: train.batch and train.shuffle are not read,
                         nor the loss and the optimizer */
    bool single;      /* one step is all that there is */
    bool own_units;   /* predicts targets, not their logarithms, where those are learned */
    /* What is wrong with the model is told with its place: model[2].units. */
    bool (*build)(const struct model_plan *plan, struct model **ret_model, struct error *error);
    bool (*measure)(const struct model_plan *plan, int64_t *ret_parameters, int64_t *ret_memory,
                    struct error *error);
    void (*free)(struct model *model);
    /* Registers all that survives a step. */
    bool (*declare)(struct model *model, struct state *state, struct error *error);
    /* Registers room for what remember() keeps. */
    bool (*declare_best)(struct model *model, struct state *state, struct error *error);
    void (*remember)(struct model *model); /* keeps what it is now as the best so far */
    void (*recall)(struct model *model);   /* becomes that again */
    /* It and its running average trade places, where it keeps one. NULL: no kind that does. */
    void (*swap_average)(struct model *model);
    /* As before its first step, with the weights that it has. NULL: it never goes back. */
    void (*forget)(struct model *model);
    /* As one that was built with another seed. NULL: seeds decide nothing. */
    bool (*reseed)(struct model *model, uint64_t seed, struct error *error);
    /* One step; adds the training loss of its samples to *sum. */
    bool (*advance)(struct model *model, const struct model_step *step, struct loss_sum *sum,
                    struct error *error);
    /* ret_prediction (may be NULL) as above; *sum (may be NULL) gets the loss added. Draws nothing
     * at random. */
    bool (*predict)(struct model *model, const struct sample_set *set, const int64_t *row,
                    int64_t n, double *ret_prediction, struct loss_sum *sum, struct error *error);
    /* From here on predictions are computed in bfloat16 tiles, once the weights are what they stay.
     * Once. NULL: it has no such products. */
    bool (*quicken)(struct model *model, const struct bf16x3_kernel *kernel, struct error *error);
    /* save and load: the i-th array; false beyond the last */
    bool (*array)(struct model *model, int64_t index, struct model_array *ret_array);
    /* What is no array: the piece's bytes, borrowed until the next call. NULL: no pieces. */
    bool (*save)(struct model *model, int64_t index, const char **ret_data, uint64_t *ret_size,
                 struct error *error);
    bool (*load)(struct model *model, int64_t index, const void *data, uint64_t size,
                 struct error *error);
    /* What splits by each input gained in all, and how many there are. NULL: it cannot tell. */
    bool (*importance)(struct model *model, double *ret_gain, double *ret_splits,
                       struct error *error);
};
extern const struct kind_registry model_registry; /* and, as its more, layer_registry */

struct model {
    const struct model_kind *kind;
    int64_t n_parameters;
    int64_t memory;            /* bytes that it holds: weights, gradients, moments, buffers */
    int64_t n_outputs_per_row; /* length of one row's prediction: n_classes; or n_targets, and after
                                  them the parameters of each target's distribution */
    struct distribution_shape distribution;
    int64_t n_pieces;      /* for save() and load() */
    int64_t n_asked;       /* features behind those of its inputs that say which target is meant
                              (long_targets.h), also for importance(); 0: none */
    bool stateful;         /* what it makes of a sample depends on those before it that it is asked
                              about in the same call, and in the same epoch's steps */
    int64_t n_logits;      /* outputs of a network before they become probabilities; 0: no such */
    struct logits *logits; /* borrowed; where not NULL, predict() adds them */
    bool raw; /* predict() gives them instead of probabilities: of one for two classes 0 and it */
};

/* What a spec's list is: layers make a network. */
const struct model_kind *model_kind_of(const struct kind_choices *layers);

/* What is wrong with the model is told with its place: model[2].units. */
bool model_build(const struct model_plan *plan, struct model **ret_model, struct error *error);
void model_free(struct model **model);
/* What model_build would give, without allocating: parameters and bytes. */
bool model_measure(const struct model_plan *plan, int64_t *ret_parameters, int64_t *ret_memory,
                   struct error *error);

/* Calls through the kind. */
bool model_predict(struct model *model, const struct sample_set *set, const int64_t *row, int64_t n,
                   double *ret_prediction, struct loss_sum *sum, struct error *error);
/* A prediction of each of the rows (told.h), in any order: [n][n_outputs_per_row]. `samples`: those
 * that tell them, ascending; not looked at where samples and rows are the same. `batch`: samples at
 * a time; 0: as it likes. *sum (may be NULL) gets the loss of all steps of the samples that are
 * asked. */
bool model_predict_rows(struct model *model, const struct sample_set *set,
                        const struct row_list *samples, const int64_t *row, int64_t n,
                        int64_t batch, double *ret_prediction, struct loss_sum *sum,
                        struct error *error);
/* For the kinds that have no loss of their own: log loss of classes, squared errors of numbers in
 * the units of training. Predictions as the kind gives them. */
void model_add_loss(const struct model_kind *kind, const struct model_plan *plan,
                    const struct sample_set *set, const int64_t *row, int64_t n,
                    const double *prediction, struct loss_sum *sum);
bool model_quicken(struct model *model, const struct bf16x3_kernel *kernel, struct error *error);
bool model_array(struct model *model, int64_t index, struct model_array *ret_array);

#endif
