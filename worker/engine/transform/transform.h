/*
 * Transforms: what happens to features between the file and the model. One file a kind, one
 * descriptor a file, listed in registry.c.
 *
 * A preparation (preparation.h) is a list of fitted transforms. Values go through it in blocks:
 * samples of so many steps (1 for the rows of a table), each column's values together, the steps of
 * a sample one after the other. A kind either maps values in place (`map`) or makes other columns
 * or steps of them (`apply`). What it learnt from the training rows, and all of its settings that
 * matter afterwards, is its state: numbers, per column, which travel with the model.
 *
 * Fitting sees training rows only, as the transforms before it leave them, a block at a time and as
 * often as it likes (row_stream.h).
 */
#ifndef NIGHTJAR_WORKER_ENGINE_TRANSFORM_TRANSFORM_H
#define NIGHTJAR_WORKER_ENGINE_TRANSFORM_TRANSFORM_H

#include "common/error.h"
#include "common/spec/setting.h"
#include "worker/engine/dataset/warning.h"
#include "worker/engine/transform/layout.h"

#include <stdbool.h>
#include <stdint.h>

/* Every transform's config begins with this. */
struct transform_config {
    struct setting_texts columns; /* n == 0: all that the kind can work on */
    int fit_on;                   /* enum fit_on */
    bool together;                /* one scale for all columns */
};
enum fit_on { FIT_ON_TRAIN, FIT_ON_ALL };
extern const char *const fit_on_names[];
#define TRANSFORM_SETTINGS(config)                                                                 \
    {                                                                                              \
        .name = "columns", .type = SETTING_TYPE_TEXTS,                                             \
        .offset = SETTING_OFFSET(config, base.columns, struct setting_texts), .max_items = 100000, \
        .unit = "",                                                                                \
        .help = "Columns to transform. Left out: all that hold numbers, or categories, as the "    \
                "transform needs them."                                                            \
    }

#define TRANSFORM_FIT_ON(config)                                                                \
    {                                                                                           \
        .name = "fit_on", .type = SETTING_TYPE_CHOICE,                                          \
        .offset = SETTING_OFFSET(config, base.fit_on, int), .initial = FIT_ON_TRAIN,            \
        .choices = fit_on_names, .unit = "",                                                    \
        .help = "The rows to learn from. With train+test, which means all parts of the split, " \
                "every number of the experiment is marked LEAK."                                \
    }
#define TRANSFORM_TOGETHER(config)                                                        \
    {                                                                                     \
        .name = "together", .type = SETTING_TYPE_BOOLEAN,                                 \
        .offset = SETTING_OFFSET(config, base.together, bool), .unit = "",                \
        .help = "One scale for all columns, which keeps what they say beside each other." \
    }

struct block {
    double *value; /* [width][n * steps] */
    int64_t n, steps, width;
};
static inline int64_t block_rows(const struct block *block)
{
    return block->n * block->steps;
}
static inline double *block_column(const struct block *block, int64_t column)
{
    return block->value + column * block_rows(block);
}

struct transform { /* fitted */
    const struct transform_kind *kind;
    int64_t *column; /* owned, [n_columns]: of those that come in, ascending */
    int64_t n_columns;
    int64_t *first; /* owned, [n_columns + 1]: a column's state begins here */
    double *state;  /* owned, [first[n_columns]] */
    int64_t width;  /* of what comes out */
    int64_t steps;  /* the same; 0: as many as come in */
    bool stored;    /* goes along whole recordings, before there are windows */
};
void transform_release(struct transform *transform);
/* Room for `each` numbers a column, all 0. */
bool transform_give_state(struct transform *transform, int64_t each, struct error *error);
static inline double *transform_state(const struct transform *transform, int64_t i)
{
    return transform->state + transform->first[i];
}
static inline int64_t transform_state_size(const struct transform *transform, int64_t i)
{
    return transform->first[i + 1] - transform->first[i];
}

/* The same transform on a block. `out`: for kinds with apply(); its value has room. Returns the
 * block that holds the result: `in` where it was mapped in place. */
struct block *transform_apply(const struct transform *transform, struct block *in,
                              struct block *out);

struct row_stream;
struct prepared_feature;
struct dataset;
struct fitting {
    const void *config;
    const char *path; /* where it stands: "prepare[2]" */
    const struct dataset *dataset;
    struct prepared_feature *feature; /* what categories are called */
    struct row_stream *rows;          /* to learn from */
    struct layout *layout;            /* of what comes in; fit() makes it that of what comes out */
    struct transform *transform;      /* kind and columns are set */
    double rate; /* steps in a second, where they are rows and data.rate says it; 0: not known */
    struct warning_list *warnings;
};

#define TRANSFORM_STATE_VARIES (-1)
struct transform_kind {
    struct kind kind;
    enum layout_sort sort; /* of the columns that it works on */
    int64_t n_state; /* numbers that a column has; TRANSFORM_STATE_VARIES: as many as fit() likes */
    bool along;      /* map() takes the steps of a sample, which follow one another */
    bool pooled;     /* along recordings across their gaps: map() takes all rows of one */
    bool needs_values; /* map() takes no missing ones: training rows that have some are refused */
    bool makes_steps;  /* what comes out has steps of its own number */
    bool grows;        /* map() may make more of a value than a real holds */
    /* Gives the transform its state, and changes the layout where the kind has apply(). NULL: does
     * nothing to values (window). */
    bool (*fit)(struct fitting *fitting, struct error *error);
    /* In place; x: a column's values, NAN where missing. */
    void (*map)(const double *state, int64_t n_state, double *x, int64_t n);
    /* Undoes map(); NULL: that cannot be undone. */
    void (*unmap)(const double *state, int64_t n_state, double *x, int64_t n);
    /* Instead of map(): fills out->value; its n, steps and width are set. */
    void (*apply)(const struct transform *transform, const struct block *in, struct block *out);
};

extern const struct kind_registry transform_registry;

#endif
