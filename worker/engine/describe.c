/*
 * Two passes: the source's own profile, and one over all rows that fills a summary, the table of
 * labels by groups, and what the time column tells. Columns of very long integers have a third.
 */
#include "worker/engine/describe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/json.h"
#include "common/owner.h"
#include "worker/engine/dataset/data.h"
#include "worker/engine/dataset/files.h"
#include "worker/engine/dataset/number.h"
#include "worker/engine/dataset/source/source.h"
#include "worker/engine/dataset/summary.h"
#include "worker/engine/question.h"

#define GROUPS_MAX 100000
#define CLASSES_MAX 100
#define TELLS_GROUP 0.9 /* share of the variance between groups from which on it is told */
#define TELLS_TARGET 0.98
#define TEXTS_SHOWN 6
#define COLUMNS_MAX 64 /* that name a group */
#define HEAD_MAX 1000
#define STEPS_SAMPLED 10000

struct limits {
    int64_t minimum, maximum;
};

struct description {
    struct data_config config;
    cJSON *request; /* owned */
    struct data_files files;
    struct source *source;
    enum column_form *form; /* owned */
    struct table_summary summary;
    int64_t key[COLUMNS_MAX];
    int n_keys;
    int64_t time, target; /* columns; -1: none */

    struct dictionary groups;
    int64_t *rows;   /* owned, [GROUPS_MAX]: of a group */
    int64_t *label;  /* owned, [GROUPS_MAX][CLASSES_MAX], made as needed; NULL: no classes */
    double *last;    /* owned, [GROUPS_MAX]: time of a group's row before */
    double *sampled; /* owned: groups of the sampled rows; -1: not counted */
    int64_t n_sampled;
    bool many_groups;
    int64_t n_back, first_back; /* rows before the one before them */
    double *step;               /* owned: some steps of time within groups */
    int64_t n_steps;
    enum column_form *long_form; /* owned: FORM_TEXT of what has limits */
    struct limits *limits;       /* owned, [columns]: of integers that no double tells apart */

    int64_t length, stride; /* of windows; 0: none are asked about */
    int64_t n_windows;      /* in the source's own recordings */
    cJSON *head;            /* borrowed: rows; NULL: not wanted */
    int64_t n_head;
};

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "describing data");
}

static void description_release(struct description *at)
{
    settings_release(data_settings, &at->config);
    json_free(&at->request);
    source_free(&at->source);
    data_files_release(&at->files);
    summary_release(&at->summary);
    dictionary_release(&at->groups);
    free(at->form);
    free(at->rows);
    free(at->label);
    free(at->last);
    free(at->step);
    free(at->sampled);
    free(at->long_form);
    free(at->limits);
}

/* ---- what is asked ----------------------------------------------------------------------------*/

static bool read_request(struct description *at, FILE *in, struct error *error)
{
    return question_read(in, &at->request, error) && question_data(at->request, &at->config, error);
}

static bool open_source(struct description *at, struct error *error)
{
    const char *cwd = json_text(at->request, "cwd", "");

    return data_files_find(&at->config, cwd, &at->files, error) &&
           data_files_open(&at->config, &at->files, false, &at->source, error) &&
           source_profile(at->source, error);
}

static bool find_column(const struct description *at, const char *name, const char *setting,
                        int64_t *ret, struct error *error)
{
    *ret = name ? table_profile_find(&at->source->profile, name) : -1;
    return !name || *ret >= 0 ||
           error_set_at(error, ERROR_INVALID, setting, "%s has no column '%s'", at->source->path,
                        name);
}

static bool find_roles(struct description *at, struct error *error)
{
    const struct setting_texts *keys =
        at->config.series.n > 0 ? &at->config.series : &at->config.group;
    const char *setting = at->config.series.n > 0 ? "data.series" : "data.group";
    const char *time = at->config.time;

    if (keys->n > COLUMNS_MAX)
        return error_set_at(error, ERROR_INVALID, setting, "more than %d columns", COLUMNS_MAX);
    for (size_t i = 0; i < keys->n; i++)
        if (!find_column(at, keys->item[i], setting, &at->key[at->n_keys++], error))
            return false;
    if (time && strcmp(time, DATA_TIME_ROW) == 0)
        time = NULL;
    return find_column(at, time, "data.time", &at->time, error) &&
           find_column(at, at->config.target.n == 1 ? at->config.target.item[0] : NULL,
                       "data.target", &at->target, error);
}

static bool is_key(const struct description *at, int64_t column)
{
    for (int i = 0; i < at->n_keys; i++)
        if (at->key[i] == column)
            return true;
    return false;
}

/* A target of few values is one of classes. */
static bool is_class(const struct description *at, int64_t column)
{
    const struct column_profile *profile = &at->source->profile.column[column];

    return column == at->target && at->config.task != DATA_TASK_REGRESSION &&
           (profile->type == COLUMN_TEXT || at->config.task == DATA_TASK_CLASSIFICATION ||
            (profile->type == COLUMN_INTEGER && profile->n_distinct <= COLUMN_DISTINCT_MAX));
}

static bool choose_forms(struct description *at, struct error *error)
{
    const struct table_profile *profile = &at->source->profile;

    at->form = calloc((size_t)profile->n_columns, sizeof(*at->form));
    at->rows = calloc(GROUPS_MAX, sizeof(*at->rows));
    at->last = calloc(GROUPS_MAX, sizeof(*at->last));
    at->step = calloc(STEPS_SAMPLED, sizeof(*at->step));
    if (!at->form || !at->rows || !at->last || !at->step)
        return no_memory(error);
    for (int64_t i = 0; i < profile->n_columns; i++) {
        const struct column_profile *column = &profile->column[i];

        /* what is no finite number is shown as it is */
        at->form[i] = column->type == COLUMN_TEXT || column->n_special || column->n_overflow ||
                              is_key(at, i) || is_class(at, i)
                          ? FORM_TEXT
                          : FORM_REAL;
    }
    if (at->time >= 0 && at->form[at->time] != FORM_REAL)
        return error_set_at(error, ERROR_INVALID, "data.time", "'%s' holds no numbers",
                            at->config.time);
    return true;
}

/* ---- rows -------------------------------------------------------------------------------------*/

/* Where a column's value for a row of the chunk stands. */
static int64_t place_of(const struct description *at, int64_t column, int64_t row, int64_t series)
{
    return at->source->profile.column[column].of_series ? series : row;
}

static bool group_of(struct description *at, const struct source_chunk *chunk, int64_t row,
                     int64_t series, struct buffer *key, int32_t *ret, struct error *error)
{
    buffer_clear(key);
    for (int i = 0; i < at->n_keys; i++) {
        const struct column *column = &chunk->column[at->key[i]];
        int32_t code = column->code[place_of(at, at->key[i], row, series)];

        if (!buffer_append_format(key, error, "%s%s", i ? DICTIONARY_PART_END : "",
                                  code < 0 ? "" : column->dictionary.text[code]))
            return false;
    }
    *ret = dictionary_find(&at->groups, key->data ? key->data : "", key->size);
    if (*ret >= 0)
        return true;
    if (at->groups.n == GROUPS_MAX) {
        at->many_groups = true;
        return true;
    }
    if (!dictionary_add(&at->groups, key->data ? key->data : "", key->size, ret, error))
        return false;
    at->last[*ret] = NAN;
    return true;
}

static void look_at_time(struct description *at, double time, int32_t group, int64_t row)
{
    double step = time - at->last[group];

    if (step < 0 && at->n_back++ == 0)
        at->first_back = row;
    if (step > 0 && at->n_steps < STEPS_SAMPLED)
        at->step[at->n_steps++] = step;
    at->last[group] = time;
}

static int64_t windows_in(const struct description *at, int64_t rows)
{
    return at->length < 1 || rows < at->length ? 0 : (rows - at->length) / at->stride + 1;
}

/* The code of a class in the summary, which has seen the chunk. */
static int32_t class_of(const struct description *at, const struct column *column, int64_t place)
{
    int32_t code = column->code[place];
    const char *text = code < 0 ? NULL : column->dictionary.text[code];

    return text ? dictionary_find(&at->summary.column[at->target].texts, text, strlen(text)) : -1;
}

static bool look_at_groups(struct description *at, const struct source_chunk *chunk,
                           struct error *error)
{
    scoped(buffer_release) struct buffer key = {0};
    bool classes = at->target >= 0 && at->form[at->target] == FORM_TEXT;
    int64_t series = 0, end = chunk->n_series > 0 ? chunk->length[0] : chunk->n_rows;

    if (classes && !at->label && !(at->label = calloc(GROUPS_MAX, CLASSES_MAX * sizeof(int64_t))))
        return no_memory(error);
    for (int64_t i = 0; i < chunk->n_series; i++)
        at->n_windows += windows_in(at, chunk->length[i]);
    for (int64_t row = 0; row < chunk->n_rows; row++) {
        int32_t group = -1, class = -1;

        while (row >= end)
            end += chunk->length[++series];
        if (!group_of(at, chunk, row, series, &key, &group, error))
            return false;
        if (at->n_sampled < at->summary.room &&
            summary_is_sampled(&at->summary, at->source, chunk->first_row + row))
            at->sampled[at->n_sampled++] = group;
        if (group < 0)
            continue;
        at->rows[group]++;
        if (at->time >= 0)
            look_at_time(at, chunk->column[at->time].real[place_of(at, at->time, row, series)],
                         group, chunk->first_row + row);
        if (classes)
            class = class_of(at, &chunk->column[at->target], place_of(at, at->target, row, series));
        if (class >= 0 && class < CLASSES_MAX)
            at->label[(int64_t)group * CLASSES_MAX + class]++;
    }
    return true;
}

static bool take_chunk(void *context, const struct source_chunk *chunk, struct error *error)
{
    struct description *at = context;

    return summary_add(&at->summary, at->source, chunk, error) && look_at_groups(at, chunk, error);
}

/* ---- long integers ----------------------------------------------------------------------------*/

static bool take_limits(void *context, const struct source_chunk *chunk, struct error *error)
{
    struct description *at = context;

    (void)error;
    for (int64_t i = 0; i < at->source->profile.n_columns; i++) {
        const struct dictionary *texts = &chunk->column[i].dictionary;
        struct limits *limits = &at->limits[i];

        for (int32_t k = 0; at->long_form[i] == FORM_TEXT && k < texts->n; k++) {
            int64_t value;
            double number;

            if (number_parse(texts->text[k], strlen(texts->text[k]), &value, &number) !=
                NUMBER_INTEGER)
                continue;
            limits->minimum = value < limits->minimum ? value : limits->minimum;
            limits->maximum = value > limits->maximum ? value : limits->maximum;
        }
    }
    return true;
}

/* Integers that no double tells apart are read once more, as they are written: few columns are
 * so. */
static bool find_limits(struct description *at, struct error *error)
{
    const struct source_sink sink = {.context = at, .take = take_limits};
    const struct table_profile *profile = &at->source->profile;
    int64_t n = 0;

    at->long_form = calloc((size_t)profile->n_columns, sizeof(*at->long_form));
    at->limits = calloc((size_t)profile->n_columns, sizeof(*at->limits));
    if (!at->long_form || !at->limits)
        return no_memory(error);
    for (int64_t i = 0; i < profile->n_columns; i++) {
        const struct column_summary *column = &at->summary.column[i];

        if (profile->column[i].type != COLUMN_INTEGER || at->form[i] != FORM_REAL ||
            (column->minimum > -NUMBER_EXACT && column->maximum < NUMBER_EXACT))
            continue;
        at->long_form[i] = FORM_TEXT;
        at->limits[i] = (struct limits){INT64_MAX, INT64_MIN};
        n++;
    }
    return n == 0 || source_read(at->source, at->long_form, &sink, error);
}

/* ---- the answer -------------------------------------------------------------------------------*/

static bool add_number(cJSON *object, const char *name, double value)
{
    return isfinite(value) ? json_add_number(object, name, value)
                           : cJSON_AddNullToObject(object, name) != NULL;
}

/* Beyond what a double holds exactly an integer is its digits, as a text. */
static cJSON *integer_json(int64_t value)
{
    char digits[24];

    if ((double)value > -NUMBER_EXACT && (double)value < NUMBER_EXACT)
        return cJSON_CreateNumber((double)value);
    (void)snprintf(digits, sizeof(digits), "%lld", (long long)value);
    return cJSON_CreateString(digits);
}

static bool add_limit(cJSON *object, const char *name, double value, const int64_t *exact)
{
    cJSON *item = exact ? integer_json(*exact) : NULL;

    return exact ? json_add_item(object, name, &item) : add_number(object, name, value);
}

static const char *role_of(const struct description *at, int64_t column)
{
    const char *name = at->source->profile.column[column].name;

    if (column == at->time)
        return "time";
    if (is_key(at, column))
        return "group";
    for (size_t i = 0; i < at->config.target.n; i++)
        if (strcmp(at->config.target.item[i], name) == 0)
            return "target";
    for (size_t i = 0; i < at->config.id.n; i++)
        if (strcmp(at->config.id.item[i], name) == 0)
            return "id";
    for (size_t i = 0; i < at->config.ignore.n; i++)
        if (strcmp(at->config.ignore.item[i], name) == 0)
            return "ignored";
    return at->source->profile.column[column].aside ? "aside" : "feature";
}

static bool add_numbers(const struct description *at, int64_t i, cJSON *object)
{
    static const struct {
        const char *name;
        double share;
    } quantile[] = {{"p1", .01}, {"p25", .25}, {"p50", .5}, {"p75", .75}, {"p99", .99}};
    const struct column_summary *column = &at->summary.column[i];
    const struct limits *limits =
        at->long_form && at->long_form[i] == FORM_TEXT ? &at->limits[i] : NULL;
    int64_t n = 0;
    scoped(memory_free) double *sorted = summary_sorted(&at->summary, i, &n);
    double share[SUMMARY_BINS];
    cJSON *histogram;

    if (!sorted ||
        !add_limit(object, "minimum", column->minimum, limits ? &limits->minimum : NULL) ||
        !add_limit(object, "maximum", column->maximum, limits ? &limits->maximum : NULL) ||
        !add_number(object, "mean", column->n ? column->mean : (double)NAN) ||
        !add_number(object, "sd", summary_deviation(column)))
        return false;
    for (size_t j = 0; j < sizeof(quantile) / sizeof(quantile[0]); j++)
        if (!add_number(object, quantile[j].name, summary_quantile(sorted, n, quantile[j].share)))
            return false;
    summary_histogram(sorted, n, share);
    histogram = cJSON_CreateDoubleArray(share, SUMMARY_BINS);
    return json_add_item(object, "histogram", &histogram) &&
           add_number(object, "largest_step", column->largest_step) &&
           json_add_integer(object, "largest_step_row", column->largest_step_row);
}

/* The most frequent texts. */
static bool add_texts(const struct description *at, int64_t i, cJSON *object)
{
    const struct column_summary *column = &at->summary.column[i];
    cJSON *values = cJSON_AddArrayToObject(object, "values");
    int64_t below = INT64_MAX;
    int32_t shown = 0;

    if (!values || !json_add_integer(object, "distinct", column->texts.n) ||
        !json_add_boolean(object, "many", column->many_texts))
        return false;
    while (shown < TEXTS_SHOWN && shown < column->texts.n) {
        int64_t most = 0;

        for (int32_t j = 0; j < column->texts.n; j++)
            if (column->count[j] < below && column->count[j] > most)
                most = column->count[j];
        if (most == 0)
            break;
        for (int32_t j = 0; j < column->texts.n && shown < TEXTS_SHOWN; j++) {
            cJSON *item = column->count[j] == most ? cJSON_CreateObject() : NULL;

            if (column->count[j] != most)
                continue;
            shown++;
            if (!item || !cJSON_AddItemToArray(values, item) ||
                !json_add_text(item, "value", column->texts.text[j]) ||
                !json_add_integer(item, "rows", most))
                return false;
        }
        below = most;
    }
    return true;
}

static bool add_columns(const struct description *at, cJSON *answer)
{
    static const char *const type[] = {
        [COLUMN_INTEGER] = "integer", [COLUMN_REAL] = "real", [COLUMN_TEXT] = "text"};
    cJSON *list = cJSON_AddArrayToObject(answer, "columns");

    for (int64_t i = 0; list && i < at->summary.n_columns; i++) {
        const struct column_profile *profile = &at->source->profile.column[i];
        cJSON *object = cJSON_CreateObject();

        if (!object || !cJSON_AddItemToArray(list, object) ||
            !json_add_text(object, "name", profile->name) ||
            !json_add_text(object, "type", type[profile->type]) ||
            !json_add_text(object, "role", role_of(at, i)) ||
            !json_add_boolean(object, "of_series", profile->of_series) ||
            !json_add_integer(object, "missing", at->summary.column[i].n_missing) ||
            !json_add_integer(object, "not_finite", profile->n_special + profile->n_overflow) ||
            !(at->form[i] == FORM_TEXT ? add_texts(at, i, object) : add_numbers(at, i, object)))
            return false;
    }
    return list != NULL;
}

static int compare_numbers(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static bool add_time(struct description *at, cJSON *answer)
{
    cJSON *object;
    double step;

    if (at->time < 0)
        return true;
    qsort(at->step, (size_t)at->n_steps, sizeof(*at->step), compare_numbers);
    step = summary_quantile(at->step, at->n_steps, .5);
    object = cJSON_AddObjectToObject(answer, "time");
    return object && json_add_text(object, "column", at->config.time) &&
           add_number(object, "step", step) && add_number(object, "rate", 1 / step) &&
           json_add_integer(object, "backwards", at->n_back) &&
           json_add_integer(object, "first_backwards_row", at->first_back);
}

static bool add_groups(const struct description *at, cJSON *answer)
{
    const struct dictionary *classes =
        at->label ? &at->summary.column[at->target].texts : &(struct dictionary){0};
    cJSON *names = cJSON_AddArrayToObject(answer, "classes");
    cJSON *list = cJSON_AddArrayToObject(answer, "groups");
    int32_t n_classes = classes->n < CLASSES_MAX ? classes->n : CLASSES_MAX;

    if (!names || !list || !json_add_boolean(answer, "many_groups", at->many_groups))
        return false;
    for (int32_t i = 0; i < n_classes; i++) {
        cJSON *name = cJSON_CreateString(classes->text[i]);

        if (!name || !cJSON_AddItemToArray(names, name))
            return false;
    }
    for (int32_t i = 0; i < at->groups.n; i++) {
        cJSON *object = cJSON_CreateObject(), *counts;

        if (!object || !cJSON_AddItemToArray(list, object) ||
            !json_add_text(object, "name", at->groups.text[i]) ||
            !json_add_integer(object, "rows", at->rows[i]) ||
            !(counts = cJSON_AddArrayToObject(object, "labels")))
            return false;
        for (int32_t j = 0; at->label && j < n_classes; j++) {
            cJSON *count = cJSON_CreateNumber((double)at->label[(int64_t)i * CLASSES_MAX + j]);

            if (!count || !cJSON_AddItemToArray(counts, count))
                return false;
        }
    }
    return true;
}

__attribute__((format(printf, 2, 3))) static bool warn(cJSON *list, const char *format, ...)
{
    char text[512];
    va_list arguments;
    cJSON *item;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    item = cJSON_CreateString(text);
    return item && cJSON_AddItemToArray(list, item);
}

/* What a model could use that it will not have. */
static bool add_leaks(const struct description *at, cJSON *answer)
{
    const struct table_profile *profile = &at->source->profile;
    bool classes = at->target >= 0 && at->form[at->target] == FORM_TEXT;
    cJSON *list = cJSON_AddArrayToObject(answer, "leaks");

    if (!list)
        return false;
    if (at->n_keys > 0 && at->groups.n > 1 &&
        !warn(list, "a split by fraction would cut through the %d groups; split by group",
              at->groups.n))
        return false;
    for (int64_t i = 0; i < profile->n_columns; i++) {
        const char *name = profile->column[i].name;
        double group = NAN, target = NAN;

        if (at->form[i] != FORM_REAL || strcmp(role_of(at, i), "feature") != 0)
            continue;
        if (at->n_keys > 0)
            group = summary_between(&at->summary, i, at->sampled, at->groups.n);
        if (classes)
            target = summary_between(&at->summary, i, at->summary.sample[at->target],
                                     at->summary.column[at->target].texts.n);
        if (group > TELLS_GROUP &&
            !warn(list, "%s tells the group: %.0f %% of its variance lies between groups", name,
                  100 * group))
            return false;
        if (target > TELLS_TARGET &&
            !warn(list, "%s tells the target: %.0f %% of its variance lies between classes", name,
                  100 * target))
            return false;
    }
    return true;
}

static bool add_window(const struct description *at, cJSON *answer)
{
    int64_t width = 0, n = at->n_windows, n_rows = at->source->profile.n_rows;
    cJSON *object;

    if (at->length < 1)
        return true;
    for (int64_t i = 0; i < at->summary.n_columns; i++)
        width += at->form[i] == FORM_REAL && strcmp(role_of(at, i), "feature") == 0;
    if (at->source->profile.n_series == 0 || at->n_keys > 0) {
        n = 0;
        for (int32_t i = 0; i < at->groups.n; i++)
            n += windows_in(at, at->rows[i]);
    }
    object = cJSON_AddObjectToObject(answer, "window");
    return object && json_add_integer(object, "length", at->length) &&
           json_add_integer(object, "stride", at->stride) &&
           json_add_integer(object, "windows", n) && json_add_integer(object, "features", width) &&
           json_add_number(object, "bytes_as_copies",
                           (double)n * (double)at->length * (double)width * sizeof(float)) &&
           json_add_number(object, "bytes_as_views",
                           (double)n_rows * (double)width * sizeof(float));
}

static bool answer_whole(struct description *at, cJSON *answer, struct error *error)
{
    const struct source_sink sink = {.context = at, .take = take_chunk};
    const struct table_profile *profile = &at->source->profile;

    if (!summary_init(&at->summary, at->source, error))
        return false;
    at->sampled = calloc((size_t)at->summary.room, sizeof(*at->sampled));
    if (!at->sampled)
        return no_memory(error);
    if (!source_read(at->source, at->form, &sink, error) || !find_limits(at, error) ||
        !dictionary_show(&at->groups, error))
        return false;
    return (json_add_text(answer, "source", at->source->path) &&
            json_add_text(answer, "format", at->source->kind->kind.name) &&
            json_add_integer(answer, "rows", profile->n_rows) &&
            json_add_integer(answer, "series", profile->n_series) &&
            json_add_boolean(answer, "sampled", at->summary.n_sampled < profile->n_rows) &&
            add_columns(at, answer) && add_time(at, answer) && add_groups(at, answer) &&
            add_leaks(at, answer) && add_window(at, answer)) ||
           no_memory(error);
}

/* ---- the first rows ---------------------------------------------------------------------------*/

/* Integers come as texts, so that none is rounded. */
static void choose_head_forms(struct description *at)
{
    const struct table_profile *profile = &at->source->profile;

    for (int64_t i = 0; i < profile->n_columns; i++)
        if (profile->column[i].type == COLUMN_INTEGER)
            at->form[i] = FORM_TEXT;
}

static cJSON *text_json(const char *text, enum column_type type)
{
    int64_t integer;
    double number;

    return type == COLUMN_INTEGER &&
                   number_parse(text, strlen(text), &integer, &number) == NUMBER_INTEGER
               ? integer_json(integer)
               : cJSON_CreateString(text);
}

static cJSON *value_json(const struct column *column, enum column_type type, int64_t place)
{
    if (column->form == FORM_TEXT)
        return column->code[place] < 0
                   ? cJSON_CreateNull()
                   : text_json(column->dictionary.text[column->code[place]], type);
    return isnan(column->real[place]) ? cJSON_CreateNull()
                                      : cJSON_CreateNumber(column->real[place]);
}

/* CANCELLED once there are enough rows. */
static bool take_head(void *context, const struct source_chunk *chunk, struct error *error)
{
    struct description *at = context;
    int64_t series = 0, end = chunk->n_series > 0 ? chunk->length[0] : chunk->n_rows;

    for (int64_t row = 0; row < chunk->n_rows; row++) {
        cJSON *line = cJSON_CreateArray();

        if (!line || !cJSON_AddItemToArray(at->head, line))
            return no_memory(error);
        while (row >= end)
            end += chunk->length[++series];
        for (int64_t i = 0; i < at->source->profile.n_columns; i++) {
            cJSON *value = value_json(&chunk->column[i], at->source->profile.column[i].type,
                                      place_of(at, i, row, series));

            if (!value || !cJSON_AddItemToArray(line, value))
                return no_memory(error);
        }
        if (--at->n_head == 0)
            return error_set(error, ERROR_CANCELLED, "enough rows");
    }
    return true;
}

static bool answer_head(struct description *at, cJSON *answer, struct error *error)
{
    const struct source_sink sink = {.context = at, .take = take_head};
    cJSON *names = cJSON_AddArrayToObject(answer, "columns");

    choose_head_forms(at);
    at->head = cJSON_AddArrayToObject(answer, "rows");
    if (!names || !at->head)
        return no_memory(error);
    for (int64_t i = 0; i < at->source->profile.n_columns; i++) {
        cJSON *name = cJSON_CreateString(at->source->profile.column[i].name);

        if (!name || !cJSON_AddItemToArray(names, name))
            return no_memory(error);
    }
    return source_read(at->source, at->form, &sink, error) || error->kind == ERROR_CANCELLED;
}

bool describe_source(FILE *in, FILE *out, struct error *error)
{
    scoped(description_release) struct description at = {.time = -1, .target = -1};
    scoped(json_free) cJSON *answer = cJSON_CreateObject();
    scoped(buffer_release) struct buffer text = {0};

    if (!answer)
        return no_memory(error);
    if (!read_request(&at, in, error) || !open_source(&at, error) || !find_roles(&at, error) ||
        !choose_forms(&at, error))
        return false;
    at.length = json_integer(json_member(at.request, "window"), "length", 0);
    at.stride = json_integer(json_member(at.request, "window"), "stride", 1);
    at.stride = at.stride < 1 ? 1 : at.stride;
    at.n_head = json_integer(at.request, "head", 0);
    at.n_head = at.n_head < HEAD_MAX ? at.n_head : HEAD_MAX;
    if (!(at.n_head > 0 ? answer_head(&at, answer, error) : answer_whole(&at, answer, error)) ||
        !json_print(answer, &text, error))
        return false;
    return fprintf(out, "%s\n", text.data) > 0 && fflush(out) == 0;
}
