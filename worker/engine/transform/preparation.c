#include "worker/engine/transform/preparation.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/window.h"
#include "worker/engine/transform/apply.h"
#include "worker/engine/transform/finite.h"
#include "worker/engine/transform/kinds.h"
#include "worker/engine/transform/row_stream.h"
#include "worker/engine/transform/words.h"

static void free_texts(char **text, int64_t n)
{
    for (int64_t i = 0; text && i < n; i++)
        free(text[i]);
    free(text);
}

void preparation_free(struct preparation **preparation)
{
    struct preparation *gone = *preparation;

    if (!gone)
        return;
    for (int64_t i = 0; i < gone->n_features; i++) {
        free(gone->feature[i].name);
        free_texts(gone->feature[i].category, gone->feature[i].n_categories);
    }
    for (int64_t i = 0; i < gone->n_transforms; i++)
        transform_release(&gone->transform[i]);
    free(gone->feature);
    free(gone->transform);
    for (int64_t i = 0; i < gone->width; i++)
        free(gone->column[i].name);
    free(gone->column);
    free_texts(gone->class_name, gone->n_classes);
    free_texts(gone->target_name, gone->n_target_names);
    free(gone->target_offset);
    free(gone->target_scale);
    free(gone);
    *preparation = NULL;
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "fitting transforms");
}

/* ---- features ---------------------------------------------------------------------------------*/

/* One warning for all: images have many pixels that never change. */
static void warn_constant(const struct layout *layout, const int64_t *column, int64_t n_columns,
                          const struct column_figures *figures, struct warning_list *warnings)
{
    char names[160] = "";
    size_t used = 0;
    int64_t n = 0;

    assert(n_columns == 0 || layout->column);
    for (int64_t i = 0; i < n_columns; i++) {
        if (figures[i].n > 0 && (figures[i].n_missing > 0 || figures[i].sd > 0))
            continue;
        if (used < sizeof(names))
            used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", n ? ", " : "",
                                     layout->column[column[i]].name);
        n++;
    }
    if (n > 0)
        warning_add(warnings, "data.features", (double)n,
                    "%lld feature%s the same in all training rows: %s%s", (long long)n,
                    n == 1 ? " is" : "s are", names, used < sizeof(names) ? "" : ", ...");
}

static bool find_constant(const struct row_stream *stream, const struct layout *layout,
                          struct warning_list *warnings, struct error *error)
{
    static const struct setting_texts all = {0};
    scoped(memory_free) int64_t *column = NULL;
    scoped(memory_free) struct column_figures *figures = NULL;
    int64_t n;

    if (!layout_select(layout, &all, LAYOUT_NUMBERS, "prepare", &column, &n, error))
        return false;
    figures = calloc((size_t)n + 1, sizeof(*figures));
    if (!figures)
        return no_memory(error);
    if (!row_stream_figures(stream, column, n, figures, error))
        return false;
    warn_constant(layout, column, n, figures, warnings);
    return true;
}

/* A feature whose value nothing stands in for. */
static bool refuse_missing(const struct dataset *dataset, const struct preparation *preparation,
                           struct error *error)
{
    for (int64_t i = 0; i < preparation->n_features; i++) {
        const struct feature *feature = &dataset->feature[i];

        if (preparation->feature[i].needed && feature->n_missing > 0)
            return error_set_at(error, ERROR_INVALID, "data.features",
                                "'%s' is missing in %lld row%s of %s, first in %s; add "
                                "{type: impute} to prepare, or name it in data.ignore",
                                feature->name, (long long)feature->n_missing,
                                feature->n_missing == 1 ? "" : "s", dataset->path,
                                feature->missing_place ? feature->missing_place : "a row");
    }
    return true;
}

/* ---- categories -------------------------------------------------------------------------------*/

static bool fit_categories(const struct dataset *dataset, const struct row_list *train,
                           int64_t column, int64_t limit, struct prepared_feature *ret,
                           struct error *error)
{
    const struct feature *feature = &dataset->feature[column];
    scoped(dictionary_release) struct dictionary seen = {0};
    scoped(memory_free) int32_t *renumbered = NULL;

    for (struct row_walk rows = {.list = train}; row_walk(&rows);) {
        float code = dataset->value[rows.row * dataset->n_features + column];
        const char *text;
        int32_t at;

        if (isnan(code))
            continue;
        text = feature->dictionary.text[(int32_t)code];
        if (!dictionary_add(&seen, text, strlen(text), &at, error))
            return false;
        if (seen.n > limit)
            return error_set_at(error, ERROR_INVALID, "data.features",
                                "'%s' has more than %lld categories; name it in data.ignore or "
                                "raise data.max_categories",
                                feature->name, (long long)limit);
    }
    if (!dictionary_sort(&seen, &renumbered, error))
        return false;
    ret->n_categories = seen.n;
    ret->category = take(&seen.text);
    seen.n = 0;
    return true;
}

/* No limit on texts: they are read by their words. */
static bool fit_words(const struct dataset *dataset, const struct row_list *train, int64_t column,
                      const struct words_config *config, struct prepared_feature *ret,
                      struct error *error)
{
    const struct dictionary *texts = &dataset->feature[column].dictionary;
    scoped(memory_free) int64_t *rows = calloc((size_t)texts->n + 1, sizeof(*rows));

    if (!rows)
        return no_memory(error);
    for (struct row_walk at = {.list = train}; row_walk(&at);) {
        float code = dataset->value[at.row * dataset->n_features + column];

        if (!isnan(code))
            rows[(int32_t)code]++;
    }
    ret->words = config->length;
    return words_fit(config, texts, rows, &ret->category, &ret->n_categories, error);
}

static void warn_unknown(const struct dataset *dataset, const struct split *split, int64_t column,
                         const struct prepared_feature *fitted, struct warning_list *warnings)
{
    const struct feature *feature = &dataset->feature[column];
    int64_t unknown = 0;

    for (int part = SPLIT_VALID; part < SPLIT_PART_COUNT; part++)
        for (struct row_walk at = {.list = &split->part[part]}; row_walk(&at);) {
            float code = dataset->value[at.row * dataset->n_features + column];
            bool known = isnan(code);

            for (int32_t j = 0; !known && j < fitted->n_categories; j++)
                known = strcmp(fitted->category[j], feature->dictionary.text[(int32_t)code]) == 0;
            unknown += !known;
        }
    if (unknown > 0)
        warning_add(warnings, feature->name, (double)unknown,
                    "validation or test rows have a category that no training row has");
}

/* ---- targets ----------------------------------------------------------------------------------*/

static bool copy_texts(char *const *from, int64_t n, char ***ret, int64_t *ret_n)
{
    *ret = calloc((size_t)n + 1, sizeof(**ret));
    if (!*ret)
        return false;
    for (*ret_n = 0; *ret_n < n; (*ret_n)++)
        if (!((*ret)[*ret_n] = strdup(from[*ret_n])))
            return false;
    return true;
}

/* A logarithm of all targets, those to be predicted too: their loss is measured by it. */
static bool check_positive(const struct dataset *dataset, int64_t row, struct error *error)
{
    for (int64_t k = 0; k < dataset->n_targets; k++) {
        double value = dataset_target(dataset, row)[k];

        if (!(value > 0))
            return error_set_at(error, ERROR_INVALID, "data.target_transform",
                                "a logarithm needs targets above 0, but '%s' is %g in row "
                                "%lld of %s",
                                dataset->target_name[k], value,
                                (long long)dataset_file_row(dataset, row), dataset->path);
    }
    return true;
}

static bool check_logarithm(const struct dataset *dataset, const struct split *split,
                            const struct window_config *window, struct error *error)
{
    for (int part = 0; part < SPLIT_PART_COUNT; part++)
        for (struct row_walk at = {.list = &split->part[part]}; row_walk(&at);) {
            const struct truth_span truth = window_truth(window, &dataset->series, at.row);

            for (int64_t row = truth.first; row < truth.first + truth.n; row++)
                if (dataset_is_told(dataset, row) && !check_positive(dataset, row, error))
                    return false;
        }
    return true;
}

static bool fit_targets(const struct dataset *dataset, const struct row_list *train,
                        bool standardise, struct preparation *preparation)
{
    int64_t n = dataset->task == TASK_REGRESSION ? dataset->n_targets : 0;

    preparation->target_offset = calloc((size_t)n + 1, sizeof(double));
    preparation->target_scale = calloc((size_t)n + 1, sizeof(double));
    if (!preparation->target_offset || !preparation->target_scale)
        return false;
    preparation->n_targets = n;
    for (int64_t i = 0; i < n; i++) {
        double mean = 0, squares = 0;
        int64_t told = 0;

        preparation->target_scale[i] = 1;
        for (struct row_walk at = {.list = train}; standardise && row_walk(&at);) {
            double target = dataset_target(dataset, at.row)[i];
            double x = preparation->target_log ? log(target) : target;
            double distance = x - mean;

            if (!isfinite(x)) /* a row that is no sample */
                continue;
            mean += distance / (double)++told;
            squares += distance * (x - mean);
        }
        preparation->target_offset[i] = mean;
        if (squares > 0)
            preparation->target_scale[i] = sqrt(squares / (double)told);
    }
    return true;
}

static void warn_classes(const struct dataset *dataset, const struct row_list *train,
                         struct warning_list *warnings)
{
    for (int32_t k = 0; k < dataset->classes.n; k++) {
        bool found = false;
        char where[96];

        for (struct row_walk at = {.list = train}; !found && row_walk(&at);)
            found = dataset->label[at.row] == k;
        (void)snprintf(where, sizeof(where), "class '%s'", dataset->classes.text[k]);
        if (!found)
            warning_add(warnings, where, (double)NAN, "no training row has it");
    }
}

/* ---- transforms -------------------------------------------------------------------------------*/

struct fitter {
    const struct dataset *dataset;
    const struct split *split; /* of rows, and once there are windows of those */
    const struct split *windows;
    const struct stretches *stretches;
    const struct window_config *window; /* NULL: none so far */
    double rate;                        /* of rows, as data.rate */
    struct row_list all; /* owned: the rows of all parts; empty until somebody needs them */
    struct preparation *preparation;
    struct layout layout; /* owned: after the transforms so far */
    struct warning_list *warnings;
};

static void fitter_release(struct fitter *fitter)
{
    layout_release(&fitter->layout);
    row_list_release(&fitter->all);
}

static int by_number(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

    return (a > b) - (a < b);
}

static bool gather_parts(struct fitter *fitter, struct error *error)
{
    size_t n = 0;

    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        n += (size_t)fitter->split->part[i].n;
    fitter->all.row = calloc(n + 1, sizeof(*fitter->all.row));
    if (!fitter->all.row)
        return no_memory(error);
    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        const struct row_list *part = &fitter->split->part[i];

        row_list_copy(part, 0, part->n, fitter->all.row + fitter->all.n);
        fitter->all.n += part->n;
    }
    qsort(fitter->all.row, n, sizeof(int64_t), by_number);
    return true;
}

/* The rows that a transform learns from. */
static bool choose_rows(struct fitter *fitter, const struct transform_kind *kind,
                        const struct transform_config *config, const char *path,
                        const struct row_list **ret, struct error *error)
{
    struct preparation *preparation = fitter->preparation;

    *ret = &fitter->split->part[SPLIT_TRAIN];
    if (!config || config->fit_on == FIT_ON_TRAIN)
        return true;
    if (fitter->all.n == 0 && !gather_parts(fitter, error))
        return false;
    *ret = &fitter->all;
    (void)snprintf(preparation->leak, sizeof(preparation->leak),
                   "%s (%s) is fitted on the rows of all parts", path, kind->kind.name);
    return true;
}

/* Steps that a transform has made of others, or of columns, are not as far apart as rows. */
static double rate_of_steps(const struct fitter *fitter)
{
    for (int64_t i = 0; i < fitter->preparation->n_transforms; i++)
        if (fitter->preparation->transform[i].kind->makes_steps)
            return 0;
    return fitter->rate;
}

static bool refuse_gaps(const struct fitting *fitting, struct error *error)
{
    const struct transform *transform = fitting->transform;
    scoped(memory_free) struct column_figures *figures =
        calloc((size_t)transform->n_columns + 1, sizeof(*figures));

    if (!figures)
        return no_memory(error);
    if (!row_stream_figures(fitting->rows, transform->column, transform->n_columns, figures, error))
        return false;
    for (int64_t i = 0; i < transform->n_columns; i++)
        if (figures[i].n_missing > 0)
            return error_set_at(error, ERROR_INVALID, fitting->path,
                                "'%s' is missing in %lld training values, and %s takes none: put "
                                "impute before it, or last_value and impute",
                                fitting->layout->column[transform->column[i]].name,
                                (long long)figures[i].n_missing, transform->kind->kind.name);
    return true;
}

/* Fits the last of the preparation's transforms, whose kind is set, on what the others leave. */
static bool fit_last(struct fitter *fitter, const struct transform_config *config, const char *path,
                     struct error *error)
{
    static const struct setting_texts all = {0};
    struct preparation *preparation = fitter->preparation;
    struct transform *transform = &preparation->transform[preparation->n_transforms];
    scoped(applier_free) struct applier *applier = NULL;
    struct row_stream rows = {.window = fitter->window};
    struct fitting fitting = {.config = config,
                              .path = path,
                              .dataset = fitter->dataset,
                              .feature = preparation->feature,
                              .rows = &rows,
                              .layout = &fitter->layout,
                              .transform = transform,
                              .rate = rate_of_steps(fitter),
                              .warnings = fitter->warnings};

    if (!layout_select(&fitter->layout, config ? &config->columns : &all, transform->kind->sort,
                       path, &transform->column, &transform->n_columns, error) ||
        !choose_rows(fitter, transform->kind, config, path, &rows.rows, error) ||
        !applier_make(preparation, fitter->dataset, fitter->stretches, &applier, error))
        return false;
    transform->stored = transform->kind->along && fitter->layout.steps == 1;
    if (transform->stored && fitter->dataset->series.n == 0)
        return error_set_at(error, ERROR_INVALID, path,
                            "%s needs rows that follow one another: name their recording in "
                            "data.series, or in data.time what orders them, or say reshape before",
                            transform->kind->kind.name);
    rows.applier = applier;
    return transform->n_columns == 0 ||
           ((!transform->kind->needs_values || refuse_gaps(&fitting, error)) &&
            transform->kind->fit(&fitting, error));
}

static bool fit_transform(struct fitter *fitter, const struct transform_kind *kind,
                          const struct transform_config *config, const char *path,
                          struct error *error);

/* From here on samples are windows. Categories become numbers before. */
static bool take_window(struct fitter *fitter, const struct window_config *window,
                        struct error *error)
{
    if (!fit_transform(fitter, &transform_onehot, NULL, "prepare", error))
        return false;
    fitter->window = window;
    fitter->split = fitter->windows;
    row_list_release(&fitter->all);
    fitter->layout.steps = window->length;
    fitter->preparation->window = window->length;
    return true;
}

static bool fit_transform(struct fitter *fitter, const struct transform_kind *kind,
                          const struct transform_config *config, const char *path,
                          struct error *error)
{
    struct preparation *preparation = fitter->preparation;
    struct transform *transform = &preparation->transform[preparation->n_transforms];

    if (kind == &transform_window)
        return take_window(fitter, (const struct window_config *)(const void *)config, error);
    if (!kind->fit)
        return true;
    transform->kind = kind;
    if (!fit_last(fitter, config, path, error)) {
        transform_release(transform);
        return false;
    }
    if (transform->n_columns == 0) { /* nothing to do */
        transform_release(transform);
        return true;
    }
    transform->steps = kind->makes_steps ? fitter->layout.steps : 0;
    transform->width = fitter->layout.width;
    preparation->n_transforms++;
    return true;
}

/* What they make of samples that are shorter than others has the length of all. */
static void warn_unmasked(const struct fitter *fitter, const struct transform_kind *kind,
                          const char *path)
{
    const struct window_config *window = fitter->window;

    if ((kind == &transform_steps || kind == &transform_reshape) && window &&
        window->edges == WINDOW_EDGES_MASK && window->shorter == WINDOW_SHORT_KEEP)
        warning_add(fitter->warnings, path, (double)NAN,
                    "%s fills up samples that are shorter than others, and no mask tells those "
                    "steps any more",
                    kind->kind.name);
}

static bool fit_transforms(struct fitter *fitter, const struct kind_choices *prepare,
                           struct error *error)
{
    fitter->preparation->transform = calloc(prepare->n + 2, sizeof(struct transform));
    if (!fitter->preparation->transform)
        return no_memory(error);
    for (size_t i = 0; i < prepare->n; i++) {
        const struct transform_config *config = prepare->item[i].config;
        char path[64];

        (void)snprintf(path, sizeof(path), "prepare[%zu]", i);
        if (!fit_transform(fitter, (const struct transform_kind *)prepare->item[i].kind, config,
                           path, error))
            return false;
        warn_unmasked(fitter, (const struct transform_kind *)prepare->item[i].kind, path);
    }
    return fit_transform(fitter, &transform_onehot, NULL, "prepare", error);
}

/* `words`: how its texts are read; NULL: a text is a category. */
static bool take_feature(struct fitter *fitter, int64_t i, const struct words_config *words,
                         int64_t max_categories, struct error *error)
{
    const struct dataset *dataset = fitter->dataset;
    const struct row_list *train = &fitter->split->part[SPLIT_TRAIN];
    struct prepared_feature *feature =
        &fitter->preparation->feature[fitter->preparation->n_features++];

    feature->name = strdup(dataset->feature[i].name);
    feature->categorical = dataset->feature[i].categorical;
    if (!feature->name)
        return no_memory(error);
    if (words)
        return fit_words(dataset, train, i, words, feature, error);
    if (!feature->categorical)
        return true;
    if (!fit_categories(dataset, train, i, max_categories, feature, error))
        return false;
    warn_unknown(dataset, fitter->split, i, feature, fitter->warnings);
    return true;
}

/* The columns that rows have for a feature: "color", or "text.1", "text.2", ... */
static bool lay_out(struct fitter *fitter, int64_t i, struct error *error)
{
    const struct prepared_feature *feature = &fitter->preparation->feature[i];
    struct layout_column column = {.name = feature->name,
                                   .feature = i,
                                   .categorical = feature->categorical,
                                   .n_categories = feature->n_categories,
                                   .may_miss = !feature->categorical};
    char name[192];

    if (feature->words == 0)
        return layout_add(&fitter->layout, &column, error);
    column = (struct layout_column){
        .name = name, .feature = i, .n_tokens = WORDS_FIRST + feature->n_categories};
    for (int64_t k = 0; k < feature->words; k++) {
        (void)snprintf(name, sizeof(name), "%s.%lld", feature->name, (long long)k + 1);
        if (!layout_add(&fitter->layout, &column, error))
            return false;
    }
    return true;
}

/* Features as they come, before any transform. */
static bool take_features(struct fitter *fitter, const struct kind_choices *prepare,
                          int64_t max_categories, struct error *error)
{
    const struct dataset *dataset = fitter->dataset;
    struct preparation *preparation = fitter->preparation;
    scoped(memory_free) int64_t *words = NULL;
    scoped(layout_release) struct layout whole = {.steps = 1};

    preparation->feature = calloc((size_t)dataset->n_features + 1, sizeof(*preparation->feature));
    if (!preparation->feature)
        return no_memory(error);
    for (int64_t i = 0; i < dataset->n_features; i++)
        if (!layout_add(&whole,
                        &(struct layout_column){.name = dataset->feature[i].name,
                                                .categorical = dataset->feature[i].categorical},
                        error))
            return false;
    if (!words_choose(prepare, &whole, &words, error))
        return false;
    fitter->layout.steps = 1;
    for (int64_t i = 0; i < dataset->n_features; i++)
        if (!take_feature(fitter, i, words[i] < 0 ? NULL : prepare->item[words[i]].config,
                          max_categories, error) ||
            !lay_out(fitter, i, error))
            return false;
    return true;
}

/* What the transforms have made of the features. */
static bool take_layout(struct preparation *preparation, const struct layout *layout,
                        struct error *error)
{
    preparation->column = calloc((size_t)layout->width + 1, sizeof(*preparation->column));
    if (!preparation->column)
        return no_memory(error);
    preparation->steps = layout->steps;
    for (int64_t i = 0; i < layout->width; i++) {
        const struct layout_column *column = &layout->column[i];

        preparation->column[preparation->width++] = (struct prepared_column){
            .name = strdup(column->name), .feature = column->feature, .n_tokens = column->n_tokens};
        if (!preparation->column[i].name)
            return no_memory(error);
        if (column->may_miss)
            preparation->feature[column->feature].needed = true;
    }
    if (preparation->width == 0)
        return error_set_at(error, ERROR_INVALID, "data.features",
                            "no feature has a value in any training row");
    return true;
}

static bool fit_features(const struct dataset *dataset, const struct split *split,
                         const struct split *windows, const struct stretches *stretches,
                         const struct data_config *config, const struct kind_choices *prepare,
                         struct preparation *preparation, struct warning_list *warnings,
                         struct error *error)
{
    scoped(fitter_release) struct fitter fitter = {.dataset = dataset,
                                                   .split = split,
                                                   .windows = windows,
                                                   .stretches = stretches,
                                                   .rate = config->rate,
                                                   .preparation = preparation,
                                                   .warnings = warnings};
    scoped(applier_free) struct applier *raw = NULL;
    struct row_stream rows = {.rows = &split->part[SPLIT_TRAIN]};

    if (!take_features(&fitter, prepare, config->max_categories, error) ||
        !applier_make(preparation, dataset, stretches, &raw, error))
        return false;
    rows.applier = raw;
    return find_constant(&rows, &fitter.layout, warnings, error) &&
           fit_transforms(&fitter, prepare, error) &&
           take_layout(preparation, &fitter.layout, error) &&
           refuse_missing(dataset, preparation, error);
}

/* ---- inputs -----------------------------------------------------------------------------------*/

/* The input of a column of tokens, by its feature: a new one where it has none so far. */
static struct sample_input *input_of(struct preparation *preparation, int64_t feature)
{
    const char *name = preparation->feature[feature].name;

    for (int i = 0; i < preparation->n_inputs; i++)
        if (preparation->input[i].n_tokens > 0 && strcmp(preparation->input[i].name, name) == 0)
            return &preparation->input[i];
    if (preparation->n_inputs == SAMPLE_INPUTS_MAX)
        return NULL;
    preparation->input[preparation->n_inputs] = (struct sample_input){.name = name};
    return &preparation->input[preparation->n_inputs++];
}

/* The next place of the input is the column's. `as_steps`: each column is a step. */
static void place_column(struct preparation *preparation, struct sample_input *input, bool as_steps,
                         struct prepared_column *column)
{
    struct shape *shape = &input->shape;

    column->input = (int)(input - preparation->input);
    column->at = as_steps ? 0 : shape->width;
    column->step = as_steps && shape->width > 0 ? shape->steps : 0;
    shape->steps = as_steps ? column->step + 1 : preparation->steps;
    shape->width = column->at + 1;
    input->n_tokens = column->n_tokens > input->n_tokens ? column->n_tokens : input->n_tokens;
}

/* Numbers before tokens, so that x is the first. */
static bool place_columns(struct preparation *preparation, bool tokens, struct error *error)
{
    for (int64_t i = 0; i < preparation->width; i++) {
        struct prepared_column *column = &preparation->column[i];
        struct sample_input *input = &preparation->input[0];

        if ((column->n_tokens > 0) != tokens)
            continue;
        if (tokens)
            input = input_of(preparation, column->feature);
        else if (preparation->n_inputs == 0)
            preparation->input[preparation->n_inputs++] = (struct sample_input){.name = "x"};
        if (!input)
            return error_set_at(error, ERROR_INVALID, "prepare",
                                "tokens of more than %d features: each is an input of its own",
                                SAMPLE_INPUTS_MAX - 1);
        place_column(preparation, input,
                     preparation->steps == 1 && preparation->feature[column->feature].words > 0,
                     column);
    }
    return true;
}

bool preparation_set_inputs(struct preparation *preparation, const struct window_config *window,
                            struct error *error)
{
    bool varies = window && window->edges == WINDOW_EDGES_MASK;

    for (int64_t i = 0; i < preparation->n_transforms; i++) {
        assert(preparation->transform[i].kind);
        varies = varies && !preparation->transform[i].kind->makes_steps;
    }
    preparation->n_inputs = 0;
    if (!place_columns(preparation, false, error) || !place_columns(preparation, true, error))
        return false;
    for (int i = 0; i < preparation->n_inputs; i++)
        preparation->input[i].varies =
            varies || (preparation->steps == 1 && preparation->input[i].shape.steps > 1);
    if (preparation->n_inputs == 1)
        preparation->input[0].name = "x";
    for (int i = 1; i < preparation->n_inputs; i++)
        if (strcmp(preparation->input[0].name, preparation->input[i].name) == 0)
            return error_set_at(error, ERROR_INVALID, "data.features",
                                "the input of all that are no tokens is called '%s', too",
                                preparation->input[i].name);
    preparation->window = window ? window->length : 0;
    return true;
}

int64_t preparation_loaded_width(const struct preparation *preparation)
{
    int64_t width = 0;

    for (int64_t i = 0; i < preparation->n_features; i++)
        width += prepared_feature_width(&preparation->feature[i]);
    return width;
}

bool preparation_fit(const struct dataset *dataset, const struct split *split,
                     const struct split *windows, const struct stretches *stretches,
                     const struct data_config *config, const struct kind_choices *prepare,
                     struct preparation **ret_preparation, struct warning_list *warnings,
                     struct error *error)
{
    scoped(preparation_free) struct preparation *preparation = calloc(1, sizeof(*preparation));
    const struct window_config *window = window_find(prepare);
    bool standardise = config->target_transform == TARGET_TRANSFORM_STANDARD ||
                       config->target_transform == TARGET_TRANSFORM_LOG_STANDARD;

    if (!preparation)
        return no_memory(error);
    preparation->task = dataset->task;
    if (config->target_transform != TARGET_TRANSFORM_NONE && dataset->task == TASK_CLASSIFICATION)
        return error_set_at(error, ERROR_INVALID, "data.target_transform", "is for regression");
    preparation->target_log = config->target_transform == TARGET_TRANSFORM_LOG ||
                              config->target_transform == TARGET_TRANSFORM_LOG_STANDARD;
    if (preparation->target_log && !check_logarithm(dataset, windows, window, error))
        return false;
    if (!fit_features(dataset, split, windows, stretches, config, prepare, preparation, warnings,
                      error))
        return false;
    if (!copy_texts(dataset->classes.text, dataset->classes.n, &preparation->class_name,
                    &preparation->n_classes) ||
        !copy_texts(dataset->target_name, dataset->n_targets, &preparation->target_name,
                    &preparation->n_target_names) ||
        !fit_targets(dataset, &split->part[SPLIT_TRAIN], standardise, preparation))
        return no_memory(error);
    if (dataset->task == TASK_CLASSIFICATION)
        warn_classes(dataset, &split->part[SPLIT_TRAIN], warnings);
    if (!preparation_set_inputs(preparation, window, error) ||
        !finite_warn(
            &(struct prepared_parts){dataset, preparation, split, windows, window, stretches},
            warnings, error))
        return false;
    *ret_preparation = take(&preparation);
    return true;
}
