/*
 * State of a column: how many numbers there are, then that of category 0, 1, ...; 0 is everything
 * that has no number of its own, and where an embedding begins.
 */
#include "worker/engine/transform/categories.h"
#include "worker/engine/transform/kinds.h"

#include <stdlib.h>

#include "common/owner.h"

struct tokens_config {
    struct transform_config base;
    int64_t vocabulary;
};

static const struct setting tokens_settings[] = {
    TRANSFORM_SETTINGS(struct tokens_config),
    SETTING_INTEGER(struct tokens_config, vocabulary, 10000, 1, 1 << 22, "categories",
                    "The most frequent categories of the training rows have numbers of their own; "
                    "all others share 0."),
    {0},
};

struct counted {
    double rows;
    int64_t category;
};

/* The first in the order of categories where several are as frequent. */
static int more_first(const void *left, const void *right)
{
    const struct counted *a = left, *b = right;

    if (a->rows != b->rows)
        return a->rows > b->rows ? -1 : 1;
    return a->category < b->category ? -1 : 1;
}

/* state: the counts, which become numbers. */
static bool number(double *state, int64_t n_categories, int64_t vocabulary, struct error *error)
{
    scoped(memory_free) struct counted *counted =
        calloc((size_t)n_categories + 1, sizeof(*counted));

    if (!counted)
        return error_set(error, ERROR_NO_MEMORY, "fitting transforms");
    for (int64_t i = 0; i < n_categories; i++)
        counted[i] = (struct counted){state[1 + i], i};
    qsort(counted, (size_t)n_categories, sizeof(*counted), more_first);
    state[0] = 1;
    for (int64_t i = 0; i < n_categories; i++) {
        bool own = i < vocabulary && counted[i].rows > 0;

        state[1 + counted[i].category] = own ? (double)(i + 1) : 0;
        state[0] += own;
    }
    return true;
}

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct tokens_config *config = fitting->config;
    struct transform *transform = fitting->transform;
    int64_t rows;

    if (!categories_count(fitting, 1, &rows, error))
        return false;
    for (int64_t i = 0; i < transform->n_columns; i++)
        if (!number(transform_state(transform, i), transform_state_size(transform, i) - 1,
                    config->vocabulary, error))
            return false;
    for (int64_t i = 0; i < transform->n_columns; i++)
        fitting->layout->column[transform->column[i]].n_tokens =
            (int64_t)transform_state(transform, i)[0];
    return true;
}

static void map(const double *state, int64_t n_state, double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = x[i] >= 0 && x[i] < (double)(n_state - 1) ? state[1 + (int64_t)x[i]] : 0;
}

const struct transform_kind transform_tokens = {
    .kind = {.name = "tokens",
             .help =
                 "A category becomes a number for an embedding, from 1 by frequency; 0 where it "
                 "is missing, rare or was never seen.",
             .config_size = sizeof(struct tokens_config),
             .settings = tokens_settings},
    .sort = LAYOUT_CATEGORIES,
    .n_state = TRANSFORM_STATE_VARIES,
    .fit = fit,
    .map = map,
};
