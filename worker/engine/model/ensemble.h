/*
 * Several stored models as one: their predictions, averaged or stacked.
 *
 * Each item of `of` is a learner: an experiment, or several that are alike, such as the folds of
 * one, whose mean it is. What a learner predicts is found by the names of targets and classes, so
 * that learners of single targets make a model of all of them.
 *
 *   ensemble.c           the descriptor: building, predictions, the model file
 *   ensemble_member.c    one stored model: opened, given rows
 *   ensemble_weights.c   what each learner counts
 */
#ifndef NIGHTJAR_WORKER_ENGINE_MODEL_ENSEMBLE_H
#define NIGHTJAR_WORKER_ENGINE_MODEL_ENSEMBLE_H

#include "common/buffer.h"
#include "worker/engine/pipeline.h"
#include "worker/engine/tensor.h"

#define ENSEMBLE_MEMBERS_MAX 1000

enum ensemble_by { ENSEMBLE_MEAN, ENSEMBLE_SCORE, ENSEMBLE_STACK };

struct ensemble_config {
    struct setting_texts of;
    int by; /* enum ensemble_by */
    struct setting_reals weights;
    char *metric;
    struct setting_reals threshold; /* one or none */
};

struct member {
    int64_t learner;
    char *name; /* owned: an experiment's number or a path */
    char *path; /* owned: the model file; NULL: not looked for */
    struct buffer bytes;
    struct stored_model stored;
    bool opened;
    struct samples *samples; /* owned: of the data set that was asked about last */
    int64_t *column;         /* owned, [outputs]: which of its numbers is that output; -1: none */
};

struct ensemble {
    struct model model; /* first */
    struct model_plan plan;
    const struct ensemble_config *config;
    struct member *member; /* owned, [n_members] */
    int64_t n_members, n_learners;
    real *weight;                  /* owned, [n_learners] */
    const struct dataset *dataset; /* of the members' samples */
};

/* The experiments and files of an item: how many, and the k-th one's name, owned by the caller. */
int64_t ensemble_count(const char *item);
bool ensemble_name(const char *item, int64_t k, char **ret, struct error *error);

/* Whether figures of test rows decide what learners count. */
bool ensemble_chooses_by_test(const struct ensemble_config *config);

void member_release(struct member *member);
/* Finds the file, unless its bytes are there already, and opens it. */
bool member_open(const struct ensemble *ensemble, struct member *member, struct error *error);
/* Finds which of its numbers are the set's outputs. INVALID where none is. */
bool member_match(struct member *member, const struct sample_set *set, struct error *error);
/* INVALID where the data set has not the member's features. */
bool member_take_dataset(struct member *member, const struct dataset *dataset, struct error *error);
/* A final metric of its run. */
bool member_score(const struct member *member, const char *metric, double *ret,
                  struct error *error);

/* A learner's mean predictions of rows, [n][outputs]; NAN: of outputs that it has not. `left_out`
 * [members][data set's rows]: a member is not asked about rows that are marked, and INVALID where
 * no member is left; NULL: all are asked. */
struct ensemble_rows {
    const int64_t *row; /* [n] */
    int64_t n;
};
bool ensemble_learner(struct ensemble *ensemble, int64_t learner, const struct ensemble_rows *rows,
                      const int8_t *left_out, double *ret_mean, struct error *error);

/* Fills ensemble->weight. */
bool ensemble_weigh(struct ensemble *ensemble, const struct model_step *step, struct error *error);

extern const struct model_kind model_ensemble;

#endif
