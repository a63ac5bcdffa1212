#include "worker/engine/trace.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/json.h"
#include "common/owner.h"
#include "common/random.h"
#include "worker/engine/dataset/data.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/dataset/files.h"
#include "worker/engine/output_place.h"
#include "worker/engine/prepared/prepared.h"
#include "worker/engine/question.h"

#define COLUMNS_MAX 32
#define CLASSES_MAX 12 /* more values of a colour are intervals */
#define INTERVALS 8
#define ROWS_MAX 100000 /* of a picture */
#define WINDOWS_MAX 100 /* of each class */

struct trace {
    struct data_config config;
    cJSON *request; /* owned */
    struct data_files files;
    struct dataset *dataset; /* owned: the columns, then the colour */
    const char *color;       /* borrowed; NULL: none */
    struct source *source;   /* owned: profiled; NULL: it is known which columns are drawn */
    int64_t n_columns, color_column;
    int64_t n_left_out;        /* columns that might be drawn, too */
    int32_t *code;             /* owned, [n_rows]: the class that colours a row, -1: none */
    struct dictionary classes; /* of colours */
    cJSON *answer;             /* owned */
    cJSON *lines;              /* borrowed from it */
};

static void trace_release(struct trace *at)
{
    settings_release(data_settings, &at->config);
    source_free(&at->source);
    dataset_free(&at->dataset);
    data_files_release(&at->files);
    dictionary_release(&at->classes);
    free(at->code);
    json_free(&at->answer);
    json_free(&at->request);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "tracing rows");
}

/* ---- what is asked ----------------------------------------------------------------------------*/

static bool read_request(struct trace *at, FILE *in, struct error *error)
{
    if (!question_read(in, &at->request, error))
        return false;
    at->color = json_text(at->request, "color", NULL);
    return question_data(at->request, &at->config, error) &&
           output_place_spares_data(json_text(at->request, "output", "-"), &at->config,
                                    json_text(at->request, "cwd", NULL), error);
}

/* A colour by place is no column of the source. */
static bool colored_by_place(const struct trace *at)
{
    return at->color && (strcmp(at->color, DATA_TIME_ROW) == 0 ||
                         (at->config.time && strcmp(at->color, at->config.time) == 0));
}

static bool is_named(const struct setting_texts *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->item[i], name) == 0)
            return true;
    return false;
}

/* Numbers without another role, and not the colour. */
static bool is_drawn(const struct trace *at, const struct column_profile *column)
{
    const struct data_config *config = &at->config;
    const struct setting_texts *const roles[] = {&config->id,     &config->group,
                                                 &config->series, &config->target,
                                                 &config->ignore, &config->categorical};

    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
        if (is_named(roles[i], column->name))
            return false;
    return column->type != COLUMN_TEXT && !column->aside && !column->n_special &&
           !column->n_overflow && !(config->time && strcmp(config->time, column->name) == 0) &&
           !(at->color && strcmp(at->color, column->name) == 0);
}

/* Where nobody says which: the first ones that hold numbers, by a look at all rows. */
static bool find_columns(struct trace *at, struct feature_wish *wish, struct error *error)
{
    const struct table_profile *profile;

    if (!data_files_open(&at->config, &at->files, false, &at->source, error) ||
        !source_profile(at->source, error))
        return false;
    profile = &at->source->profile;
    for (int64_t i = 0; i < profile->n_columns; i++) {
        if (!is_drawn(at, &profile->column[i]))
            continue;
        if (at->n_columns == COLUMNS_MAX)
            at->n_left_out++;
        else
            wish[at->n_columns++] = (struct feature_wish){profile->column[i].name, false};
    }
    return at->n_columns > 0 ||
           error_set(error, ERROR_INVALID, "%s: no column holds numbers that could be drawn",
                     at->source->path);
}

static bool list_columns(struct trace *at, struct feature_wish *wish, struct error *error)
{
    const cJSON *columns = json_member(at->request, "columns"), *column;
    const struct setting_texts *features = &at->config.features;

    cJSON_ArrayForEach(column, columns)
    {
        if (at->n_columns == COLUMNS_MAX)
            return error_set(error, ERROR_INVALID, "more than %d columns", COLUMNS_MAX);
        wish[at->n_columns++] = (struct feature_wish){column->valuestring, false};
    }
    if (columns)
        return true;
    if (features->n == 0)
        return find_columns(at, wish, error);
    for (size_t i = 0; i < features->n && i < COLUMNS_MAX; i++)
        wish[at->n_columns++] = (struct feature_wish){features->item[i], false};
    at->n_left_out = (int64_t)features->n - at->n_columns;
    return true;
}

static bool import_rows(struct trace *at, struct error *error)
{
    struct feature_wish wish[COLUMNS_MAX + 1];
    struct prepared_request request = {.config = &at->config, .files = &at->files, .wish = wish};

    if (!data_files_find(&at->config, json_text(at->request, "cwd", NULL), &at->files, error))
        return false;
    if (!list_columns(at, wish, error))
        return dataset_blame_source(error);
    at->color_column = at->n_columns;
    if (at->color && !colored_by_place(at))
        wish[at->n_columns] = (struct feature_wish){at->color, true};
    request.n_wishes = at->n_columns + (at->color && !colored_by_place(at));
    return prepared_in_memory(&request, &at->dataset, error) || dataset_blame_source(error);
}

/* ---- colours ----------------------------------------------------------------------------------*/

/* The number that colours a row; NAN: none. */
static double place_of(const struct trace *at, int64_t row)
{
    const struct dataset *dataset = at->dataset;
    float code;

    if (colored_by_place(at))
        return dataset->time && strcmp(at->color, DATA_TIME_ROW) != 0 ? dataset->time[row]
                                                                      : (double)row;
    code = dataset->value[row * dataset->n_features + at->color_column];
    return isnan(code)
               ? (double)NAN
               : strtod(dataset->feature[at->color_column].dictionary.text[(int32_t)code], NULL);
}

static bool add_class(struct trace *at, const char *text, struct error *error)
{
    int32_t code;

    return dictionary_add(&at->classes, text, strlen(text), &code, error);
}

static bool color_by_interval(struct trace *at, int64_t first, int64_t end, struct error *error)
{
    double low = (double)INFINITY, high = -(double)INFINITY, width;
    char text[64];

    for (int64_t row = first; row < end; row++) {
        low = fmin(low, place_of(at, row));
        high = fmax(high, place_of(at, row));
    }
    if (!isfinite(low) || !isfinite(high))
        return error_set(error, ERROR_INVALID, "'%s' holds neither categories nor numbers",
                         at->color);
    width = high > low ? (high - low) / INTERVALS : 1;
    for (int i = 0; i < INTERVALS; i++) {
        (void)snprintf(text, sizeof(text), "%.6g to %.6g", low + i * width, low + (i + 1) * width);
        if (!add_class(at, text, error))
            return false;
    }
    for (int64_t row = first; row < end; row++) {
        double place = (place_of(at, row) - low) / width;

        at->code[row] = isnan(place)            ? -1
                        : place < at->classes.n ? (int32_t)place
                                                : at->classes.n - 1;
    }
    return true;
}

static bool color_by_category(struct trace *at, struct error *error)
{
    const struct dataset *dataset = at->dataset;
    struct feature *feature = &at->dataset->feature[at->color_column];
    scoped(memory_free) int32_t *number = NULL;

    for (int32_t i = 0; i < feature->dictionary.n; i++)
        if (!add_class(at, feature->dictionary.text[i], error))
            return false;
    if (!dictionary_sort(&at->classes, &number, error))
        return false;
    for (int64_t row = 0; row < dataset->n_rows; row++) {
        float code = dataset->value[row * dataset->n_features + at->color_column];

        at->code[row] = isnan(code) ? -1 : number[(int32_t)code];
    }
    return true;
}

static bool is_number(const char *text)
{
    char *end;

    (void)strtod(text, &end);
    return end != text && !*end;
}

/* Of the rows first .. end - 1. */
static bool color_rows(struct trace *at, int64_t first, int64_t end, struct error *error)
{
    const struct dictionary *texts;
    bool numbers = true;

    at->code = malloc((size_t)at->dataset->n_rows * sizeof(*at->code));
    if (!at->code)
        return no_memory(error);
    for (int64_t row = 0; row < at->dataset->n_rows; row++)
        at->code[row] = -1;
    if (!at->color)
        return true;
    if (colored_by_place(at))
        return color_by_interval(at, first, end, error);
    texts = &at->dataset->feature[at->color_column].dictionary;
    for (int32_t i = 0; i < texts->n && numbers; i++)
        numbers = is_number(texts->text[i]);
    if (texts->n > CLASSES_MAX && !numbers)
        return error_set(error, ERROR_INVALID, "'%s' has %d categories, and colours are %d",
                         at->color, texts->n, CLASSES_MAX);
    return texts->n > CLASSES_MAX ? color_by_interval(at, first, end, error)
                                  : color_by_category(at, error);
}

/* ---- lines ------------------------------------------------------------------------------------*/

static bool add_number(cJSON *list, double value)
{
    cJSON *item = isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull();

    return item && cJSON_AddItemToArray(list, item);
}

/* Rows first .. end - 1; their x is the time, or counted from `from`. */
static bool add_line(struct trace *at, int64_t first, int64_t end, const double *time, int64_t from,
                     int32_t class, struct error *error)
{
    const struct dataset *dataset = at->dataset;
    cJSON *line = cJSON_CreateObject(), *x, *y, *color;

    if (!line || !cJSON_AddItemToArray(at->lines, line))
        return no_memory(error);
    x = json_add_array(line, "x");
    y = json_add_array(line, "y");
    color = json_add_array(line, "color");
    if (!x || !y || !color || !json_add_integer(line, "class", class))
        return no_memory(error);
    for (int64_t row = first; row < end; row++)
        if (!add_number(x, time ? time[row] : (double)(row - from)) ||
            !add_number(color, at->code[row] < 0 ? (double)NAN : at->code[row]))
            return no_memory(error);
    for (int64_t i = 0; i < at->n_columns; i++) {
        cJSON *values = cJSON_CreateArray();

        if (!values || !cJSON_AddItemToArray(y, values))
            return no_memory(error);
        for (int64_t row = first; row < end; row++)
            if (!add_number(values, (double)dataset->value[row * dataset->n_features + i]))
                return no_memory(error);
    }
    return true;
}

/* The rows that are asked for: of the recording, or of all. */
static bool choose_rows(const struct trace *at, int64_t *ret_first, int64_t *ret_end,
                        struct error *error)
{
    const struct series *series = &at->dataset->series;
    const char *name = json_text(at->request, "recording", NULL);
    int64_t first = 0, end = at->dataset->n_rows, from, to;

    if (name) {
        int32_t number = dictionary_find(&series->names, name, strlen(name));

        if (number < 0)
            return error_set(error, ERROR_INVALID, "there is no recording '%s'%s%s", name,
                             series->names.n > 0 ? "; the first is " : "",
                             series->names.n > 0 ? series->names.text[0] : "");
        if (dictionary_has_alike(&series->names, number))
            return error_set(error, ERROR_INVALID,
                             "several recordings are called '%s', since values hold '/'", name);
        first = series->first[number];
        end = series->first[number + 1];
    }
    from = json_integer(at->request, "first", 0);
    to = json_integer(at->request, "last", end - first - 1);
    if (from < 0 || from > to || from >= end - first)
        return error_set(error, ERROR_INVALID, "there are rows 0 to %lld",
                         (long long)(end - first - 1));
    *ret_end = to < end - first ? first + to + 1 : end;
    *ret_first = first + from;
    return *ret_end - *ret_first <= ROWS_MAX ||
           error_set(error, ERROR_INVALID, "%lld rows are more than the %d of a picture",
                     (long long)(*ret_end - *ret_first), ROWS_MAX);
}

/* Where the segment of a row ends, whose number moves on. */
static int64_t segment_end(const struct dataset *dataset, int64_t row)
{
    const struct series *series = &dataset->series;

    return series->n == 0 ? dataset->n_rows : series->segment[series_segment_of(series, row) + 1];
}

/* Time serves as x where the rows are of one recording. */
static const double *time_of(const struct trace *at, int64_t first, int64_t end)
{
    const struct series *series = &at->dataset->series;

    for (int64_t i = 0; i < series->n; i++)
        if (series->first[i] <= first && end <= series->first[i + 1])
            return at->dataset->time;
    return NULL;
}

static bool add_rows(struct trace *at, struct error *error)
{
    int64_t first, end;
    const double *time;

    if (!choose_rows(at, &first, &end, error) || !color_rows(at, first, end, error))
        return false;
    time = time_of(at, first, end);
    for (int64_t row = first, stop; row < end; row = stop) {
        stop = segment_end(at->dataset, row);
        stop = stop < end ? stop : end;
        if (!add_line(at, row, stop, time, 0, -1, error))
            return false;
    }
    return json_add_text(at->answer, "x", time ? at->config.time : DATA_TIME_ROW) ||
           no_memory(error);
}

/* ---- windows of each class --------------------------------------------------------------------*/

struct found { /* windows of a class */
    int64_t n; /* that there are */
    int64_t first[WINDOWS_MAX];
};

/* Whether all rows of the window have one class. */
static bool is_pure(const struct trace *at, int64_t first, int64_t length)
{
    for (int64_t row = first; row < first + length; row++)
        if (at->code[row] != at->code[first])
            return false;
    return at->code[first] >= 0;
}

/* Vitter's reservoir: of all windows that follow one another, each is as likely. */
static void find_windows(const struct trace *at, int64_t length, int64_t wanted, uint64_t seed,
                         struct found *found)
{
    uint32_t purpose = random_purpose("plot", "windows");

    for (int64_t row = 0, end; row < at->dataset->n_rows; row = end) {
        end = segment_end(at->dataset, row);
        for (; row + length <= end; row += length) {
            struct found *of = is_pure(at, row, length) ? &found[at->code[row]] : NULL;
            int64_t place;

            if (!of)
                continue;
            place = of->n < wanted ? of->n
                                   : (int64_t)random_below(seed, (uint64_t)row, 0, purpose,
                                                           (uint64_t)of->n + 1);
            of->n++;
            if (place < wanted)
                of->first[place] = row;
        }
    }
}

static bool add_windows(struct trace *at, int64_t wanted, struct error *error)
{
    int64_t length = json_integer(at->request, "length", 0), n = 0;
    uint64_t seed = (uint64_t)json_integer(at->request, "seed", 0);
    scoped(memory_free) struct found *found = calloc(CLASSES_MAX, sizeof(*found));

    if (!found)
        return no_memory(error);
    if (!at->color || length < 1 || wanted > WINDOWS_MAX)
        return error_set(error, ERROR_INVALID,
                         "windows of each class need a colour, a length, and are at most %d",
                         WINDOWS_MAX);
    if (!color_rows(at, 0, at->dataset->n_rows, error))
        return false;
    find_windows(at, length, wanted, seed, found);
    for (int32_t class = 0; class < at->classes.n; class ++)
        for (int64_t i = 0; i < wanted && i < found[class].n; i++, n++)
            if (!add_line(at, found[class].first[i], found[class].first[i] + length, NULL,
                          found[class].first[i], class, error))
                return false;
    if (n == 0)
        return error_set(error, ERROR_INVALID, "no %lld rows that follow one another have one '%s'",
                         (long long)length, at->color);
    return json_add_text(at->answer, "x", "step") || no_memory(error);
}

/* ---- the answer -------------------------------------------------------------------------------*/

static bool add_head(struct trace *at, struct error *error)
{
    cJSON *columns = json_add_array(at->answer, "columns");
    cJSON *color = at->color ? json_add_object(at->answer, "color") : NULL;
    cJSON *classes = color ? json_add_array(color, "classes") : NULL;

    for (int64_t i = 0; columns && i < at->n_columns; i++)
        if (!cJSON_AddItemToArray(columns, cJSON_CreateString(at->dataset->feature[i].name)))
            return no_memory(error);
    for (int32_t i = 0; classes && i < at->classes.n; i++)
        if (!cJSON_AddItemToArray(classes, cJSON_CreateString(at->classes.text[i])))
            return no_memory(error);
    return (columns && json_add_text(at->answer, "source", at->dataset->path) &&
            (at->n_left_out == 0 || json_add_integer(at->answer, "left_out", at->n_left_out)) &&
            (!at->color || (classes && json_add_text(color, "name", at->color)))) ||
           no_memory(error);
}

bool trace_answer(FILE *in, FILE *out, struct error *error)
{
    scoped(trace_release) struct trace at = {.answer = cJSON_CreateObject()};
    scoped(buffer_release) struct buffer text = {0};
    int64_t windows;

    at.lines = at.answer ? json_add_array(at.answer, "lines") : NULL;
    if (!at.lines)
        return no_memory(error);
    if (!read_request(&at, in, error) || !import_rows(&at, error))
        return false;
    windows = json_integer(at.request, "windows", 0);
    if (!(windows > 0 ? add_windows(&at, windows, error) : add_rows(&at, error)) ||
        !add_head(&at, error) || !json_print(at.answer, &text, error))
        return false;
    return (fprintf(out, "%s\n", text.data) > 0 && fflush(out) == 0) ||
           error_set_errno(error, errno, "writing the answer");
}
