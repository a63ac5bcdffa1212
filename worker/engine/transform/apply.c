#include "worker/engine/transform/apply.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/transform/affine.h"
#include "worker/engine/transform/select.h"

#define BLOCK_ROWS 256
#define BLOCK_VALUES ((int64_t)1 << 18) /* 2 MiB: stays in the cache */

struct load { /* how a column is read from a row */
    int64_t feature;
    struct column_map map;
};

struct applier {
    const struct preparation *preparation; /* borrowed */
    const struct dataset *dataset;         /* borrowed */
    struct load *load;                     /* owned, [n_loads]: columns that are read from rows */
    int64_t n_loads;
    int32_t **slot; /* owned, [n_features]: of a category's code, -1: unknown; NULL: numeric */
    int64_t n_transforms; /* as it was when this was made */
    int64_t n_folded;     /* transforms that load does */
    bool plain;           /* load does all, features are numeric, and no value is missing */
    int64_t most_steps;   /* of a sample on its way */
    int64_t block_samples;
    struct block block[2]; /* own their values */
    struct row_span *span; /* owned, [block_samples] */
};

void applier_free(struct applier **applier)
{
    struct applier *gone = *applier;

    if (!gone)
        return;
    for (int64_t i = 0; gone->slot && i < gone->preparation->n_features; i++)
        free(gone->slot[i]);
    free((void *)gone->slot);
    free(gone->load);
    free(gone->block[0].value);
    free(gone->block[1].value);
    free(gone->span);
    free(gone);
    *applier = NULL;
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "applying transforms");
}

/* ---- through blocks ---------------------------------------------------------------------------*/

static inline int64_t span_row(const struct row_span *span, int64_t step)
{
    int64_t row = span->first + step;

    row = row < span->low ? span->low : row;
    return row < span->high ? row : span->high - 1;
}

/* What a float says: a number, or the code of a category, which becomes the model's. */
static inline double read_value(const struct applier *applier, const struct load *load,
                                const float *row)
{
    float value = row[load->feature];

    if (isnan(value))
        return load->map.fill;
    if (applier->slot[load->feature])
        return applier->slot[load->feature][(int32_t)value];
    return (double)value * load->map.scale + load->map.offset;
}

static void load_block(const struct applier *applier, const struct row_span *span, int64_t n,
                       struct block *block)
{
    int64_t at = 0;

    block->n = n;
    block->steps = span->steps;
    block->width = applier->n_loads;
    for (int64_t i = 0; i < n; i++)
        for (int64_t t = 0; t < block->steps; t++, at++) {
            const float *row =
                applier->dataset->value + span_row(&span[i], t) * applier->dataset->n_features;

            for (int64_t j = 0; j < block->width; j++)
                block_column(block, j)[at] = read_value(applier, &applier->load[j], row);
        }
}

const struct block *applier_spans(struct applier *applier, const struct row_span *span, int64_t n)
{
    const struct preparation *preparation = applier->preparation;
    struct block *block = &applier->block[0];

    assert(n > 0 && n <= applier->block_samples);
    load_block(applier, span, n, block);
    for (int64_t i = applier->n_folded; i < applier->n_transforms; i++)
        block = transform_apply(&preparation->transform[i], block,
                                &applier->block[block == &applier->block[0]]);
    return block;
}

const struct block *applier_rows(struct applier *applier, const int64_t *row, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        applier->span[i] = row_span_single(row[i]);
    return applier_spans(applier, applier->span, n);
}

const struct block *applier_windows(struct applier *applier, const int64_t *row, int64_t n,
                                    int64_t shift, int64_t steps)
{
    for (int64_t i = 0; i < n; i++)
        applier->span[i] = (struct row_span){.first = row[i] + shift,
                                             .low = row[i] + shift,
                                             .high = row[i] + shift + steps,
                                             .steps = steps};
    return applier_spans(applier, applier->span, n);
}

int64_t applier_block_samples(const struct applier *applier)
{
    return applier->block_samples;
}

int64_t applier_block_rows(const struct applier *applier)
{
    return applier->block_samples * applier->most_steps;
}

/* ---- into batches -----------------------------------------------------------------------------*/

static void scatter(const struct block *block, int64_t first, struct tensor *x)
{
    for (int64_t j = 0; j < block->width; j++) {
        const double *from = block_column(block, j);

        for (int64_t i = 0; i < block->n; i++)
            for (int64_t t = 0; t < block->steps; t++)
                x->data[(t * x->rows + first + i) * x->width + j] =
                    (real)from[i * block->steps + t];
    }
}

static void gather_plain(const struct applier *applier, const struct row_span *span, int64_t at,
                         struct tensor *x)
{
    const struct load *load = applier->load;

    for (int64_t t = 0; t < span->steps; t++) {
        const float *from =
            applier->dataset->value + span_row(span, t) * applier->dataset->n_features;
        real *to = x->data + (t * x->rows + at) * x->width;

        for (int64_t j = 0; j < x->width; j++)
            to[j] = (real)((double)from[load[j].feature] * load[j].map.scale + load[j].map.offset);
    }
}

static void clear_after(int64_t steps, int64_t at, struct tensor *x)
{
    for (int64_t t = steps; t < x->steps; t++)
        memset(x->data + (t * x->rows + at) * x->width, 0, (size_t)x->width * sizeof(real));
}

/* How many of the next samples go through in one block. */
static int64_t alike(const struct applier *applier, const struct row_span *span, int64_t n)
{
    int64_t i = 1;

    while (i < n && i < applier->block_samples && span[i].steps == span[0].steps)
        i++;
    return i;
}

void applier_gather_spans(struct applier *applier, const struct row_span *span, int64_t n,
                          int64_t at, struct tensor *x, int32_t *length)
{
    assert(x->rows >= at + n && x->width == applier->preparation->width);
    for (int64_t i = 0, group; i < n; i += group) {
        int64_t steps = span[i].steps;

        group = applier->plain ? 1 : alike(applier, span + i, n - i);
        if (applier->plain) {
            gather_plain(applier, &span[i], at + i, x);
        } else {
            const struct block *block = applier_spans(applier, span + i, group);

            steps = block->steps;
            scatter(block, at + i, x);
        }
        for (int64_t k = i; k < i + group; k++) {
            clear_after(steps, at + k, x);
            if (length)
                length[k] = (int32_t)steps;
        }
    }
}

void applier_gather_rows(struct applier *applier, const int64_t *row, int64_t n, struct tensor *x)
{
    assert(x->rows == n && x->steps == applier->preparation->steps);
    for (int64_t i = 0, group; i < n; i += group) {
        group = n - i < applier->block_samples ? n - i : applier->block_samples;
        for (int64_t k = 0; k < group; k++)
            applier->span[k] = row_span_single(row[i + k]);
        for (int64_t k = 0; applier->plain && k < group; k++)
            gather_plain(applier, &applier->span[k], i + k, x);
        if (!applier->plain)
            scatter(applier_spans(applier, applier->span, group), i, x);
    }
}

/* ---- making one -------------------------------------------------------------------------------*/

static bool map_categories(struct applier *applier, int64_t at, struct error *error)
{
    const struct feature *feature = &applier->dataset->feature[at];
    const struct prepared_feature *fitted = &applier->preparation->feature[at];
    scoped(dictionary_release) struct dictionary known = {0};
    int32_t *slot = malloc(((size_t)feature->dictionary.n + 1) * sizeof(*slot));

    applier->slot[at] = slot;
    if (!slot)
        return no_memory(error);
    for (int32_t i = 0; i < fitted->n_categories; i++) {
        int32_t code;

        if (!dictionary_add(&known, fitted->category[i], strlen(fitted->category[i]), &code, error))
            return false;
    }
    for (int32_t i = 0; i < feature->dictionary.n; i++)
        slot[i] = dictionary_find(&known, feature->dictionary.text[i],
                                  strlen(feature->dictionary.text[i]));
    return true;
}

static bool fold_one(struct applier *applier, const struct transform *transform)
{
    bool affine = transform->kind->map == affine_map;

    if (!affine && transform->kind->apply != select_apply)
        return false;
    for (int64_t i = 0; i < transform->n_columns; i++) {
        struct load *load = &applier->load[transform->column[i]];

        if (affine)
            load->map = affine_compose(&load->map, transform_state(transform, i));
        else
            applier->load[i] = *load; /* columns ascend */
    }
    if (!affine)
        applier->n_loads = transform->n_columns;
    return true;
}

static void fold(struct applier *applier)
{
    const struct transform *transform = applier->preparation->transform;

    while (applier->n_folded < applier->n_transforms &&
           fold_one(applier, &transform[applier->n_folded]))
        applier->n_folded++;
    applier->plain = applier->n_folded == applier->n_transforms;
    for (int64_t i = 0; i < applier->n_loads; i++) {
        int64_t feature = applier->load[i].feature;

        applier->plain = applier->plain && !applier->slot[feature] &&
                         applier->dataset->feature[feature].n_missing == 0;
    }
}

static bool make_load(struct applier *applier, struct error *error)
{
    int64_t n = applier->preparation->n_features;

    applier->load = calloc((size_t)n + 1, sizeof(*applier->load));
    applier->slot = (int32_t **)calloc((size_t)n + 1, sizeof(*applier->slot));
    if (!applier->load || !applier->slot)
        return no_memory(error);
    applier->n_loads = n;
    for (int64_t i = 0; i < n; i++) {
        applier->load[i] = (struct load){.feature = i, .map = {.scale = 1, .fill = (double)NAN}};
        if (applier->dataset->feature[i].categorical && !map_categories(applier, i, error))
            return false;
    }
    fold(applier);
    return true;
}

/* The largest block that one sample needs on its way. */
static int64_t most_values(const struct preparation *preparation, int64_t *ret_steps)
{
    int64_t steps = preparation->window > 0 ? preparation->window : 1;
    int64_t most = steps * preparation->n_features;

    *ret_steps = steps;
    for (int64_t i = 0; i < preparation->n_transforms; i++) {
        const struct transform *transform = &preparation->transform[i];

        steps = transform->steps > 0 ? transform->steps : steps;
        most = steps * transform->width > most ? steps * transform->width : most;
        *ret_steps = steps > *ret_steps ? steps : *ret_steps;
    }
    return most;
}

static bool make_blocks(struct applier *applier, struct error *error)
{
    int64_t steps, most = most_values(applier->preparation, &steps);
    int64_t samples = BLOCK_ROWS / steps;

    samples = samples * most > BLOCK_VALUES ? BLOCK_VALUES / most : samples;
    samples = samples > 0 ? samples : 1;
    applier->block_samples = samples;
    applier->most_steps = steps;
    applier->span = calloc((size_t)samples, sizeof(*applier->span));
    for (int i = 0; i < 2; i++) {
        applier->block[i].value = calloc((size_t)(samples * most) + 1, sizeof(double));
        if (!applier->block[i].value || !applier->span)
            return no_memory(error);
    }
    return true;
}

bool applier_make(const struct preparation *preparation, const struct dataset *dataset,
                  struct applier **ret_applier, struct error *error)
{
    scoped(applier_free) struct applier *applier = calloc(1, sizeof(*applier));

    if (!applier)
        return no_memory(error);
    applier->preparation = preparation;
    applier->dataset = dataset;
    applier->n_transforms = preparation->n_transforms;
    if (!make_load(applier, error) || !make_blocks(applier, error))
        return false;
    *ret_applier = take(&applier);
    return true;
}

int64_t applier_unknown_rows(const struct applier *applier)
{
    const struct dataset *dataset = applier->dataset;
    int64_t unknown = 0, n_categorical = 0;

    for (int64_t i = 0; i < dataset->n_features; i++)
        n_categorical += applier->slot[i] != NULL;
    for (int64_t row = 0; n_categorical > 0 && row < dataset->n_rows; row++)
        for (int64_t i = 0; i < dataset->n_features; i++) {
            float code = dataset->value[row * dataset->n_features + i];

            if (!applier->slot[i] || isnan(code) || applier->slot[i][(int32_t)code] >= 0)
                continue;
            unknown++;
            break;
        }
    return unknown;
}
