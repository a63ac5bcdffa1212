#include "worker/engine/prepared/record.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/number.h"

#define EXACT_IN_FLOAT 16777216.0 /* 2^24 */

void record_plan_release(struct record_plan *plan)
{
    for (int64_t i = 0; i < plan->n_texts; i++)
        texts_release(&plan->texts[i]);
    free(plan->texts);
    free(plan->texts_of_feature);
    *plan = (struct record_plan){0};
}

/* ---- the plan ---------------------------------------------------------------------------------*/

static int add_field(struct record_plan *plan, const char *name, enum hdf5_type type,
                     int64_t columns, const int64_t *column, int64_t texts, bool kept)
{
    struct record_field *field = &plan->field[plan->n_fields];

    (void)snprintf(field->name, sizeof(field->name), "%s", name);
    field->type = type;
    field->columns = columns;
    field->column = column;
    field->texts = texts;
    field->kept = kept;
    return plan->n_fields++;
}

static int64_t add_texts(struct record_plan *plan, const int64_t *column, int64_t n, bool joined)
{
    plan->texts[plan->n_texts] = (struct texts){.column = column, .n_columns = n, .joined = joined};
    return plan->n_texts++;
}

static int add_joined(struct record_plan *plan, const char *name, const int64_t *column, int64_t n,
                      bool kept)
{
    return n == 0
               ? -1
               : add_field(plan, name, HDF5_INT32, 1, NULL, add_texts(plan, column, n, true), kept);
}

/* A field for each column, of the form in which it is read. */
static void add_columns(struct record_plan *plan, const char *what, const int64_t *column,
                        int64_t n, bool kept)
{
    static const enum hdf5_type type[] = {
        [FORM_REAL] = HDF5_FLOAT64, [FORM_INTEGER] = HDF5_INT64, [FORM_TEXT] = HDF5_INT32};

    for (int64_t i = 0; i < n; i++) {
        enum column_form form = plan->roles->form[column[i]];
        char name[HDF5_NAME_SIZE];

        (void)snprintf(name, sizeof(name), "%s%lld", what, (long long)i);
        (void)add_field(plan, name, type[form], 1, &column[i],
                        form == FORM_TEXT ? add_texts(plan, &column[i], 1, false) : -1, kept);
    }
}

static void add_features(struct record_plan *plan)
{
    const struct roles *roles = plan->roles;

    for (int64_t i = 0; i < roles->n_features; i++) {
        const int64_t *column = &roles->feature[i];

        plan->texts_of_feature[i] =
            roles->form[*column] == FORM_TEXT ? add_texts(plan, column, 1, false) : -1;
    }
    plan->value =
        add_field(plan, "value", HDF5_FLOAT32, roles->n_features, roles->feature, -1, true);
}

static void add_targets(struct record_plan *plan)
{
    const struct roles *roles = plan->roles;
    bool classes = roles->task == TASK_CLASSIFICATION;

    if (roles->n_targets > 0 && classes)
        plan->label = add_field(plan, "label", HDF5_INT32, 1, roles->target,
                                add_texts(plan, roles->target, 1, false), true);
    if (roles->n_targets > 0 && !classes)
        plan->target =
            add_field(plan, "target", HDF5_FLOAT64, roles->n_targets, roles->target, -1, true);
}

/* Eight bytes wide first, so that everything lies at a multiple of its size. */
static void place_fields(struct record_plan *plan)
{
    for (int wide = 1; wide >= 0; wide--)
        for (int i = 0; i < plan->n_fields; i++) {
            struct record_field *field = &plan->field[i];
            bool is_wide = field->type == HDF5_FLOAT64 || field->type == HDF5_INT64;

            if (is_wide != wide || field->apart)
                continue;
            field->offset = plan->size;
            plan->size += field->columns * (is_wide ? 8 : 4);
        }
    plan->size = (plan->size + 7) & ~(int64_t)7;
}

bool record_plan_init(struct record_plan *plan, const struct roles *roles, bool targets_apart,
                      struct error *error)
{
    *plan = (struct record_plan){.roles = roles, .time = -1, .label = -1, .target = -1};
    plan->texts =
        calloc((size_t)(roles->n_features + roles->n_ids + roles->n_constant + roles->n_where) + 8,
               sizeof(*plan->texts));
    plan->texts_of_feature = calloc((size_t)roles->n_features + 1, sizeof(*plan->texts_of_feature));
    if (!plan->texts || !plan->texts_of_feature)
        return error_set(error, ERROR_NO_MEMORY, "importing data");
    plan->row = add_field(plan, "source_row", HDF5_INT64, 1, NULL, -1,
                          roles->n_series > 0 || roles->by_time);
    if (roles->time >= 0)
        plan->time = add_field(plan, "time", HDF5_FLOAT64, 1, &roles->time, -1, true);
    add_targets(plan);
    if (plan->target >= 0)
        plan->field[plan->target].apart = targets_apart;
    add_features(plan);
    plan->series = add_joined(plan, "series", roles->series, roles->n_series, false);
    plan->group = add_joined(plan, "group", roles->group, roles->n_groups, true);
    plan->split_group =
        add_joined(plan, "split_group", roles->split_group, roles->n_split_groups, true);
    plan->split_value =
        add_joined(plan, "split_value", &roles->split_column, roles->split_column >= 0, true);
    plan->first_constant = plan->n_fields;
    add_columns(plan, "constant", roles->constant, roles->n_constant, false);
    plan->first_id = plan->n_fields;
    add_columns(plan, "id", roles->id, roles->n_ids, true);
    plan->first_where = plan->n_fields;
    add_columns(plan, "where", roles->where, roles->n_where, true);
    place_fields(plan);
    return true;
}

/* ---- one chunk --------------------------------------------------------------------------------*/

static bool too_large(const char *path, const struct column *column, double value, int64_t row,
                      struct error *error)
{
    return error_set(error, ERROR_INVALID,
                     "%s: column '%s': %g in row %lld is beyond the range of float32", path,
                     column->name, value, (long long)row);
}

static bool fill_numbers(const struct source_chunk *chunk, const struct column *column,
                         const char *path, const int64_t *place, char *to, double *largest,
                         struct error *error)
{
    double most = 0;

    for (int64_t i = 0; i < chunk->n_rows; i++) {
        float value = (float)column->real[i];
        double size = fabs(column->real[i]);

        most = size > most ? size : most;
        memcpy(to + place[i], &value, sizeof(value));
    }
    if (most <= EXACT_IN_FLOAT)
        return true;
    for (int64_t i = 0; i < chunk->n_rows; i++) {
        double size = fabs(column->real[i]);

        if (size > FLT_MAX)
            return too_large(path, column, column->real[i], chunk->first_row + i, error);
        if (size > *largest && size > EXACT_IN_FLOAT && size == floor(size))
            *largest = size;
    }
    return true;
}

static void fill_codes(const struct source_chunk *chunk, const struct texts_chunk *text,
                       const int64_t *place, char *to)
{
    for (int64_t i = 0; i < chunk->n_rows; i++) {
        int32_t code = text->code[i] < 0 ? -1 : text->global[text->code[i]];

        memcpy(to + place[i], &code, sizeof(code));
    }
}

/* A column that is a group too came as texts. */
static bool numbers_of_texts(const struct column *column, const char *path, double **ret,
                             struct error *error)
{
    const struct dictionary *dictionary = &column->dictionary;
    scoped(memory_free) double *value = calloc((size_t)dictionary->n + 1, sizeof(*value));

    if (!value)
        return error_set(error, ERROR_NO_MEMORY, "importing data");
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

static bool fill_numbers_of_texts(const struct source_chunk *chunk, const struct column *column,
                                  const char *path, const int64_t *place, char *to, double *largest,
                                  struct error *error)
{
    scoped(memory_free) double *of_code = NULL;
    scoped(memory_free) double *value = malloc(((size_t)chunk->n_rows + 1) * sizeof(*value));
    struct column numbers = {.name = column->name, .form = FORM_REAL, .real = value};

    if (!value)
        return error_set(error, ERROR_NO_MEMORY, "importing data");
    if (!numbers_of_texts(column, path, &of_code, error))
        return false;
    for (int64_t i = 0; i < chunk->n_rows; i++)
        value[i] = column->code[i] < 0 ? (double)NAN : of_code[column->code[i]];
    return fill_numbers(chunk, &numbers, path, place, to, largest, error);
}

static bool fill_features(const struct record_plan *plan, const char *path,
                          const struct source_chunk *chunk, const struct texts_chunk *text,
                          const int64_t *place, char *records, double *largest, struct error *error)
{
    const struct record_field *field = &plan->field[plan->value];

    for (int64_t i = 0; i < field->columns; i++) {
        const struct column *column = &chunk->column[field->column[i]];
        char *to = records + field->offset + i * (int64_t)sizeof(float);
        bool categorical = plan->roles->categorical[field->column[i]];

        if (categorical)
            fill_codes(chunk, &text[plan->texts_of_feature[i]], place, to);
        else if (!(column->form == FORM_TEXT
                       ? fill_numbers_of_texts(chunk, column, path, place, to, &largest[i], error)
                       : fill_numbers(chunk, column, path, place, to, &largest[i], error)))
            return false;
    }
    return true;
}

static void fill_wide(const struct source_chunk *chunk, const struct column *column,
                      const int64_t *place, char *to)
{
    for (int64_t i = 0; i < chunk->n_rows; i++)
        memcpy(to + place[i],
               column->form == FORM_REAL ? (const void *)&column->real[i]
                                         : (const void *)&column->integer[i],
               8);
}

static void fill_field(const struct record_field *field, const struct source_chunk *chunk,
                       const struct texts_chunk *text, const int64_t *place, char *to)
{
    if (field->texts >= 0) {
        fill_codes(chunk, &text[field->texts], place, to);
        return;
    }
    for (int64_t i = 0; field->column && i < field->columns; i++)
        fill_wide(chunk, &chunk->column[field->column[i]], place, to + i * 8);
    for (int64_t i = 0; !field->column && i < chunk->n_rows; i++) {
        int64_t row = chunk->first_row + i;

        memcpy(to + place[i], &row, sizeof(row));
    }
}

bool record_fill(const struct record_plan *plan, const char *path, const struct source_chunk *chunk,
                 const struct texts_chunk *text, const int64_t *place, char *records,
                 double *largest, struct error *error)
{
    for (int i = 0; i < plan->n_fields; i++) {
        const struct record_field *field = &plan->field[i];

        if (i == plan->value) {
            if (!fill_features(plan, path, chunk, text, place, records, largest, error))
                return false;
        } else if (!field->apart) {
            fill_field(field, chunk, text, place, records + field->offset);
        }
    }
    return true;
}
