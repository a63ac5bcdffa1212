/*
 * A network: layers, each of which takes the output of one or several before it, all weights in one
 * arena, all buffers of its passes in one block.
 *
 * What is here beyond struct model serves tests and tools; the trainer uses model.h alone.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_MODEL_NETWORK_H
#define NIGHTJAR_WORKER_ENGINE_MODEL_NETWORK_H

#include "common/spec/expression.h"
#include "worker/engine/kernel/kernel.h"
#include "worker/engine/layer/layer.h"
#include "worker/engine/loss/loss.h"
#include "worker/engine/model/model.h"
#include "worker/engine/model/network_graph.h"
#include "worker/engine/optimizer/update.h"

#define NETWORK_LAYERS_MAX 1024
#define NETWORK_VARIABLES 7

struct network_pass {
    struct pass pass;
    real *block; /* borrowed: everything of type real */
    struct tensor input[SAMPLE_INPUTS_MAX];
    int32_t *length[SAMPLE_INPUTS_MAX]; /* owned, [capacity]; NULL: the input does not vary */
    struct tensor *output;              /* owned, [n_layers] */
    struct tensor *gradient; /* owned, [n_layers]: of the outputs; where only the next layer takes
                                one, they take turns in two buffers */
    bool *filled;            /* owned, [n_layers]: gradients that a layer has given already */
    real *added[LAYER_INPUTS_MAX]; /* where further gradients of an output wait to be added */
    int32_t *out_length;           /* owned, [n_layers][capacity]; NULL: no input varies */
    real **buffer;                 /* owned, [n_layers][LAYER_BUFFERS_MAX] */
    uint64_t *row_id;              /* owned, [capacity], as the next four */
    int32_t *label;
    double *weight;
    bool weighted;  /* whether the set has weights */
    double divisor; /* of the batch that these rows are a part of; 0: they are all of it */
    real *target;   /* [capacity][n_outputs] */
    double *row_loss;
    /* Of stateful networks: */
    int64_t *previous; /* owned, [capacity]: the sample that a row's carried state comes from;
                          -1: none. NULL: nothing is carried */
    real *carried;     /* [n_carried], of all layers */
    int64_t n_carried;
};

struct inspection { /* registered: what was told */
    int64_t told;
    double first; /* size of the first step's gradient */
};

struct network {
    struct model model; /* first: a model that is a network */
    struct model_plan plan;
    struct layer *layer;     /* owned */
    struct graph_node *node; /* owned, of each layer */
    int n_layers;
    struct expression_variable variable[NETWORK_VARIABLES];
    struct loss loss;
    const struct kernel *kernel;
    real *value, *gradient; /* owned arenas, [n_elements]; gradient NULL: it only predicts */
    real *best;             /* owned, NULL until declared */
    struct update update;   /* all-zero: it only predicts */
    struct inspection inspection;
    bool draws;         /* some layer does, for each row */
    int64_t cut_rows;   /* of a batch whose rows go through alone: so many at a time stay in the
                           cache */
    int64_t n_elements; /* of an arena: parameters and what aligns them */
    int64_t n_learnt;   /* the first ones, which the optimizer moves; the others are state */
    struct network_pass training, predicting;
    bool prefetches;                /* prefetch_pays() */
    uint16_t *packed, *packed_room; /* owned; NULL until network_quicken() */
    real
        *block; /* owned: what both passes work in, one at a time; of a stateful network, in turn */
};

extern const struct model_kind model_network;

void network_free(struct model *model);
bool network_build(const struct model_plan *plan, struct model **ret_model, struct error *error);
bool network_measure(const struct model_plan *plan, int64_t *ret_parameters, int64_t *ret_memory,
                     struct error *error);

/* Predictions of a sample: one, or one for each of its steps. */
static inline int64_t network_truth_steps(const struct network *network)
{
    return network->plan.truth_steps > 1 ? network->plan.truth_steps : 1;
}

/* Most rows that a trip of training has room for: a batch, or a part of one. */
static inline int64_t network_trip_rows(const struct network *network)
{
    int64_t batch = network->plan.batch, parts = network->plan.parts;

    return parts > 1 ? (batch + parts - 1) / parts : batch;
}

/* First values for all parameters, by the plan's seed. */
bool network_fill(struct network *network, struct error *error);

/* Predictions in bfloat16 tiles from here on, of weights that stay as they are. */
bool network_quicken(struct model *model, const struct bf16x3_kernel *kernel, struct error *error);

/* The parameter of that name ("dense1.weight"); NULL: none. */
struct parameter *network_parameter(struct network *network, const char *name);

/* A forward trip in training mode of at most network_trip_rows() rows, and its loss; with
 * `backward` the gradients of the mean loss are added to the parameters'. The optimizer takes no
 * step. */
void network_trip(struct network *network, const struct model_step *step, bool backward,
                  struct loss_sum *sum);

#endif
