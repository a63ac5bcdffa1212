/*
 * What survives: the numbers of rounds, and the boosters' trees.
 *
 *   a checkpoint's piece "trees": for each booster its size (uint64) and its bytes
 */
#include <string.h>

#include "common/owner.h"
#include "worker/engine/model/boosted_trees.h"

#define PIECE "trees"

static struct trees *trees_of(struct model *model)
{
    return (struct trees *)model;
}

/* ---- checkpoints ---- */

static bool save_all(void *context, const void **ret_data, uint64_t *ret_size, struct error *error)
{
    struct trees *trees = context;

    buffer_clear(&trees->saved);
    for (int64_t i = 0; i < trees->n_boosters && trees->at.rounds > 0; i++) {
        const char *data;
        uint64_t size;

        if (!xgboost_save(trees->booster[i], &data, &size, error) ||
            !buffer_append(&trees->saved, &size, sizeof(size), error) ||
            !buffer_append(&trees->saved, data, size, error))
            return false;
    }
    *ret_data = trees->saved.data ? trees->saved.data : "";
    *ret_size = trees->saved.size;
    return true;
}

/* The next booster's bytes; NULL: there are none. */
static const char *next_part(const char **at, const char *end, uint64_t *ret_size)
{
    const char *part = *at + sizeof(*ret_size);

    if (end - *at < (int64_t)sizeof(*ret_size))
        return NULL;
    memcpy(ret_size, *at, sizeof(*ret_size));
    if (*ret_size > (uint64_t)(end - part))
        return NULL;
    *at = part + *ret_size;
    return part;
}

static bool load_all(void *context, const void *data, uint64_t size, struct error *error)
{
    struct trees *trees = context;
    const char *at = data, *end = at + size;

    for (int64_t i = 0; i < trees->n_boosters && size > 0; i++) {
        uint64_t part_size = 0;
        const char *part = next_part(&at, end, &part_size);

        if (!part)
            return error_set(error, ERROR_IO, "its trees end early");
        if (!trees_load(&trees->model, i, part, part_size, error))
            return false;
    }
    trees->resumed = true;
    return true;
}

/* The best rounds are the first of all, so that both kinds of checkpoint hold the same. */
bool trees_declare(struct model *model, struct state *state, struct error *error)
{
    struct trees *trees = trees_of(model);
    const struct state_source source = {.context = trees, .save = save_all, .load = load_all};

    for (int i = 0; i < state->n; i++)
        if (strcmp(state->piece[i].name, PIECE) == 0)
            return true;
    return state_add(state, "rounds", &trees->at, sizeof(trees->at), error) &&
           state_add_source(state, PIECE, &source, error);
}

/* ---- model files ---- */

bool trees_cut(struct trees *trees, struct error *error)
{
    int64_t rounds = trees->at.best;

    if (!trees->recalled || rounds == 0 || rounds == trees->at.rounds)
        return true;
    for (int64_t i = 0; i < trees->n_boosters; i++) {
        scoped(xgboost_booster_free) struct xgboost_booster *part = NULL;

        if (!xgboost_slice(trees->booster[i], rounds, &part, error))
            return false;
        xgboost_booster_free(&trees->booster[i]);
        trees->booster[i] = take(&part);
    }
    trees->at.rounds = rounds;
    return true;
}

bool trees_save(struct model *model, int64_t index, const char **ret_data, uint64_t *ret_size,
                struct error *error)
{
    struct trees *trees = trees_of(model);

    return trees_cut(trees, error) &&
           xgboost_save(trees->booster[index], ret_data, ret_size, error);
}

bool trees_load(struct model *model, int64_t index, const void *data, uint64_t size,
                struct error *error)
{
    struct trees *trees = trees_of(model);
    scoped(xgboost_booster_free) struct xgboost_booster *booster = NULL;
    int64_t rounds;

    if (!trees_booster(trees, index, data, size, &booster, error) ||
        !xgboost_rounds(booster, &rounds, error))
        return false;
    xgboost_booster_free(&trees->booster[index]);
    trees->booster[index] = take(&booster);
    trees->at.rounds = rounds;
    return true;
}
