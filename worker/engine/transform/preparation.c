#include "worker/engine/transform/preparation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/transform/transform.h"

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
    free(gone->feature);
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

/* ---- fitting one column -----------------------------------------------------------------------*/

static double apply(const struct column_map *map, double x)
{
    return isnan(x) ? map->fill : map->scale * x + map->offset;
}

/* Welford's running mean and squares: one pass, no cancellation. */
static void look(const struct dataset *dataset, const struct row_list *train, int64_t column,
                 const struct column_map *before, struct column_figures *ret)
{
    struct column_figures figures = {.minimum = (double)INFINITY, .maximum = -(double)INFINITY};
    double squares = 0;

    for (int64_t i = 0; i < train->n; i++) {
        double x = apply(before, dataset->value[train->row[i] * dataset->n_features + column]);
        double distance = x - figures.mean;

        if (isnan(x)) {
            figures.n_missing++;
            continue;
        }
        figures.n++;
        figures.mean += distance / (double)figures.n;
        squares += distance * (x - figures.mean);
        figures.minimum = fmin(figures.minimum, x);
        figures.maximum = fmax(figures.maximum, x);
    }
    figures.sd = figures.n > 0 ? sqrt(squares / (double)figures.n) : 0;
    /* a constant's mean is rounded, and so would its deviation be */
    if (figures.minimum == figures.maximum)
        figures.sd = 0;
    *ret = figures;
}

static bool selected(const struct transform_config *config, const char *name)
{
    for (size_t i = 0; i < config->columns.n; i++)
        if (strcmp(config->columns.item[i], name) == 0)
            return true;
    return config->columns.n == 0;
}

static struct column_map compose(const struct column_map *first, const struct column_map *then)
{
    return (struct column_map){.scale = first->scale * then->scale,
                               .offset = first->offset * then->scale + then->offset,
                               .fill = apply(then, first->fill)};
}

static bool fit_numeric(const struct dataset *dataset, const struct row_list *train,
                        const struct kind_choices *prepare, int64_t column,
                        struct prepared_feature *feature, struct error *error)
{
    struct column_map map = {.scale = 1, .fill = (double)NAN};
    struct column_figures figures;

    for (size_t i = 0; i < prepare->n; i++) {
        const struct transform_kind *kind = (const struct transform_kind *)prepare->item[i].kind;
        struct column_map next;

        if (!selected(prepare->item[i].config, feature->name))
            continue;
        look(dataset, train, column, &map, &figures);
        if (figures.n == 0)
            return error_set_at(error, ERROR_INVALID, "data.features",
                                "'%s' has no value in any training row", feature->name);
        kind->fit(prepare->item[i].config, &figures, &next);
        map = compose(&map, &next);
    }
    feature->scale = map.scale;
    feature->offset = map.offset;
    feature->fill = map.fill;
    return true;
}

static bool refuse_missing(const struct dataset *dataset, int64_t column,
                           const struct prepared_feature *fitted, struct error *error)
{
    const struct feature *feature = &dataset->feature[column];

    if (feature->n_missing == 0 || !isnan(fitted->fill))
        return true;
    return error_set_at(error, ERROR_INVALID, "data.features",
                        "'%s' is missing in %lld row%s of %s, first in line %lld; add {type: "
                        "impute} to prepare, or name it in data.ignore",
                        feature->name, (long long)feature->n_missing,
                        feature->n_missing == 1 ? "" : "s", dataset->path,
                        (long long)feature->missing_line);
}

/* One warning for all: images have many pixels that never change. */
static void warn_constant(const struct dataset *dataset, const struct row_list *train,
                          struct warning_list *warnings)
{
    static const struct column_map same = {.scale = 1, .fill = 0};
    char names[160] = "";
    size_t used = 0;
    int64_t n = 0;

    for (int64_t i = 0; i < dataset->n_features; i++) {
        struct column_figures figures;

        if (dataset->feature[i].categorical)
            continue;
        look(dataset, train, i, &same, &figures);
        if (figures.minimum != figures.maximum)
            continue;
        if (used < sizeof(names))
            used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", n ? ", " : "",
                                     dataset->feature[i].name);
        n++;
    }
    if (n > 0)
        warning_add(warnings, "data.features", (double)n,
                    "%lld feature%s the same in all training rows: %s%s", (long long)n,
                    n == 1 ? " is" : "s are", names, used < sizeof(names) ? "" : ", ...");
}

/* ---- categories -------------------------------------------------------------------------------*/

static bool fit_categories(const struct dataset *dataset, const struct row_list *train,
                           int64_t column, int64_t limit, struct prepared_feature *ret,
                           struct error *error)
{
    const struct feature *feature = &dataset->feature[column];
    scoped(dictionary_release) struct dictionary seen = {0};
    scoped(memory_free) int32_t *renumbered = NULL;

    for (int64_t i = 0; i < train->n; i++) {
        float code = dataset->value[train->row[i] * dataset->n_features + column];
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

static void warn_unknown(const struct dataset *dataset, const struct split *split, int64_t column,
                         const struct prepared_feature *fitted, struct warning_list *warnings)
{
    const struct feature *feature = &dataset->feature[column];
    int64_t unknown = 0;

    for (int part = SPLIT_VALID; part < SPLIT_PART_COUNT; part++)
        for (int64_t i = 0; i < split->part[part].n; i++) {
            float code = dataset->value[split->part[part].row[i] * dataset->n_features + column];
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

        preparation->target_scale[i] = 1;
        for (int64_t j = 0; standardise && j < train->n; j++) {
            double x = dataset->target[train->row[j] * n + i];
            double distance = x - mean;

            mean += distance / (double)(j + 1);
            squares += distance * (x - mean);
        }
        preparation->target_offset[i] = mean;
        if (squares > 0)
            preparation->target_scale[i] = sqrt(squares / (double)train->n);
    }
    return true;
}

static void warn_classes(const struct dataset *dataset, const struct row_list *train,
                         struct warning_list *warnings)
{
    for (int32_t k = 0; k < dataset->classes.n; k++) {
        bool found = false;
        char where[96];

        for (int64_t i = 0; !found && i < train->n; i++)
            found = dataset->label[train->row[i]] == k;
        (void)snprintf(where, sizeof(where), "class '%s'", dataset->classes.text[k]);
        if (!found)
            warning_add(warnings, where, (double)NAN, "no training row has it");
    }
}

static bool check_columns(const struct dataset *dataset, const struct kind_choices *prepare,
                          struct error *error)
{
    for (size_t i = 0; i < prepare->n; i++) {
        const struct transform_config *config = prepare->item[i].config;
        char path[64];

        (void)snprintf(path, sizeof(path), "prepare[%zu].columns", i);
        for (size_t j = 0; j < config->columns.n; j++) {
            const struct feature *found = NULL;

            for (int64_t k = 0; k < dataset->n_features; k++)
                if (strcmp(dataset->feature[k].name, config->columns.item[j]) == 0)
                    found = &dataset->feature[k];
            if (!found)
                return error_set_at(error, ERROR_INVALID, path, "there is no feature '%s'",
                                    config->columns.item[j]);
            if (found->categorical)
                return error_set_at(error, ERROR_INVALID, path, "'%s' is categorical",
                                    config->columns.item[j]);
        }
    }
    return true;
}

static bool fit_features(const struct dataset *dataset, const struct split *split,
                         const struct data_config *config, const struct kind_choices *prepare,
                         struct preparation *preparation, struct warning_list *warnings,
                         struct error *error)
{
    const struct row_list *train = &split->part[SPLIT_TRAIN];

    preparation->feature = calloc((size_t)dataset->n_features + 1, sizeof(*preparation->feature));
    if (!preparation->feature)
        return no_memory(error);
    for (int64_t i = 0; i < dataset->n_features; i++) {
        struct prepared_feature *feature = &preparation->feature[preparation->n_features++];

        feature->name = strdup(dataset->feature[i].name);
        feature->categorical = dataset->feature[i].categorical;
        feature->first = preparation->width;
        if (!feature->name)
            return no_memory(error);
        if (feature->categorical
                ? !fit_categories(dataset, train, i, config->max_categories, feature, error)
                : !fit_numeric(dataset, train, prepare, i, feature, error) ||
                      !refuse_missing(dataset, i, feature, error))
            return false;
        if (feature->categorical)
            warn_unknown(dataset, split, i, feature, warnings);
        preparation->width += feature->categorical ? feature->n_categories : 1;
    }
    warn_constant(dataset, train, warnings);
    if (preparation->width == 0)
        return error_set_at(error, ERROR_INVALID, "data.features",
                            "no feature has a value in any training row");
    return true;
}

void preparation_set_inputs(struct preparation *preparation)
{
    preparation->input[0] =
        (struct sample_input){.name = "x", .shape = {.steps = 1, .width = preparation->width}};
    preparation->n_inputs = 1;
}

bool preparation_fit(const struct dataset *dataset, const struct split *split,
                     const struct data_config *config, const struct kind_choices *prepare,
                     struct preparation **ret_preparation, struct warning_list *warnings,
                     struct error *error)
{
    scoped(preparation_free) struct preparation *preparation = calloc(1, sizeof(*preparation));
    bool standardise = config->target_transform == TARGET_TRANSFORM_STANDARD;

    if (!preparation)
        return no_memory(error);
    preparation->task = dataset->task;
    if (standardise && dataset->task == TASK_CLASSIFICATION)
        return error_set_at(error, ERROR_INVALID, "data.target_transform", "is for regression");
    if (!check_columns(dataset, prepare, error) ||
        !fit_features(dataset, split, config, prepare, preparation, warnings, error))
        return false;
    if (!copy_texts(dataset->classes.text, dataset->classes.n, &preparation->class_name,
                    &preparation->n_classes) ||
        !copy_texts(dataset->target_name, dataset->n_targets, &preparation->target_name,
                    &preparation->n_target_names) ||
        !fit_targets(dataset, &split->part[SPLIT_TRAIN], standardise, preparation))
        return no_memory(error);
    if (dataset->task == TASK_CLASSIFICATION)
        warn_classes(dataset, &split->part[SPLIT_TRAIN], warnings);
    preparation_set_inputs(preparation);
    *ret_preparation = take(&preparation);
    return true;
}
