#include "worker/engine/transform/apply.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/prefetch.h"
#include "worker/engine/dataset/window.h"
#include "worker/engine/kernel/kernel.h"
#include "worker/engine/transform/affine.h"
#include "worker/engine/transform/select.h"
#include "worker/engine/transform/words.h"

#define BLOCK_ROWS \
    248 /* columns that are a power of two apart would share a few lines of the cache */
#define PIECE_VALUES 1024 /* of each sample in turn */
#define AHEAD_VALUES 1024 /* are under way from the memory, or a sample's next steps */
#define SINGLES_MAX 256
#define SINGLE_ROWS 16 /* samples of one step go through together, the next so many ahead */
#define BLOCK_VALUES ((int64_t)1 << 18) /* 2 MiB: stays in the cache */

struct load { /* how a column is read from a row */
    int64_t from;
    const int32_t *slot; /* borrowed: what a code stands for; NULL: it is a number */
    struct column_map map;
    struct centred_map centred; /* the same; counts where all are centred */
};

struct plain_row { /* how a row is read where load does all: columns side by side */
    const struct kernel *kernel;
    real *centre, *scale, *offset; /* owned, [n_loads] and the kernel's room */
    float *picked; /* owned, [piece_steps()][n_loads]: where columns are not side by side; else
                      NULL */
    int64_t first; /* of those that are */
};

struct applier {
    const struct preparation *preparation; /* borrowed */
    const struct dataset *dataset;         /* borrowed */
    struct load *load;                     /* owned, [n_loads]: columns that are read from rows */
    int64_t n_loads;
    int32_t **slot;     /* owned, [n_features]: of a category's code, -1: unknown, or the numbers of
                           a text's words; NULL: numeric */
    const float *value; /* borrowed: rows, [value_width] each */
    int64_t value_width;
    float *stored;        /* owned: value, where recordings were gone along; else NULL */
    int64_t n_transforms; /* to be applied: as many as there were when this was made */
    int64_t n_folded;     /* transforms that load does */
    bool centred;         /* load does all, and floats are enough for it */
    bool plain;           /* as well, features are numeric, and no value is missing */
    struct plain_row plain_row;
    int64_t most_steps; /* of a sample on its way */
    int64_t block_samples;
    struct block block[2]; /* own their values */
    struct row_span *span; /* owned, [block_samples] */
    int64_t *row;          /* owned, [block_samples]: for whoever reads a list */
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
    free(gone->plain_row.centre);
    free(gone->plain_row.scale);
    free(gone->plain_row.offset);
    free(gone->plain_row.picked);
    free(gone->stored);
    free(gone->block[0].value);
    free(gone->block[1].value);
    free(gone->span);
    free(gone->row);
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

/* What floats say: numbers, or codes of categories, which become the model's. */
static void load_column(const struct load *load, bool centred, const float *const *row, int64_t n,
                        double *to)
{
    double scale = load->map.scale, offset = load->map.offset, fill = load->map.fill;
    int64_t from = load->from;

    for (int64_t i = 0; i < n; i++) {
        float value = row[i][from];

        if (isnan(value))
            to[i] = fill;
        else if (centred) /* the bits of a batch where no value is missing */
            to[i] = (double)affine_centred(&load->centred, value);
        else
            to[i] = (double)value * scale + offset;
    }
    for (int64_t i = 0; load->slot && i < n; i++)
        to[i] = isnan(row[i][from]) ? fill : load->slot[(int32_t)row[i][from]];
}

static void load_block(const struct applier *applier, const struct row_span *span, int64_t n,
                       struct block *block)
{
    const float *row[BLOCK_ROWS];
    int64_t rows;

    block->n = n;
    block->steps = span->steps;
    block->width = applier->n_loads;
    rows = block_rows(block);
    for (int64_t first = 0, count; first < rows; first += count) {
        count = rows - first < BLOCK_ROWS ? rows - first : BLOCK_ROWS;
        for (int64_t i = 0; i < count; i++) {
            int64_t at = first + i;

            row[i] = applier->value +
                     span_row(&span[at / block->steps], at % block->steps) * applier->value_width;
        }
        for (int64_t j = 0; j < block->width; j++)
            load_column(&applier->load[j], applier->centred, row, count,
                        block_column(block, j) + first);
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

/* How many of the next samples go through in one block. */
static int64_t alike(const struct applier *applier, const struct row_span *span, int64_t n)
{
    int64_t i = 1;

    while (i < n && i < applier->block_samples && span[i].steps == span[0].steps)
        i++;
    return i;
}

const struct block *applier_windows(struct applier *applier, const struct window_config *window,
                                    const int64_t *row, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        applier->span[i] = window_span(window, &applier->dataset->series, row[i]);
    return applier_spans(applier, applier->span, alike(applier, applier->span, n));
}

int64_t applier_block_samples(const struct applier *applier)
{
    return applier->block_samples;
}

int64_t *applier_row_room(struct applier *applier)
{
    return applier->row;
}

int64_t applier_block_rows(const struct applier *applier)
{
    return applier->block_samples * applier->most_steps;
}

/* ---- into batches -----------------------------------------------------------------------------*/

static void scatter(const struct applier *applier, const struct block *block, int64_t first,
                    struct tensor x[])
{
    for (int64_t j = 0; j < block->width; j++) {
        const struct prepared_column *column = &applier->preparation->column[j];
        const struct tensor *to = &x[column->input];
        const double *from = block_column(block, j);

        for (int64_t i = 0; i < block->n; i++)
            for (int64_t t = 0; t < block->steps; t++)
                to->data[((column->step + t) * to->rows + first + i) * to->width + column->at] =
                    (real)from[i * block->steps + t];
    }
}

/* Steps of a sample that are gathered at a time. */
static int64_t piece_steps(int64_t value_width)
{
    return value_width > 0 && value_width < PIECE_VALUES ? PIECE_VALUES / value_width : 1;
}

/* How many of the steps first .. end - 1 have rows that follow one another, from `first` on. */
static int64_t run_of(const struct row_span *span, int64_t first, int64_t end)
{
    int64_t row = span->first + first;

    if (row < span->low || row >= span->high)
        return 1;
    return end - first < span->high - row ? end - first : span->high - row;
}

/* Columns that are not side by side, side by side. */
static void pick(const struct applier *applier, const float *from, int64_t rows)
{
    float *to = applier->plain_row.picked;

    for (int64_t row = 0; row < rows; row++, from += applier->value_width)
        for (int64_t j = 0; j < applier->n_loads; j++)
            *to++ = from[applier->load[j].from];
}

/* Steps first .. end - 1 of a sample; those of one that comes soon are asked of the memory
 * meanwhile. */
static void gather_plain(const struct applier *applier, const struct row_span *span,
                         const struct row_span *soon, int64_t at, int64_t first, int64_t end,
                         struct tensor *x)
{
    const struct plain_row *plain = &applier->plain_row;
    struct affine_rows rows = {.width = x->width,
                               .y_stride = x->rows * x->width,
                               .centre = plain->centre,
                               .scale = plain->scale,
                               .offset = plain->offset};

    end = end < span->steps ? end : span->steps;
    for (int64_t t = first; t < end; t += rows.rows) {
        const float *from = applier->value + span_row(span, t) * applier->value_width;

        rows.rows = run_of(span, t, end);
        rows.y = x->data + (t * x->rows + at) * x->width;
        rows.x = plain->picked ? plain->picked : from + plain->first;
        rows.x_stride = plain->picked ? x->width : applier->value_width;
        rows.ahead = applier->value + span_row(soon, t) * applier->value_width + plain->first;
        if (plain->picked)
            pick(applier, from, rows.rows);
        plain->kernel->affine(&rows);
    }
}

/* A few steps of all samples, then the next few: neighbours in the batch are written together. */
static void gather_plain_spans(const struct applier *applier, const struct row_span *span,
                               int64_t n, int64_t at, struct tensor *x)
{
    int64_t steps = piece_steps(applier->value_width);
    int64_t ahead =
        1 + AHEAD_VALUES / ((x->steps < steps ? x->steps : steps) * applier->value_width);

    for (int64_t first = 0; first < x->steps; first += steps)
        for (int64_t i = 0; i < n; i++) {
            struct row_span soon = span[(i + ahead) % n];

            soon.first += (i + ahead) / n * steps;
            gather_plain(applier, &span[i], &soon, at + i, first, first + steps, x);
        }
}

/* Samples of one step each, whose columns lie side by side. */
static void gather_plain_singles(const struct applier *applier, const struct row_span *span,
                                 int64_t n, int64_t at, struct tensor *x)
{
    const struct plain_row *plain = &applier->plain_row;
    const float *from[SINGLES_MAX];
    struct affine_rows rows = {.y = x->data + at * x->width,
                               .x = applier->value,
                               .ahead = applier->value,
                               .width = x->width,
                               .y_stride = x->width,
                               .centre = plain->centre,
                               .scale = plain->scale,
                               .offset = plain->offset};

    for (int64_t i = 0; i < n; i++)
        from[i] = applier->value + span_row(&span[i], 0) * applier->value_width + plain->first;
    for (int64_t i = 0; i < n; i += rows.rows) {
        rows.rows = n - i < SINGLE_ROWS ? n - i : SINGLE_ROWS;
        rows.listed = from + i;
        rows.listed_ahead = i + 2 * SINGLE_ROWS <= n ? from + i + SINGLE_ROWS : from + i;
        plain->kernel->affine(&rows);
        rows.y += rows.rows * rows.y_stride;
    }
}

static void gather_plain_all(const struct applier *applier, const struct row_span *span, int64_t n,
                             int64_t at, struct tensor *x)
{
    if (x->steps > 1 || applier->plain_row.picked) {
        gather_plain_spans(applier, span, n, at, x);
        return;
    }
    for (int64_t i = 0, count; i < n; i += count) {
        count = n - i < SINGLES_MAX ? n - i : SINGLES_MAX;
        gather_plain_singles(applier, span + i, count, at + i, x);
    }
}

static void clear_after(int64_t steps, int64_t at, struct tensor *x)
{
    for (int64_t t = steps; t < x->steps; t++)
        memset(x->data + (t * x->rows + at) * x->width, 0, (size_t)x->width * sizeof(real));
}

void applier_gather_spans(struct applier *applier, const struct row_span *span, int64_t n,
                          int64_t at, struct tensor x[], int32_t *length)
{
    int n_inputs = applier->preparation->n_inputs;

    assert(x->rows >= at + n && !(applier->plain && n_inputs > 1));
    if (applier->plain)
        gather_plain_all(applier, span, n, at, x);
    for (int64_t i = 0, group; i < n; i += group) {
        int64_t steps = span[i].steps;

        group = applier->plain ? 1 : alike(applier, span + i, n - i);
        if (!applier->plain) {
            const struct block *block = applier_spans(applier, span + i, group);

            steps = block->steps;
            scatter(applier, block, at + i, x);
        }
        for (int64_t k = i; k < i + group; k++) {
            for (int input = 0; input < n_inputs; input++)
                clear_after(steps, at + k, &x[input]);
            if (length)
                length[k] = (int32_t)steps;
        }
    }
}

void applier_gather_rows(struct applier *applier, const int64_t *row, int64_t n, struct tensor x[])
{
    assert(x->rows == n && !(applier->plain && applier->preparation->n_inputs > 1));
    for (int64_t i = 0, group; i < n; i += group) {
        group = n - i < applier->block_samples ? n - i : applier->block_samples;
        for (int64_t k = 0; k < group; k++)
            applier->span[k] = row_span_single(row[i + k]);
        if (applier->plain)
            gather_plain_all(applier, applier->span, group, i, x);
        else
            scatter(applier, applier_spans(applier, applier->span, group), i, x);
    }
}

void applier_foresee(const struct applier *applier, int64_t before, int64_t steps,
                     struct prefetch *prefetch)
{
    int64_t stride = applier->value_width * (int64_t)sizeof(*applier->value);

    prefetch_add(prefetch, applier->value, stride, before, steps * stride);
}

/* ---- making one -------------------------------------------------------------------------------*/

static bool map_categories(struct applier *applier, int64_t at, struct error *error)
{
    const struct feature *feature = &applier->dataset->feature[at];
    const struct prepared_feature *fitted = &applier->preparation->feature[at];
    scoped(dictionary_release) struct dictionary known = {0};
    int64_t width = prepared_feature_width(fitted);
    int32_t *slot = malloc(((size_t)(feature->dictionary.n * width) + 1) * sizeof(*slot));

    applier->slot[at] = slot;
    if (!slot)
        return no_memory(error);
    if (fitted->words > 0)
        return words_number(fitted->category, fitted->n_categories, &feature->dictionary, width,
                            slot, error);
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
    applier->centred = applier->n_folded == applier->n_transforms;
    for (int64_t i = 0; i < applier->n_loads; i++)
        applier->centred =
            affine_centre(&applier->load[i].map, &applier->load[i].centred) && applier->centred;
    applier->plain = applier->centred;
    for (int64_t i = 0; i < applier->n_loads; i++)
        applier->plain = applier->plain && !applier->load[i].slot;
    for (int64_t i = 0; i < applier->dataset->n_features; i++)
        applier->plain = applier->plain && applier->dataset->feature[i].n_missing == 0;
}

/* Room for what is read of a row. */
static bool make_loads(struct applier *applier, int64_t width, struct error *error)
{
    free(applier->load);
    applier->load = calloc((size_t)width + 1, sizeof(*applier->load));
    applier->n_loads = 0;
    return applier->load || no_memory(error);
}

/* Columns as they are stored. */
static bool load_stored(struct applier *applier, int64_t width, struct error *error)
{
    if (!make_loads(applier, width, error))
        return false;
    for (int64_t i = 0; i < width; i++)
        applier->load[applier->n_loads++] =
            (struct load){.from = i, .map = {.scale = 1, .fill = (double)NAN}};
    return true;
}

/* A number, a category, or the numbers of words. */
static void load_feature(struct applier *applier, int64_t at)
{
    const struct prepared_feature *fitted = &applier->preparation->feature[at];
    int64_t n_texts = applier->dataset->feature[at].dictionary.n;
    struct load load = {.from = at,
                        .slot = applier->slot[at],
                        .map = {.scale = 1, .fill = fitted->words > 0 ? WORDS_NONE : (double)NAN}};

    for (int64_t k = 0; k < prepared_feature_width(fitted); k++) {
        applier->load[applier->n_loads++] = load;
        if (load.slot)
            load.slot += n_texts;
    }
}

static bool load_features(struct applier *applier, struct error *error)
{
    int64_t n = applier->preparation->n_features;

    applier->slot = (int32_t **)calloc((size_t)n + 1, sizeof(*applier->slot));
    if (!applier->slot)
        return no_memory(error);
    for (int64_t i = 0; i < n; i++)
        if (applier->dataset->feature[i].categorical && !map_categories(applier, i, error))
            return false;
    applier->value = applier->dataset->value;
    applier->value_width = n;
    if (!make_loads(applier, preparation_loaded_width(applier->preparation), error))
        return false;
    for (int64_t i = 0; i < n; i++)
        load_feature(applier, i);
    return true;
}

/* ---- along recordings -------------------------------------------------------------------------*/

static void store_rows(struct applier *applier, float *to)
{
    int64_t n_rows = applier->dataset->n_rows, most = applier->block_samples;
    int64_t row[BLOCK_ROWS];

    for (int64_t first = 0, n; first < n_rows; first += n) {
        const struct block *block;

        n = n_rows - first < most ? n_rows - first : most;
        for (int64_t i = 0; i < n; i++)
            row[i] = first + i;
        block = applier_rows(applier, row, n);
        for (int64_t j = 0; j < block->width; j++)
            for (int64_t i = 0; i < n; i++)
                to[(first + i) * block->width + j] = (float)block_column(block, j)[i];
    }
}

static bool go_along(const struct transform *transform, const struct stretches *stretches,
                     float *value, int64_t width, struct error *error)
{
    for (int64_t s = 0; s < stretches->n; s++) {
        int64_t first = stretches->first[s], n = stretches->first[s + 1] - first;
        scoped(memory_free) double *x = calloc((size_t)n + 1, sizeof(*x));

        if (!x)
            return no_memory(error);
        for (int64_t i = 0; i < transform->n_columns; i++) {
            float *at = value + first * width + transform->column[i];

            for (int64_t k = 0; k < n; k++)
                x[k] = (double)at[k * width];
            transform->kind->map(transform_state(transform, i), transform_state_size(transform, i),
                                 x, n);
            for (int64_t k = 0; k < n; k++)
                at[k * width] = (float)x[k];
        }
    }
    return true;
}

/* A column's values in the stretches from .. to - 1 that have the mark, one after the other; back
 * where they came from with `put`. Returns how many. */
static int64_t move_marked(const struct stretches *stretches, int64_t from, int64_t to,
                           uint8_t mark, float *column, int64_t width, double *x, bool put)
{
    int64_t n = 0;

    for (int64_t s = from; s < to; s++) {
        if (stretches->mark && stretches->mark[s] != mark)
            continue;
        for (int64_t row = stretches->first[s]; row < stretches->first[s + 1]; row++, n++) {
            if (put)
                column[row * width] = (float)x[n];
            else
                x[n] = (double)column[row * width];
        }
    }
    return n;
}

/* Each recording's rows of one part as a whole. */
static bool go_over_series(const struct transform *transform, const struct series *series,
                           const struct stretches *stretches, float *value, int64_t width,
                           struct error *error)
{
    int64_t from = 0, to;

    for (int64_t s = 0; s < series->n; s++, from = to) {
        scoped(memory_free) double *x =
            calloc((size_t)(series->first[s + 1] - series->first[s]) + 1, sizeof(*x));

        if (!x)
            return no_memory(error);
        for (to = from; to < stretches->n && stretches->first[to] < series->first[s + 1];)
            to++;
        for (int mark = 0; mark < (stretches->mark ? 1 << SPLIT_PART_COUNT : 1); mark++)
            for (int64_t i = 0; i < transform->n_columns; i++) {
                float *column = value + transform->column[i];
                int64_t n =
                    move_marked(stretches, from, to, (uint8_t)mark, column, width, x, false);

                if (n == 0)
                    break;
                transform->kind->map(transform_state(transform, i),
                                     transform_state_size(transform, i), x, n);
                (void)move_marked(stretches, from, to, (uint8_t)mark, column, width, x, true);
            }
    }
    return true;
}

/* Computes what transform `at` makes of all rows, from where the last such one ended. */
static bool store(struct applier *applier, int64_t at, const struct stretches *stretches,
                  struct error *error)
{
    const struct transform *transform = &applier->preparation->transform[at];
    const struct dataset *dataset = applier->dataset;
    scoped(memory_free) float *stored = NULL;

    if (dataset->series.n == 0)
        return error_set(error, ERROR_INVALID,
                         "%s: %s goes along recordings, which data.series and data.time name",
                         dataset->path, transform->kind->kind.name);
    applier->n_transforms = at;
    fold(applier);
    stored = malloc((size_t)(dataset->n_rows * transform->width + 1) * sizeof(*stored));
    if (!stored)
        return no_memory(error);
    store_rows(applier, stored);
    if (!(transform->kind->pooled
              ? go_over_series(transform, &dataset->series, stretches, stored, transform->width,
                               error)
              : go_along(transform, stretches, stored, transform->width, error)))
        return false;
    free(applier->stored);
    applier->value = applier->stored = take(&stored);
    applier->value_width = transform->width;
    applier->n_folded = at + 1;
    return load_stored(applier, transform->width, error);
}

static bool store_all(struct applier *applier, const struct stretches *stretches,
                      struct error *error)
{
    const struct preparation *preparation = applier->preparation;
    const struct series *series = &applier->dataset->series;
    const struct stretches segments = {.n = series->n_segments, .first = series->segment};

    for (int64_t i = 0; i < preparation->n_transforms; i++)
        if (preparation->transform[i].stored &&
            !store(applier, i, stretches ? stretches : &segments, error))
            return false;
    applier->n_transforms = preparation->n_transforms;
    fold(applier);
    return true;
}

/* The largest block that one sample needs on its way. */
static int64_t most_values(const struct preparation *preparation, int64_t *ret_steps)
{
    int64_t steps = preparation->window > 0 ? preparation->window : 1;
    int64_t most = steps * preparation_loaded_width(preparation);

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
    applier->row = calloc((size_t)samples, sizeof(*applier->row));
    for (int i = 0; i < 2; i++) {
        applier->block[i].value = calloc((size_t)(samples * most) + 1, sizeof(double));
        if (!applier->block[i].value || !applier->span || !applier->row)
            return no_memory(error);
    }
    return true;
}

/* What fold() found, as the kernel takes it. */
static bool make_plain_row(struct applier *applier, struct error *error)
{
    struct plain_row *plain = &applier->plain_row;
    size_t n = (size_t)applier->n_loads, steps;
    bool side_by_side = true;

    if (!applier->plain)
        return true;
    steps = (size_t)piece_steps(applier->value_width);
    for (size_t j = 1; j < n; j++)
        side_by_side = side_by_side && applier->load[j].from == applier->load[j - 1].from + 1;
    plain->kernel = kernel_pick();
    plain->first = n > 0 ? applier->load[0].from : 0;
    plain->centre = calloc(n + KERNEL_AFFINE_ROOM, sizeof(*plain->centre));
    plain->scale = calloc(n + KERNEL_AFFINE_ROOM, sizeof(*plain->scale));
    plain->offset = calloc(n + KERNEL_AFFINE_ROOM, sizeof(*plain->offset));
    plain->picked = side_by_side ? NULL : calloc(steps * n, sizeof(*plain->picked));
    if (!plain->centre || !plain->scale || !plain->offset || (!side_by_side && !plain->picked))
        return no_memory(error);
    for (size_t j = 0; j < n; j++) {
        plain->centre[j] = applier->load[j].centred.centre;
        plain->scale[j] = applier->load[j].centred.scale;
        plain->offset[j] = applier->load[j].centred.offset;
    }
    return true;
}

bool applier_make(const struct preparation *preparation, const struct dataset *dataset,
                  const struct stretches *stretches, struct applier **ret_applier,
                  struct error *error)
{
    scoped(applier_free) struct applier *applier = calloc(1, sizeof(*applier));

    if (!applier)
        return no_memory(error);
    applier->preparation = preparation;
    applier->dataset = dataset;
    if (!load_features(applier, error) || !make_blocks(applier, error) ||
        !store_all(applier, stretches, error) || !make_plain_row(applier, error))
        return false;
    *ret_applier = take(&applier);
    return true;
}

/* Whether the code is of a category that the preparation has not, or of a text with such a word. */
static bool is_unknown(const struct applier *applier, int64_t feature, int32_t code)
{
    const struct prepared_feature *fitted = &applier->preparation->feature[feature];
    int64_t n_texts = applier->dataset->feature[feature].dictionary.n;
    const int32_t *slot = applier->slot[feature] + code;

    if (fitted->words == 0)
        return *slot < 0;
    for (int64_t k = 0; k < fitted->words; k++)
        if (slot[k * n_texts] == WORDS_UNKNOWN)
            return true;
    return false;
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

            if (!applier->slot[i] || isnan(code) || !is_unknown(applier, i, (int32_t)code))
                continue;
            unknown++;
            break;
        }
    return unknown;
}
