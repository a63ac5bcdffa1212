/*
 * The .ts format of the UEA and UCR archives of time series: @keywords, then one sample a line, its
 * dimensions separated by ':', their values by ','. With timeStamps a value is written
 * (time,value). The class or target stands at the line's end.
 *
 * A sample is a series: its values are the rows, its label belongs to the series. Its number is the
 * column "series", dimensions are called dim1, dim2, ..., the label "label".
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/owner.h"
#include "worker/engine/dataset/dictionary.h"
#include "worker/engine/dataset/source/batch.h"
#include "worker/engine/dataset/source/cell.h"
#include "worker/engine/dataset/source/kinds.h"
#include "worker/engine/dataset/source/stream.h"

#define DIMENSIONS_MAX 10000

enum ts_label { TS_LABEL_NONE, TS_LABEL_CLASS, TS_LABEL_TARGET };

struct ts_header { /* all-zero is a valid empty one */
    enum ts_label label;
    bool stamped;
    bool equal_length;         /* as it says */
    int64_t dimensions;        /* 0: not said */
    int64_t length;            /* 0: not said */
    struct dictionary classes; /* as it says; empty: any */
};

/* One pass over the samples. */
struct ts_pass {
    const char *path;
    struct ts_header header;
    struct missing_texts missing;
    struct line line;
    int64_t first_length; /* of the first sample; 0: none yet */
    struct cell *cell;    /* owned: of the sample, dimension by dimension */
    struct cell *stamp;   /* owned: [n_cells] where the file has them */
    int64_t n_cells, capacity;
    int64_t n_dimensions, length; /* of the sample */
    struct cell label;
    struct error *error;
};

static void ts_pass_release(struct ts_pass *pass)
{
    dictionary_release(&pass->header.classes);
    free(pass->cell);
    free(pass->stamp);
}

__attribute__((format(printf, 2, 3))) static bool bad(const struct ts_pass *pass,
                                                      const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return error_set(pass->error, ERROR_INVALID, "%s: line %lld: %s", pass->path,
                     (long long)pass->line.number, text);
}

/* ---- the header -------------------------------------------------------------------------------*/

static bool read_flag(const struct ts_pass *pass, const char *value, bool *ret)
{
    if (strcasecmp(value, "true") != 0 && strcasecmp(value, "false") != 0)
        return bad(pass, "'%s' is neither true nor false", value);
    *ret = strcasecmp(value, "true") == 0;
    return true;
}

static bool read_count(const struct ts_pass *pass, const char *value, int64_t most, int64_t *ret)
{
    char *end = NULL;
    long long n = strtoll(value, &end, 10);

    if (end == value || *end || n < 1 || n > most)
        return bad(pass, "'%s' is no number from 1 to %lld", value, (long long)most);
    *ret = n;
    return true;
}

static bool read_classes(struct ts_pass *pass, char **at)
{
    for (char *name; (name = strtok_r(NULL, " \t", at));) {
        int32_t code, known = pass->header.classes.n;

        if (!dictionary_add(&pass->header.classes, name, strlen(name), &code, pass->error))
            return false;
        if (code < known)
            return bad(pass, "the class '%s' is named twice", name);
    }
    return true;
}

static bool read_label(struct ts_pass *pass, const char *value, enum ts_label kind, char **at)
{
    bool is = false;

    if (!read_flag(pass, value, &is))
        return false;
    if (is && pass->header.label != TS_LABEL_NONE)
        return bad(pass, "a second label");
    if (is)
        pass->header.label = kind;
    return !is || kind == TS_LABEL_TARGET || read_classes(pass, at);
}

/* "@word value ...": what is not known (@problemName) says nothing about the values. */
static bool read_keyword(struct ts_pass *pass, char *text)
{
    struct ts_header *header = &pass->header;
    char *at = NULL;
    const char *word = strtok_r(text, " \t", &at);
    const char *value = strtok_r(NULL, " \t", &at);
    bool univariate = false;

    if (!value)
        return true;
    if (strcasecmp(word, "@timestamps") == 0)
        return read_flag(pass, value, &header->stamped);
    if (strcasecmp(word, "@univariate") == 0) {
        if (!read_flag(pass, value, &univariate))
            return false;
        header->dimensions = univariate ? 1 : header->dimensions;
        return true;
    }
    if (strcasecmp(word, "@dimensions") == 0 || strcasecmp(word, "@dimension") == 0)
        return read_count(pass, value, DIMENSIONS_MAX, &header->dimensions);
    if (strcasecmp(word, "@equallength") == 0)
        return read_flag(pass, value, &header->equal_length);
    if (strcasecmp(word, "@serieslength") == 0)
        return read_count(pass, value, INT32_MAX, &header->length);
    if (strcasecmp(word, "@classlabel") == 0)
        return read_label(pass, value, TS_LABEL_CLASS, &at);
    if (strcasecmp(word, "@targetlabel") == 0)
        return read_label(pass, value, TS_LABEL_TARGET, &at);
    return true;
}

static bool is_blank_or_comment(const struct line *line)
{
    return line->text[strspn(line->text, " \t")] == '\0' || line->text[0] == '#';
}

static bool read_header(struct ts_pass *pass, struct stream *stream)
{
    bool more = true;

    for (;;) {
        if (!stream_next_line(stream, &pass->line, &more, pass->error))
            return false;
        if (!more)
            return error_set(pass->error, ERROR_INVALID, "%s: has no line @data", pass->path);
        if (is_blank_or_comment(&pass->line))
            continue;
        if (pass->line.text[0] != '@')
            return bad(pass, "expected a keyword such as @data");
        if (strncasecmp(pass->line.text, "@data", 5) == 0 &&
            pass->line.text[5 + strspn(pass->line.text + 5, " \t")] == '\0')
            return true;
        if (!read_keyword(pass, pass->line.text))
            return false;
    }
}

/* ---- a sample ---------------------------------------------------------------------------------*/

static bool add_cell(struct ts_pass *pass, struct cell value, struct cell stamp)
{
    if (pass->n_cells == pass->capacity) {
        int64_t capacity = pass->capacity * 2 + 1024;
        struct cell *cell = realloc(pass->cell, (size_t)capacity * sizeof(*cell));
        struct cell *stamps = realloc(pass->stamp, (size_t)capacity * sizeof(*stamps));

        pass->cell = cell ? cell : pass->cell;
        pass->stamp = stamps ? stamps : pass->stamp;
        if (!cell || !stamps)
            return error_set(pass->error, ERROR_NO_MEMORY, "reading %s", pass->path);
        pass->capacity = capacity;
    }
    pass->cell[pass->n_cells] = value;
    pass->stamp[pass->n_cells++] = stamp;
    return true;
}

static struct cell trimmed(const char *from, const char *to)
{
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    return (struct cell){from, (size_t)(to - from)};
}

/* "(time,value)" from the bracket on; *at ends behind the closing one. */
static bool read_stamped(struct ts_pass *pass, const char **at, const char *end)
{
    const char *from = *at, *close = memchr(from, ')', (size_t)(end - from));
    const char *comma = NULL;

    if (*from == '(' && close)
        for (const char *c = from; c < close; c++)
            comma = *c == ',' ? c : comma; /* a date may have some */
    if (!comma)
        return bad(pass, "byte %lld: expected (time,value)",
                   (long long)(from - pass->line.text) + 1);
    *at = close + 1;
    return add_cell(pass, trimmed(comma + 1, close), trimmed(from + 1, comma));
}

static bool read_dimension(struct ts_pass *pass, const char *from, const char *end)
{
    const char *at = from;

    for (;;) {
        const char *to = memchr(at, ',', (size_t)(end - at));

        at += strspn(at, " \t");
        if (pass->header.stamped) {
            if (!read_stamped(pass, &at, end))
                return false;
            to = at < end ? at : NULL;
            if (to && *to != ',')
                return bad(pass, "byte %lld: expected a comma",
                           (long long)(at - pass->line.text) + 1);
        } else if (!add_cell(pass, trimmed(at, to ? to : end), (struct cell){0})) {
            return false;
        }
        if (!to)
            return true;
        at = to + 1;
    }
}

/* Ends a dimension: all of a sample have as many values. */
static bool check_dimension(struct ts_pass *pass)
{
    int64_t n = pass->n_cells - pass->n_dimensions * pass->length;

    if (pass->n_dimensions++ == 0) {
        pass->length = n;
        return true;
    }
    if (n != pass->length)
        return bad(pass, "dimension %lld has %lld values where dimension 1 has %lld",
                   (long long)pass->n_dimensions, (long long)n, (long long)pass->length);
    for (int64_t i = 0; pass->header.stamped && i < n; i++) {
        const struct cell *stamp = &pass->stamp[pass->n_cells - n + i];

        if (stamp->size != pass->stamp[i].size ||
            memcmp(stamp->text, pass->stamp[i].text, stamp->size) != 0)
            return bad(pass, "dimension %lld has another time at its value %lld than dimension 1",
                       (long long)pass->n_dimensions, (long long)i + 1);
    }
    return true;
}

static bool check_sample(struct ts_pass *pass)
{
    const struct ts_header *header = &pass->header;
    int64_t length = header->length > 0 ? header->length : pass->first_length;

    if (pass->n_dimensions != header->dimensions)
        return bad(pass, "%lld dimensions where %s has %lld", (long long)pass->n_dimensions,
                   pass->first_length > 0 ? "the first sample" : "the header",
                   (long long)header->dimensions);
    if (header->equal_length && length > 0 && pass->length != length)
        return bad(pass, "%lld values where series of equal length have %lld",
                   (long long)pass->length, (long long)length);
    if (pass->first_length == 0)
        pass->first_length = pass->length;
    if (header->label == TS_LABEL_CLASS && header->classes.n > 0 &&
        dictionary_find(&header->classes, pass->label.text, pass->label.size) < 0)
        return bad(pass, "the class '%.*s' is not among those of @classLabel",
                   (int)(pass->label.size > 40 ? 40 : pass->label.size), pass->label.text);
    return true;
}

static bool split_sample(struct ts_pass *pass)
{
    char *end = pass->line.text + pass->line.size;
    const char *at = pass->line.text;

    pass->n_cells = pass->n_dimensions = pass->length = 0;
    if (pass->header.label != TS_LABEL_NONE) {
        char *colon = memrchr(pass->line.text, ':', pass->line.size);

        if (!colon)
            return bad(pass, "has no label behind a ':'");
        pass->label = trimmed(colon + 1, end);
        if (pass->label.size == 0)
            return bad(pass, "has an empty label");
        end = colon;
    }
    for (const char *colon; at; at = colon ? colon + 1 : NULL) {
        colon = memchr(at, ':', (size_t)(end - at));
        if (!read_dimension(pass, at, colon ? colon : end) || !check_dimension(pass))
            return false;
    }
    if (pass->header.dimensions == 0)
        pass->header.dimensions = pass->n_dimensions;
    return check_sample(pass);
}

static bool next_sample(struct ts_pass *pass, struct stream *stream, bool *ret)
{
    do
        if (!stream_next_line(stream, &pass->line, ret, pass->error))
            return false;
    while (*ret && is_blank_or_comment(&pass->line));
    return !*ret || split_sample(pass);
}

/* ---- columns ----------------------------------------------------------------------------------*/

#define FIRST_COLUMN 1 /* behind the number of the series; [time], dimensions, [label] */

static bool add_column(struct table_profile *profile, const char *name, bool of_series,
                       enum column_type type)
{
    struct column_profile *column = &profile->column[profile->n_columns];

    column->name = strdup(name);
    column->of_series = of_series;
    column->type = type;
    profile->n_columns += column->name != NULL;
    return column->name != NULL;
}

static bool make_columns(const struct ts_pass *pass, struct table_profile *profile)
{
    const struct ts_header *header = &pass->header;
    char name[32];

    profile->column = calloc((size_t)header->dimensions + 3, sizeof(*profile->column));
    if (!profile->column || !add_column(profile, "series", true, COLUMN_INTEGER))
        return false;
    profile->column[0].aside = profile->column[0].numbers_series = true;
    if (header->stamped && !add_column(profile, "time", false, COLUMN_REAL))
        return false;
    for (int64_t i = 0; i < header->dimensions; i++) {
        (void)snprintf(name, sizeof(name), "dim%lld", (long long)i + 1);
        if (!add_column(profile, name, false, COLUMN_REAL))
            return false;
    }
    return header->label == TS_LABEL_NONE || add_column(profile, "label", true, COLUMN_TEXT);
}

/* Values of a dimension, or its stamps: numbers all. */
static bool look_at_cells(const struct ts_pass *pass, const struct cell *cell,
                          struct column_profile *column)
{
    for (int64_t i = 0; i < pass->length; i++) {
        cell_look(&cell[i], &pass->missing, pass->line.number, column);
        if (column->n_text > 0)
            return error_set(pass->error, ERROR_INVALID,
                             "%s: line %lld, column '%s': '%.*s' is not a number", pass->path,
                             (long long)pass->line.number, column->name,
                             (int)(cell[i].size > 40 ? 40 : cell[i].size), cell[i].text);
    }
    return true;
}

static bool look_at_sample(const struct ts_pass *pass, struct table_profile *profile)
{
    int64_t stamps = pass->header.stamped, first = FIRST_COLUMN + stamps;

    column_look_integer(&profile->column[0], profile->n_series);
    if (stamps && !look_at_cells(pass, pass->stamp, &profile->column[FIRST_COLUMN]))
        return false;
    for (int64_t i = 0; i < pass->n_dimensions; i++)
        if (!look_at_cells(pass, pass->cell + i * pass->length, &profile->column[first + i]))
            return false;
    if (pass->header.label != TS_LABEL_NONE)
        cell_look(&pass->label, &pass->missing, pass->line.number,
                  &profile->column[profile->n_columns - 1]);
    profile->n_rows += pass->length;
    profile->n_series++;
    return true;
}

static bool profile_samples(struct ts_pass *pass, struct stream *stream,
                            struct table_profile *profile)
{
    bool more = true;

    if (!read_header(pass, stream) || !next_sample(pass, stream, &more))
        return false;
    if (!more)
        return error_set(pass->error, ERROR_INVALID, "%s: has no samples", pass->path);
    if (!make_columns(pass, profile))
        return error_set(pass->error, ERROR_NO_MEMORY, "reading %s", pass->path);
    while (more) {
        if (!look_at_sample(pass, profile) || !next_sample(pass, stream, &more))
            return false;
    }
    for (int64_t i = 0; i < profile->n_columns; i++)
        profile->column[i].type = column_type_of(&profile->column[i]);
    if (pass->header.label == TS_LABEL_CLASS) /* whatever classes are called */
        profile->column[profile->n_columns - 1].type = COLUMN_TEXT;
    return true;
}

static bool profile_ts(struct source *source, struct table_profile *profile, struct error *error)
{
    scoped(stream_free) struct stream *stream = NULL;
    scoped(ts_pass_release) struct ts_pass pass = {
        .path = source->path, .missing = missing_texts_of(&source->format), .error = error};

    return stream_open(source->path, &stream, error) && profile_samples(&pass, stream, profile);
}

/* ---- reading ----------------------------------------------------------------------------------*/

static bool store_cells(const struct ts_pass *pass, const struct cell *cell, int64_t n,
                        struct column *column, int64_t first)
{
    const struct cell_place place = {.path = pass->path, .line = pass->line.number};

    for (int64_t i = 0; column->form != FORM_SKIP && i < n; i++)
        if (!cell_store(&cell[i], &pass->missing, &place, column, first + i, pass->error))
            return false;
    return true;
}

static bool store_sample(const struct ts_pass *pass, struct batch *batch)
{
    int64_t stamps = pass->header.stamped;
    long long number = batch->first_series + batch->n_series;
    char text[32];
    int size = snprintf(text, sizeof(text), "%lld", number);
    const struct cell cell = {text, (size_t)size};

    if (!store_cells(pass, &cell, 1, &batch->column[0], batch->n_series) ||
        (stamps && !store_cells(pass, pass->stamp, pass->length, &batch->column[FIRST_COLUMN],
                                batch->n_rows)))
        return false;
    for (int64_t i = 0; i < pass->n_dimensions; i++)
        if (!store_cells(pass, pass->cell + i * pass->length, pass->length,
                         &batch->column[FIRST_COLUMN + stamps + i], batch->n_rows))
            return false;
    if (pass->header.label != TS_LABEL_NONE &&
        !store_cells(pass, &pass->label, 1, &batch->column[batch->n_columns - 1], batch->n_series))
        return false;
    batch->length[batch->n_series++] = pass->length;
    batch->n_rows += pass->length;
    return true;
}

static bool read_samples(struct ts_pass *pass, struct stream *stream, const struct source *source,
                         struct batch *batch, const struct source_sink *sink)
{
    int64_t columns = FIRST_COLUMN + pass->header.stamped + pass->header.dimensions +
                      (pass->header.label != TS_LABEL_NONE);
    bool more = true;

    if (columns != source->profile.n_columns)
        return source_changed(source, pass->error);
    while (more) {
        if (!batch_make_room(batch, source, pass->length, 1, sink, pass->error) ||
            !store_sample(pass, batch) || !next_sample(pass, stream, &more))
            return false;
    }
    return batch_flush(batch, sink, pass->error);
}

static bool read_ts(struct source *source, const enum column_form *form,
                    const struct source_sink *sink, struct error *error)
{
    scoped(stream_free) struct stream *stream = NULL;
    scoped(batch_release) struct batch batch = {0};
    scoped(ts_pass_release) struct ts_pass pass = {
        .path = source->path, .missing = missing_texts_of(&source->format), .error = error};
    bool more = false;

    if (!stream_open(source->path, &stream, error) || !read_header(&pass, stream) ||
        !next_sample(&pass, stream, &more))
        return false;
    if (!more)
        return source_changed(source, error);
    return batch_init(&batch, source, form, 0, 0, error) &&
           read_samples(&pass, stream, source, &batch, sink);
}

static bool is_ts(const char *path, const void *head, size_t size)
{
    (void)size;
    return head && source_name_ends(path, ".ts");
}

const struct source_kind source_ts = {
    .kind = {.name = "ts",
             .help = "Time series as the UEA and UCR archives write them: a sample is a recording, "
                     "its columns are dim1, dim2, ..., its class or target is the column label."},
    .reads = SOURCE_READS_MISSING,
    .row_name = "line",
    .recognise = is_ts,
    .profile = profile_ts,
    .read = read_ts,
};
