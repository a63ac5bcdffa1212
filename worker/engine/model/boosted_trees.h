/*
 * Gradient-boosted trees as a model: a step is a round of boosting, which sees all training rows.
 *
 * One booster for classes, one for each target of a regression. Targets are scaled as a network's
 * are; the base score is what a tree would have to find first (the targets' mean, the class's
 * share), whatever their scale.
 *
 * The library's random numbers depend on how long its booster has been in memory. Where rows or
 * columns are drawn, boosters are therefore saved and taken up again on a fixed grid of rounds in
 * every run, and a resumed run goes back to the grid's last point and repeats the rounds since:
 * stopped or not, the trees are the same. Where nothing is drawn that is not needed.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_MODEL_BOOSTED_TREES_H
#define NIGHTJAR_WORKER_ENGINE_MODEL_BOOSTED_TREES_H

#include "common/buffer.h"
#include "worker/engine/model/flat_rows.h"
#include "worker/engine/model/model.h"
#include "worker/engine/model/xgboost.h"

enum trees_objective {
    OBJECTIVE_AUTO, /* squared_error; of classes the log loss */
    OBJECTIVE_SQUARED,
    OBJECTIVE_ABSOLUTE,
    OBJECTIVE_HUBER,
    OBJECTIVE_POISSON,
    OBJECTIVE_GAMMA,
};

struct boosted_trees_config {
    int objective; /* enum trees_objective */
    int method, growth;
    double rate;
    int64_t depth, leaves, bins, parallel;
    double min_child_weight, gamma, lambda, alpha, max_delta_step;
    double subsample, colsample_bytree, colsample_bylevel, colsample_bynode;
    struct setting_reals base_score; /* n == 0: fitted */
};

struct trees {
    struct model model; /* first: a model that is trees */
    struct model_plan plan;
    const struct boosted_trees_config *config;
    int64_t n_boosters;
    struct xgboost_booster **booster; /* owned, [n_boosters]; each NULL until it has a round */
    struct {                          /* registered */
        int64_t rounds;               /* that the boosters have */
        int64_t best;                 /* of them; 0: none was remembered */
    } at;
    bool recalled; /* only the best count */
    bool resumed;  /* taken up from a checkpoint, not yet advanced */

    struct flat_rows rows;          /* to predict from */
    struct xgboost_matrix *train;   /* owned; NULL before the first step */
    struct xgboost_matrix *watched; /* owned: rows that training asks for again and again */
    uint64_t watched_hash;          /* of their numbers; 0: none */
    float *label;                   /* owned, [n_boosters][n_train] */
    float *weight;                  /* owned, [n_train]; NULL: all 1 */
    double *base;                   /* owned, [n_boosters] */
    int64_t n_train;
    struct buffer saved; /* what trees_declare()'s source gave last */
};

/* ---- boosted_trees_rounds.c: boosters, round by round ---- */
/* Rows and truth of training; once. */
bool trees_take_rows(struct trees *trees, const struct model_step *step, struct error *error);
/* One more round for every booster. */
bool trees_boost(struct trees *trees, struct error *error);
/* A booster of the plan's settings, with the trees in data (NULL: none). */
bool trees_booster(const struct trees *trees, int64_t index, const void *data, uint64_t size,
                   struct xgboost_booster **ret, struct error *error);
bool trees_matrix(struct trees *trees, const struct sample_set *set, const int64_t *row, int64_t n,
                  struct xgboost_matrix **ret, struct error *error);

/* ---- boosted_trees_state.c: what survives ---- */
bool trees_declare(struct model *model, struct state *state, struct error *error);
/* The i-th booster, as many rounds of it as count; borrowed until the next call. */
bool trees_save(struct model *model, int64_t index, const char **ret_data, uint64_t *ret_size,
                struct error *error);
bool trees_load(struct model *model, int64_t index, const void *data, uint64_t size,
                struct error *error);
/* The boosters lose the rounds that do not count. */
bool trees_cut(struct trees *trees, struct error *error);

#endif
