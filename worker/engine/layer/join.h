/*
 * What the layers that join branches share: the setting `of`, and shapes that are alike.
 *
 * Where rows have lengths of their own, a row is as long as its longest branch. Each step is made
 * of the branches that have it; `concat` keeps the places of the others, with zeros.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_LAYER_JOIN_H
#define NIGHTJAR_WORKER_ENGINE_LAYER_JOIN_H

#include "worker/engine/layer/layer.h"

#define JOIN_SETTINGS                                                                            \
    SETTING_TEXTS(struct layer_join_config, of, 0, LAYER_INPUTS_MAX,                             \
                  "Branches, or inputs of the data, by name; none: all branches since the last " \
                  "join.")

extern const struct setting join_settings[];

struct join { /* a joining layer's memory */
    int n;
    int64_t width[LAYER_INPUTS_MAX]; /* of each input */
};

/* For layers that take equal shapes and give the same. */
bool join_build(struct layer *layer, const struct shape *in, int n_in, struct shape *ret_out,
                struct error *error);
/* INVALID where the steps differ. */
bool join_check_steps(const struct layer *layer, const struct shape *in, int n_in,
                      struct error *error);
/* For layers whose dx is dy, or begins with it. */
void join_give(const struct tensor *dy, struct tensor *dx);
int64_t join_size(const struct tensor *tensor); /* elements */
/* Whether some rows have more steps in one input than in another. */
bool join_differs(const struct join *join, const struct tensor *const x[]);
bool join_has(const struct tensor *x, int64_t step, int64_t row);

#endif
