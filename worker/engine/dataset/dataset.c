#include "worker/engine/dataset/dataset.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/csv.h"
#include "worker/engine/dataset/number.h"
#include "worker/engine/dataset/roles.h"

#define EXACT_IN_FLOAT 16777216.0 /* 2^24 */

void dataset_free(struct dataset **dataset)
{
    struct dataset *gone = *dataset;

    if (!gone)
        return;
    for (int64_t i = 0; i < gone->n_features; i++) {
        free(gone->feature[i].name);
        dictionary_release(&gone->feature[i].dictionary);
    }
    for (int64_t i = 0; i < gone->n_ids; i++)
        column_release(&gone->id[i]);
    for (int64_t i = 0; gone->target_name && i < gone->n_targets; i++)
        free(gone->target_name[i]);
    free(gone->path);
    free(gone->feature);
    free(gone->value);
    free(gone->label);
    free(gone->target);
    free(gone->target_name);
    free(gone->id);
    free(gone->row_id);
    free(gone->source_row);
    free(gone->time);
    free(gone->group);
    free(gone->split_group);
    free(gone->split_value);
    series_release(&gone->series);
    dictionary_release(&gone->classes);
    dictionary_release(&gone->groups);
    dictionary_release(&gone->split_groups);
    dictionary_release(&gone->split_values);
    free(gone);
    *dataset = NULL;
}

int64_t dataset_file_row(const struct dataset *dataset, int64_t row)
{
    return dataset->source_row ? dataset->source_row[row] : row;
}

const int32_t *dataset_split_group(const struct dataset *dataset,
                                   const struct dictionary **ret_names)
{
    *ret_names = dataset->split_group ? &dataset->split_groups : &dataset->groups;
    return dataset->split_group ? dataset->split_group : dataset->group;
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "importing data");
}

/* ---- features ---------------------------------------------------------------------------------*/

/* A column that is both a group and a feature was loaded as texts. */
static bool real_of_codes(const struct column *column, const char *path, double **ret,
                          struct error *error)
{
    const struct dictionary *dictionary = &column->dictionary;
    scoped(memory_free) double *value = calloc((size_t)dictionary->n + 1, sizeof(*value));

    if (!value)
        return no_memory(error);
    for (int32_t i = 0; i < dictionary->n; i++) {
        const char *text = dictionary->text[i];
        int64_t integer;
        enum number_kind kind = number_parse(text, strlen(text), &integer, &value[i]);

        if (kind != NUMBER_INTEGER && kind != NUMBER_REAL)
            return error_set(error, ERROR_INVALID, "%s: column '%s': '%s' is not a finite number",
                             path, column->name, text);
    }
    *ret = take(&value);
    return true;
}

static void count_missing(struct feature *feature, const struct column_profile *profile)
{
    feature->n_missing = profile->n_missing;
    feature->missing_line = profile->missing_line;
}

static bool pack_numbers(struct dataset *dataset, int64_t at, const struct column *column,
                         struct warning_list *warnings, struct error *error)
{
    scoped(memory_free) double *of_code = NULL;
    double largest = 0;

    if (column->form == FORM_TEXT && !real_of_codes(column, dataset->path, &of_code, error))
        return false;
    for (int64_t row = 0; row < dataset->n_rows; row++) {
        double value = NAN;

        if (!of_code)
            value = column->real[row];
        else if (column->code[row] >= 0)
            value = of_code[column->code[row]];
        if (fabs(value) > FLT_MAX)
            return error_set(error, ERROR_INVALID,
                             "%s: column '%s': %g in row %lld is beyond the range of float32",
                             dataset->path, column->name, value, (long long)row);
        if (fabs(value) > largest && value == floor(value))
            largest = fabs(value);
        dataset->value[row * dataset->n_features + at] = (float)value;
    }
    if (largest > EXACT_IN_FLOAT && warnings)
        warning_add(warnings, column->name, largest, "integers beyond 2^24, which float32 rounds");
    return true;
}

static bool pack_categories(struct dataset *dataset, int64_t at, struct column *column)
{
    struct feature *feature = &dataset->feature[at];

    for (int64_t row = 0; row < dataset->n_rows; row++)
        dataset->value[row * dataset->n_features + at] =
            column->code[row] < 0 ? NAN : (float)column->code[row];
    /* no other role keeps the texts of a categorical feature */
    feature->dictionary = column->dictionary;
    column->dictionary = (struct dictionary){0};
    return true;
}

static bool pack_features(struct dataset *dataset, struct table *table, const struct roles *roles,
                          struct warning_list *warnings, struct error *error)
{
    dataset->feature = calloc((size_t)roles->n_features + 1, sizeof(*dataset->feature));
    dataset->value =
        malloc(((size_t)dataset->n_rows * (size_t)roles->n_features + 1) * sizeof(float));
    if (!dataset->feature || !dataset->value)
        return no_memory(error);
    dataset->n_features = roles->n_features;
    for (int64_t i = 0; i < roles->n_features; i++) {
        struct feature *feature = &dataset->feature[i];
        int64_t from = roles->feature[i];
        struct column *column = &table->column[from];

        feature->name = strdup(column->name);
        feature->categorical = roles->categorical[from];
        count_missing(feature, &roles->profile->column[from]);
        if (!feature->name)
            return no_memory(error);
        if (!(feature->categorical ? pack_categories(dataset, i, column)
                                   : pack_numbers(dataset, i, column, warnings, error)))
            return false;
    }
    return true;
}

/* ---- targets ----------------------------------------------------------------------------------*/

static bool refuse_missing(const struct column_profile *profile, const char *setting,
                           const char *path, struct error *error)
{
    return error_set_at(error, ERROR_INVALID, setting,
                        "'%s' is missing in %lld row%s of %s, first in line %lld", profile->name,
                        (long long)profile->n_missing, profile->n_missing == 1 ? "" : "s", path,
                        (long long)profile->missing_line);
}

static bool take_classes(struct dataset *dataset, struct column *column, struct error *error)
{
    scoped(memory_free) int32_t *renumbered = NULL;

    if (!dictionary_sort(&column->dictionary, &renumbered, error))
        return false;
    if (column->dictionary.n < 2)
        return error_set_at(error, ERROR_INVALID, "data.target", "'%s' has one class only, '%s'",
                            column->name, column->dictionary.text[0]);
    dataset->label = take(&column->code);
    for (int64_t row = 0; row < dataset->n_rows; row++)
        dataset->label[row] = renumbered[dataset->label[row]];
    dataset->classes = column->dictionary;
    column->dictionary = (struct dictionary){0};
    return true;
}

static bool take_values(struct dataset *dataset, const struct table *table,
                        const struct roles *roles, struct error *error)
{
    int64_t n = roles->n_targets;

    dataset->target = malloc((size_t)dataset->n_rows * (size_t)n * sizeof(double));
    if (!dataset->target)
        return no_memory(error);
    for (int64_t i = 0; i < n; i++)
        for (int64_t row = 0; row < dataset->n_rows; row++)
            dataset->target[row * n + i] = table->column[roles->target[i]].real[row];
    return true;
}

static bool take_targets(struct dataset *dataset, struct table *table, const struct roles *roles,
                         struct error *error)
{
    dataset->task = roles->task;
    dataset->target_name = calloc((size_t)roles->n_targets + 1, sizeof(char *));
    if (!dataset->target_name)
        return no_memory(error);
    for (; dataset->n_targets < roles->n_targets; dataset->n_targets++) {
        int64_t from = roles->target[dataset->n_targets];

        if (roles->profile->column[from].n_missing > 0)
            return refuse_missing(&roles->profile->column[from], "data.target", dataset->path,
                                  error);
        dataset->target_name[dataset->n_targets] = strdup(table->column[from].name);
        if (!dataset->target_name[dataset->n_targets])
            return no_memory(error);
    }
    if (roles->n_targets == 0)
        return true;
    return roles->task == TASK_CLASSIFICATION
               ? take_classes(dataset, &table->column[roles->target[0]], error)
               : take_values(dataset, table, roles, error);
}

/* ---- ids, groups ------------------------------------------------------------------------------*/

static bool append_key(const struct column *column, int64_t row, bool first, struct buffer *out,
                       struct error *error)
{
    if (!first && !buffer_append_text(out, "/", error))
        return false;
    if (column->form == FORM_INTEGER)
        return buffer_append_format(out, error, "%lld", (long long)column->integer[row]);
    return buffer_append_text(
        out, column->code[row] < 0 ? "" : column->dictionary.text[column->code[row]], error);
}

/* One code a row for the columns together. */
static bool join_columns(const struct table *table, const int64_t *from, int64_t n,
                         struct dictionary *names, int32_t **ret_code, struct error *error)
{
    scoped(memory_free) int32_t *code = malloc((size_t)table->n_rows * sizeof(*code));
    scoped(buffer_release) struct buffer key = {0};

    if (!code)
        return no_memory(error);
    for (int64_t row = 0; row < table->n_rows; row++) {
        buffer_clear(&key);
        for (int64_t i = 0; i < n; i++)
            if (!append_key(&table->column[from[i]], row, i == 0, &key, error))
                return false;
        if (!dictionary_add(names, key.data, key.size, &code[row], error))
            return false;
    }
    *ret_code = take(&code);
    return true;
}

static bool take_group(struct dataset *dataset, const struct table *table,
                       const struct roles *roles, struct error *error)
{
    for (int64_t i = 0; i < roles->n_groups + roles->n_split_groups; i++) {
        int64_t from =
            i < roles->n_groups ? roles->group[i] : roles->split_group[i - roles->n_groups];
        const struct column_profile *column = &roles->profile->column[from];

        if (column->n_missing > 0)
            return refuse_missing(column, i < roles->n_groups ? "data.group" : "data.split.group",
                                  dataset->path, error);
    }
    if (roles->n_groups > 0 && !join_columns(table, roles->group, roles->n_groups, &dataset->groups,
                                             &dataset->group, error))
        return false;
    return roles->n_split_groups == 0 ||
           join_columns(table, roles->split_group, roles->n_split_groups, &dataset->split_groups,
                        &dataset->split_group, error);
}

static bool take_split_value(struct dataset *dataset, struct table *table,
                             const struct roles *roles, struct error *error)
{
    struct dictionary *names = &dataset->split_values;

    return roles->split_column < 0 ||
           join_columns(table, &roles->split_column, 1, names, &dataset->split_value, error);
}

static bool check_unique(const struct dataset *dataset, const struct table *table,
                         const struct roles *roles, struct error *error)
{
    scoped(dictionary_release) struct dictionary seen = {0};
    scoped(memory_free) int32_t *code = NULL;
    scoped(memory_free) int64_t *first = NULL;

    if (roles->n_ids == 0)
        return true;
    if (!join_columns(table, roles->id, roles->n_ids, &seen, &code, error))
        return false;
    first = malloc((size_t)table->n_rows * sizeof(*first));
    if (!first)
        return no_memory(error);
    for (int64_t row = 0, known = 0; row < table->n_rows; row++) {
        if (code[row] < known)
            return error_set_at(error, ERROR_INVALID, "data.id",
                                "'%s' stands in rows %lld and %lld of %s", seen.text[code[row]],
                                (long long)dataset_file_row(dataset, first[code[row]]),
                                (long long)dataset_file_row(dataset, row), dataset->path);
        first[known++] = row;
    }
    return true;
}

static bool take_ids(struct dataset *dataset, struct table *table, const struct roles *roles,
                     struct error *error)
{
    if (!check_unique(dataset, table, roles, error))
        return false;
    dataset->id = calloc((size_t)roles->n_ids + 1, sizeof(*dataset->id));
    dataset->row_id = malloc((size_t)dataset->n_rows * sizeof(*dataset->row_id));
    if (!dataset->id || !dataset->row_id)
        return no_memory(error);
    for (int64_t row = 0; row < dataset->n_rows; row++)
        dataset->row_id[row] = (uint64_t)dataset_file_row(dataset, row);
    for (; dataset->n_ids < roles->n_ids; dataset->n_ids++) {
        struct column *column = &table->column[roles->id[dataset->n_ids]];

        dataset->id[dataset->n_ids] = *column;
        *column = (struct column){0};
    }
    return true;
}

/* ---- recordings -------------------------------------------------------------------------------*/

static bool check_constants(const struct data_config *config, const struct dataset *dataset,
                            const struct table *table, const struct roles *roles,
                            struct warning_list *warnings, struct error *error)
{
    for (int64_t i = 0; i < roles->n_constant; i++)
        if (!series_check_constant(config, &dataset->series, &table->column[roles->constant[i]],
                                   warnings, error))
            return false;
    return true;
}

/* Orders the table's rows by recording and time. */
static bool take_series(struct dataset *dataset, const struct data_config *config,
                        struct table *table, const struct roles *roles,
                        struct warning_list *warnings, struct error *error)
{
    scoped(dictionary_release) struct dictionary names = {0};
    scoped(memory_free) int32_t *key = NULL;
    struct series_rows rows = {.n = table->n_rows, .path = dataset->path};

    if (roles->n_series == 0 && !roles->by_time)
        return true;
    for (int64_t i = 0; i < roles->n_series; i++)
        if (roles->profile->column[roles->series[i]].n_missing > 0)
            return refuse_missing(&roles->profile->column[roles->series[i]], "data.series",
                                  dataset->path, error);
    if (roles->n_series > 0 &&
        !join_columns(table, roles->series, roles->n_series, &names, &key, error))
        return false;
    rows.key = key;
    rows.n_keys = names.n;
    rows.time = roles->time >= 0 ? table->column[roles->time].real : NULL;
    if (!series_make(config, &rows, &names, &dataset->series, &dataset->source_row, warnings,
                     error) ||
        !table_reorder(table, dataset->source_row, error) ||
        !check_constants(config, dataset, table, roles, warnings, error))
        return false;
    if (roles->time >= 0)
        dataset->time = take(&table->column[roles->time].real);
    return true;
}

/* ---- the whole --------------------------------------------------------------------------------*/

static bool build(struct source *source, const struct data_config *config,
                  const struct roles *roles, struct dataset **ret_dataset,
                  struct warning_list *warnings, struct error *error)
{
    scoped(dataset_free) struct dataset *dataset = calloc(1, sizeof(*dataset));
    scoped(table_release) struct table table = {0};

    if (!dataset || !(dataset->path = strdup(source->path)))
        return no_memory(error);
    if (!source_load(source, roles->form, &table, NULL, error))
        return false;
    dataset->n_rows = table.n_rows;
    if (!take_series(dataset, config, &table, roles, warnings, error) ||
        !take_group(dataset, &table, roles, error) ||
        !take_split_value(dataset, &table, roles, error) ||
        !take_targets(dataset, &table, roles, error) ||
        !pack_features(dataset, &table, roles, warnings, error) ||
        !take_ids(dataset, &table, roles, error))
        return false;
    *ret_dataset = take(&dataset);
    return true;
}

static bool open_source(const struct data_config *config, const char *path, struct source **ret,
                        struct error *error)
{
    const struct source_request request = data_request(config, path);

    return source_open(&request, ret, error) && source_profile(*ret, error);
}

bool dataset_import(const struct data_config *config, const char *cwd, struct dataset **ret_dataset,
                    struct warning_list *warnings, struct error *error)
{
    scoped(source_free) struct source *source = NULL;
    scoped(roles_release) struct roles roles = {0};
    scoped(buffer_release) struct buffer path = {0};

    if (data_path(cwd, config->source, &path, error) &&
        open_source(config, path.data, &source, error) &&
        roles_resolve(config, &source->profile, path.data, &roles, error) &&
        build(source, config, &roles, ret_dataset, warnings, error))
        return true;
    if (!error->path[0])
        (void)snprintf(error->path, sizeof(error->path), "data.source");
    /* a file that is not there or damaged is what is wrong with the spec */
    if (error->kind == ERROR_NOT_FOUND || error->kind == ERROR_CORRUPT)
        error->kind = ERROR_INVALID;
    return false;
}

bool dataset_import_new(const struct data_config *config, const char *path,
                        const struct feature_wish *wish, int64_t n_wishes,
                        struct dataset **ret_dataset, struct error *error)
{
    scoped(source_free) struct source *source = NULL;
    scoped(roles_release) struct roles roles = {0};

    return open_source(config, path, &source, error) &&
           roles_resolve_new(config, &source->profile, path, wish, n_wishes, &roles, error) &&
           build(source, config, &roles, ret_dataset, NULL, error);
}

bool dataset_write_id_header(const struct dataset *dataset, struct buffer *out, struct error *error)
{
    if (dataset->n_ids == 0)
        return csv_write_field(out, "row", true, error);
    for (int64_t i = 0; i < dataset->n_ids; i++)
        if (!csv_write_field(out, dataset->id[i].name, i == 0, error))
            return false;
    return true;
}

bool dataset_write_id(const struct dataset *dataset, int64_t row, struct buffer *out,
                      struct error *error)
{
    if (dataset->n_ids == 0)
        return buffer_append_format(out, error, "%lld", (long long)dataset_file_row(dataset, row));
    for (int64_t i = 0; i < dataset->n_ids; i++) {
        const struct column *column = &dataset->id[i];

        if (column->form == FORM_INTEGER) {
            if (!buffer_append_format(out, error, "%s%lld", i ? "," : "",
                                      (long long)column->integer[row]))
                return false;
        } else if (!csv_write_field(
                       out, column->code[row] < 0 ? "" : column->dictionary.text[column->code[row]],
                       i == 0, error)) {
            return false;
        }
    }
    return true;
}
