/*
 * One update of all parameters: gradients of several batches put together, clipped, regularised,
 * handed to the optimizer group by group, and the weights' running average.
 *
 * A group is the parameters that the rules (train.parameters) treat alike; a slice is what lies
 * side by side in the arena and is of one group. Without rules there is one slice: the arena.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_OPTIMIZER_UPDATE_H
#define NIGHTJAR_WORKER_ENGINE_OPTIMIZER_UPDATE_H

#include "common/error.h"
#include "worker/engine/optimizer/optimizer.h"
#include "worker/engine/rule/rule.h"
#include "worker/engine/state.h"

#include <stdbool.h>
#include <stdint.h>

struct clip_config {
    double value; /* largest size of a gradient's element; 0: any */
    double norm;  /* largest length of the whole gradient; 0: any */
};

struct update_plan { /* all borrowed; all-zero: nothing is ever updated */
    const struct kind_choice *optimizer;
    const struct kind_choices *rules; /* of rule_registry; NULL: none */
    struct clip_config clip;
    int64_t accumulate; /* batches of an update; 0 is 1 */
    double average;     /* decay of the weights' running average; 0: none */
};

struct update_parameter {     /* what the arena holds, in its order */
    const char *name;         /* borrowed while update_init runs */
    int64_t offset, elements; /* with what aligns it; the next one begins where it ends */
    bool is_vector;           /* a bias or gain */
};

struct update_group {
    struct treatment treatment;
    struct optimizer_memory memory;
};
struct update_slice {
    int64_t offset, n;
    int group;
};
struct update_progress {
    int64_t updates;
    int64_t gathered; /* batches whose gradients wait */
};

struct update { /* all-zero is a valid empty one */
    struct update_plan plan;
    int64_t n_elements;
    real *moment[OPTIMIZER_MOMENTS_MAX]; /* owned arenas */
    int n_moments;
    real *average;              /* owned arena; NULL: none is kept */
    struct update_group *group; /* owned */
    int n_groups;
    struct update_slice *slice; /* owned */
    int n_slices;
    struct update_progress at;
};

/* Arenas that an update of this plan will own. */
int update_arenas(const struct update_plan *plan);
/* As update_init refuses, without an arena. */
bool update_check(const struct update_plan *plan, const struct update_parameter *parameter,
                  int n_parameters, struct error *error);
/* INVALID at "train.parameters[i]" for a rule that speaks of no parameter, or where nothing is left
 * that could move. */
bool update_init(struct update *ret_update, const struct update_plan *plan,
                 const struct update_parameter *parameter, int n_parameters, int64_t n_elements,
                 struct error *error);
void update_release(struct update *update);
/* Registers all that survives a step; `gradient` too where it is gathered over several. */
bool update_declare(struct update *update, real *gradient, struct state *state,
                    struct error *error);

/* Whether the element at `offset` of the arena stays as it is in this epoch (from 0). */
bool update_frozen(const struct update *update, int64_t offset, int64_t epoch);

struct update_moment {
    const struct kernel *kernel;
    int64_t epoch;     /* from 0 */
    double rate_scale; /* of the schedules */
    bool last;         /* of an epoch: what was gathered is used */
};
/* Whether the next update, of this gradient, is large enough to show in some of the n values at
 * `offset` of the arena: rounding swallows a smaller one. */
bool update_shows(const struct update *update, const real *value, const real *gradient,
                  int64_t offset, int64_t n, const struct update_moment *moment);
/* Takes the gradient of one more batch. When enough are gathered the weights move and the gradient
 * is cleared. */
void update_step(struct update *update, real *value, real *gradient,
                 const struct update_moment *moment);
/* Weights and running average trade places; nothing where no average is kept. */
void update_swap_average(struct update *update, real *value);
/* As before the first update; a running average begins again with the weights at the next. */
void update_forget(struct update *update);

#endif
