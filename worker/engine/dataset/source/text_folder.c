/*
 * A folder of text files, one sample each. A file begins with lines "# name: value", columns of the
 * sample; lines of numbers follow, between blanks, tabs or commas. Its name carries the sample's
 * key, and a second folder may hold a file of the same name with the sample's labels:
 *
 *     noisy_train/0001_01_01.txt     # star_temp: 3667.42
 *                                    0.5028 0.7160 ...       one line for each column c1, c2, ...
 *     params_train/0001_01_01.txt    # sma: 7300914576
 *                                    0.0542 0.0539 ...       y1, y2, ...
 *
 * A sample is a series; keys, header values and labels belong to the series. Files are read in the
 * order of their names, by as many threads as the source has.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/owner.h"
#include "common/utf8.h"
#include "worker/engine/dataset/source/batch.h"
#include "worker/engine/dataset/source/cell.h"
#include "worker/engine/dataset/source/kinds.h"
#include "worker/engine/dataset/source/name_pattern.h"

#define FILE_LIMIT (256 * 1024 * 1024)
#define HEADERS_MAX 1000
#define THREADS_MAX 256

enum folder_lines { LINES_ARE_STEPS, LINES_ARE_COLUMNS };
enum folder_look { LOOK_FIRST, LOOK_ALL };

struct text_folder_config {
    char *name;
    char *labels;
    int lines; /* enum folder_lines */
    int look;  /* enum folder_look */
};

static const char *const lines_names[] = {"steps", "columns", NULL};
static const char *const look_names[] = {"first", "all", NULL};

static const struct setting text_folder_settings[] = {
    SETTING_TEXT(struct text_folder_config, name, "{name}.txt", 0,
                 "What the files are called: {planet:4}_{spot:2}.txt makes the columns planet, of "
                 "four characters, and spot. Files with another ending are passed over."),
    SETTING_TEXT(struct text_folder_config, labels, NULL, 0,
                 "A folder, beside the source, with a file of the same name for each, whose header "
                 "lines are columns "
                 "and whose numbers are the columns y1, y2, ...; they are no features unless they "
                 "are named."),
    SETTING_CHOICE(struct text_folder_config, lines, LINES_ARE_STEPS, lines_names,
                   "What a line of numbers is: a step, or a column with all its steps."),
    SETTING_CHOICE(struct text_folder_config, look, LOOK_FIRST, look_names,
                   "Which files are looked into before they are read: the first, which all others "
                   "must be like, or all, so that they may have unequal numbers of steps and "
                   "missing values."),
    {0},
};

/* One file, parsed; texts are borrowed from its buffer. */
struct sample { /* all-zero is a valid empty one; is used again and again */
    struct buffer text;
    struct cell name[HEADERS_MAX], value[HEADERS_MAX];
    int64_t n_headers;
    struct cell *cell; /* owned: numbers, line by line */
    int64_t n_cells, capacity;
    int64_t n_lines, width;
    int64_t first_line; /* of the numbers */
};

struct text_folder {
    struct name_pattern pattern;
    char **name; /* owned, each too: of the files, sorted */
    int64_t n, capacity;
    char *labels;                       /* owned: the folder; NULL: none */
    int64_t n_headers, n_values, steps; /* of the first file */
    int64_t n_label_headers, n_labels;
    int64_t *first_row; /* owned: [n + 1]; NULL: all files have as many steps as the first */
};

static bool no_memory(const struct source *source, struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "reading %s", source->path);
}

static void sample_free(struct sample **sample)
{
    if (!*sample)
        return;
    buffer_release(&(*sample)->text);
    free((*sample)->cell);
    free(take(sample));
}

/* ---- one file ---------------------------------------------------------------------------------*/

static bool read_whole(const char *path, struct buffer *text, struct error *error)
{
    scoped(descriptor_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    ssize_t n;

    buffer_clear(text);
    if (fd < 0 || fstat(fd, &status) != 0)
        return error_set_errno(error, errno, "%s", path);
    if (status.st_size > FILE_LIMIT)
        return error_set(error, ERROR_INVALID, "%s: is larger than %d MiB", path, FILE_LIMIT >> 20);
    do { /* one byte more than its size shows that it grows */
        if (!buffer_reserve(text, (size_t)status.st_size + 1, error))
            return false;
        n = read(fd, text->data + text->size, (size_t)status.st_size + 1);
        if (n < 0)
            return error_set_errno(error, errno, "%s", path);
        text->size += (size_t)n;
    } while (n > 0 && text->size <= (size_t)status.st_size);
    if (text->size != (size_t)status.st_size)
        return error_set(error, ERROR_INVALID, "%s: changed while it was read", path);
    text->data[text->size] = '\0';
    return true;
}

__attribute__((format(printf, 4, 5))) static bool bad(const char *path, int64_t line,
                                                      struct error *error, const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return error_set(error, ERROR_INVALID, "%s: line %lld: %s", path, (long long)line, text);
}

static bool check_bytes(const char *path, const struct cell *line, int64_t number,
                        struct error *error)
{
    for (size_t i = 0, n; i < line->size; i += n) {
        n = line->text[i] ? utf8_size(line->text + i, line->size - i) : 0;
        if (n == 0)
            return bad(path, number, error, "byte %zu: %s", i + 1,
                       line->text[i] ? "invalid UTF-8" : "a NUL byte");
    }
    return true;
}

static struct cell trimmed(const char *from, const char *to)
{
    while (from < to && strchr(" \t\r", *from))
        from++;
    while (to > from && strchr(" \t\r", to[-1]))
        to--;
    return (struct cell){from, (size_t)(to - from)};
}

/* "# name: value"; without a colon it is a comment. */
static bool add_header(struct sample *sample, const struct cell *line, const char *path,
                       int64_t number, struct error *error)
{
    const char *end = line->text + line->size;
    const char *colon = memchr(line->text, ':', line->size);

    if (!colon)
        return true;
    if (sample->n_headers == HEADERS_MAX)
        return bad(path, number, error, "more than %d lines of header", HEADERS_MAX);
    sample->name[sample->n_headers] = trimmed(line->text + 1, colon);
    sample->value[sample->n_headers++] = trimmed(colon + 1, end);
    return true;
}

static bool add_cell(struct sample *sample, const char *text, size_t size)
{
    if (sample->n_cells == sample->capacity) {
        int64_t capacity = sample->capacity * 2 + 4096;
        struct cell *cell = realloc(sample->cell, (size_t)capacity * sizeof(*cell));

        if (!cell)
            return false;
        sample->cell = cell;
        sample->capacity = capacity;
    }
    sample->cell[sample->n_cells++] = (struct cell){text, size};
    return true;
}

static bool is_separator(char c)
{
    return c == '\t' || c == ' ' || c == ',' || c == '\r';
}

static bool add_numbers(struct sample *sample, const struct cell *line, const char *path,
                        int64_t number, struct error *error)
{
    const char *at = line->text, *end = line->text + line->size;
    int64_t before = sample->n_cells;

    while (at < end) {
        const char *from;

        while (at < end && is_separator(*at))
            at++;
        from = at;
        while (at < end && !is_separator(*at))
            at++;
        if (at > from && !add_cell(sample, from, (size_t)(at - from)))
            return error_set(error, ERROR_NO_MEMORY, "reading %s", path);
    }
    if (sample->n_cells == before)
        return true;
    if (sample->n_lines++ == 0) {
        sample->width = sample->n_cells;
        sample->first_line = number;
    }
    if (sample->n_cells - before != sample->width)
        return bad(path, number, error, "%lld numbers where the first line has %lld",
                   (long long)(sample->n_cells - before), (long long)sample->width);
    return true;
}

static bool parse_sample(const char *path, struct sample *sample, struct error *error)
{
    const char *at, *end;

    sample->n_headers = sample->n_cells = sample->n_lines = sample->width = 0;
    if (!read_whole(path, &sample->text, error))
        return false;
    at = sample->text.data;
    end = at + sample->text.size;
    for (int64_t number = 1; at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        struct cell line = {at, (size_t)((newline ? newline : end) - at)};

        if (!check_bytes(path, &line, number, error))
            return false;
        if (!(*at == '#' ? add_header(sample, &line, path, number, error)
                         : add_numbers(sample, &line, path, number, error)))
            return false;
        at = newline ? newline + 1 : end;
    }
    return sample->n_cells > 0 ||
           error_set(error, ERROR_INVALID, "%s: has no line of numbers", path);
}

static int64_t values_of(const struct text_folder_config *config, const struct sample *sample)
{
    return config->lines == LINES_ARE_STEPS ? sample->width : sample->n_lines;
}

static int64_t steps_of(const struct text_folder_config *config, const struct sample *sample)
{
    return config->lines == LINES_ARE_STEPS ? sample->n_lines : sample->width;
}

/* ---- the folder -------------------------------------------------------------------------------*/

static void close_text_folder(struct source *source)
{
    struct text_folder *folder = source->state;

    if (!folder)
        return;
    for (int64_t i = 0; i < folder->n; i++)
        free(folder->name[i]);
    free(folder->name);
    free(folder->labels);
    free(folder->first_row);
    name_pattern_release(&folder->pattern);
    free(folder);
}

static bool add_name(struct text_folder *folder, const char *name)
{
    if (folder->n == folder->capacity) {
        int64_t capacity = folder->capacity * 2 + 1024;
        char **names = realloc(folder->name, (size_t)capacity * sizeof(*names));

        if (!names)
            return false;
        folder->name = names;
        folder->capacity = capacity;
    }
    folder->name[folder->n] = strdup(name);
    return folder->name[folder->n++] != NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names the key that the user wrote. */
static bool tell_none(const struct source *source, struct error *error)
{
    const struct text_folder_config *config = source->config;

    if (source->own_config)
        return error_set(error, ERROR_INVALID, "%s: is a folder that has no file %s", source->path,
                         config->name);
    return error_set_at(error, ERROR_INVALID, "data.format.name",
                        "%s has no file that is called %s", source->path, config->name);
}

static bool list_names(struct source *source, DIR *listing, struct error *error)
{
    struct text_folder *folder = source->state;

    for (const struct dirent *entry; (errno = 0, entry = readdir(listing));) {
        if (entry->d_name[0] == '.' || !name_pattern_ends(&folder->pattern, entry->d_name))
            continue;
        if (!name_pattern_match(&folder->pattern, entry->d_name, NULL))
            return error_set_at(error, ERROR_INVALID, "data.format.name",
                                "%s/%s is not called as it says", source->path, entry->d_name);
        if (!add_name(folder, entry->d_name))
            return no_memory(source, error);
    }
    if (errno != 0)
        return error_set_errno(error, errno, "%s", source->path);
    if (folder->n == 0)
        return tell_none(source, error);
    qsort(folder->name, (size_t)folder->n, sizeof(*folder->name), compare_names);
    return true;
}

static bool open_text_folder(struct source *source, struct error *error)
{
    const struct text_folder_config *config = source->config;
    struct text_folder *folder = calloc(1, sizeof(*folder));
    DIR *listing;
    bool listed;

    source->state = folder;
    if (!folder)
        return no_memory(source, error);
    if (!name_pattern_parse(config->name, "data.format.name", &folder->pattern, error))
        return false;
    if (config->labels && !source->features_only &&
        !(folder->labels = source_sibling(source, config->labels)))
        return no_memory(source, error);
    listing = opendir(source->path);
    if (!listing)
        return error_set_errno(error, errno, "%s", source->path);
    listed = list_names(source, listing, error);
    (void)closedir(listing);
    return listed;
}

/* Parses file i and, where there are labels, its partner. */
static bool parse_pair(const struct source *source, int64_t i, struct sample *sample,
                       struct sample *label, struct error *error)
{
    const struct text_folder *folder = source->state;
    scoped(buffer_release) struct buffer path = {0};

    if (!buffer_append_format(&path, error, "%s/%s", source->path, folder->name[i]) ||
        !parse_sample(path.data, sample, error))
        return false;
    if (!folder->labels)
        return true;
    buffer_clear(&path);
    if (!buffer_append_format(&path, error, "%s/%s", folder->labels, folder->name[i]))
        return false;
    if (access(path.data, F_OK) != 0)
        return error_set(error, ERROR_INVALID, "%s/%s has no partner %s", source->path,
                         folder->name[i], path.data);
    return parse_sample(path.data, label, error);
}

/* ---- columns: keys, header values, c1 ..., label header values, y1 ... -----------------------*/

static bool add_column(struct table_profile *profile, const char *name, size_t size, bool of_series,
                       bool aside)
{
    struct column_profile *column = &profile->column[profile->n_columns];

    column->name = strndup(name, size);
    column->of_series = of_series;
    column->aside = aside;
    profile->n_columns += column->name != NULL;
    return column->name != NULL;
}

static bool add_numbered(struct table_profile *profile, const char *prefix, int64_t n,
                         bool of_series)
{
    char name[32];

    for (int64_t i = 0; i < n; i++) {
        int size = snprintf(name, sizeof(name), "%s%lld", prefix, (long long)i + 1);

        if (!add_column(profile, name, (size_t)size, of_series, of_series))
            return false;
    }
    return true;
}

static bool make_columns(const struct text_folder *folder, const struct sample *sample,
                         const struct sample *label, struct table_profile *profile)
{
    int64_t n = folder->pattern.n_keys + folder->n_headers + folder->n_values +
                folder->n_label_headers + folder->n_labels;
    bool good;

    profile->column = calloc((size_t)n, sizeof(*profile->column));
    good = profile->column != NULL;
    for (int64_t i = 0; good && i < folder->pattern.n_keys; i++) {
        const char *name = name_pattern_key(&folder->pattern, i);

        good = add_column(profile, name, strlen(name), true, true);
    }
    for (int64_t i = 0; good && i < folder->n_headers; i++)
        good = add_column(profile, sample->name[i].text, sample->name[i].size, true, false);
    good = good && add_numbered(profile, "c", folder->n_values, false);
    for (int64_t i = 0; good && i < folder->n_label_headers; i++)
        good = add_column(profile, label->name[i].text, label->name[i].size, true, true);
    return good && add_numbered(profile, "y", folder->n_labels, true);
}

static bool check_names(const struct table_profile *profile, const char *path, struct error *error)
{
    for (int64_t i = 0; i < profile->n_columns; i++)
        if (table_profile_find(profile, profile->column[i].name) != i)
            return error_set(error, ERROR_INVALID, "%s: two columns are called '%s'", path,
                             profile->column[i].name);
    return true;
}

/* What keys, headers, values and labels of one file are, column by column. */
struct placed {
    const struct cell *cell;
    int64_t n, stride; /* of a column's cells */
    int64_t line;
};

struct placing {
    const struct text_folder_config *config;
    const struct text_folder *folder;
    const struct sample *sample, *label;
    const struct cell *key;
};

static struct placed cells_of(const struct placing *at, int64_t column)
{
    const struct text_folder *folder = at->folder;
    const struct sample *sample = at->sample;

    if (column < folder->pattern.n_keys)
        return (struct placed){&at->key[column], 1, 1, 0};
    column -= folder->pattern.n_keys;
    if (column < folder->n_headers)
        return (struct placed){&sample->value[column], 1, 1, column + 1};
    column -= folder->n_headers;
    if (column < folder->n_values && at->config->lines == LINES_ARE_STEPS)
        return (struct placed){sample->cell + column, sample->n_lines, sample->width,
                               sample->first_line};
    if (column < folder->n_values)
        return (struct placed){sample->cell + column * sample->width, sample->width, 1,
                               sample->first_line + column};
    column -= folder->n_values;
    if (column < folder->n_label_headers)
        return (struct placed){&at->label->value[column], 1, 1, column + 1};
    return (struct placed){at->label->cell + column - folder->n_label_headers, 1, 1,
                           at->label->first_line};
}

static void look_at_pair(const struct placing *at, const struct missing_texts *missing,
                         struct table_profile *profile)
{
    for (int64_t i = 0; i < profile->n_columns; i++) {
        struct placed placed = cells_of(at, i);

        for (int64_t j = 0; j < placed.n; j++)
            cell_look(&placed.cell[j * placed.stride], missing, placed.line, &profile->column[i]);
    }
}

/* Every file must be like the first. */
static bool check_like_first(const struct source *source, int64_t i, const struct sample *sample,
                             const struct sample *label, struct error *error)
{
    const struct text_folder_config *config = source->config;
    const struct text_folder *folder = source->state;
    const struct table_profile *profile = &source->profile;
    const char *name = folder->name[i];

    if (sample->n_headers != folder->n_headers || values_of(config, sample) != folder->n_values)
        return error_set(error, ERROR_INVALID,
                         "%s/%s: %lld header lines and %lld columns where %s has %lld and %lld",
                         source->path, name, (long long)sample->n_headers,
                         (long long)values_of(config, sample), folder->name[0],
                         (long long)folder->n_headers, (long long)folder->n_values);
    if (!folder->first_row && config->look == LOOK_FIRST &&
        steps_of(config, sample) != folder->steps)
        return error_set(error, ERROR_INVALID,
                         "%s/%s: %lld steps where %s has %lld; data.format.look: all allows that",
                         source->path, name, (long long)steps_of(config, sample), folder->name[0],
                         (long long)folder->steps);
    if (folder->labels &&
        (label->n_headers != folder->n_label_headers || label->n_cells != folder->n_labels))
        return error_set(error, ERROR_INVALID, "%s/%s: %lld labels where %s has %lld",
                         folder->labels, name, (long long)label->n_cells, folder->name[0],
                         (long long)folder->n_labels);
    for (int64_t j = 0; profile->n_columns > 0 && j < sample->n_headers; j++) {
        const char *expected = profile->column[folder->pattern.n_keys + j].name;

        if (strlen(expected) != sample->name[j].size ||
            memcmp(expected, sample->name[j].text, sample->name[j].size) != 0)
            return error_set(error, ERROR_INVALID, "%s/%s: header '%.*s' where %s has '%s'",
                             source->path, name,
                             (int)(sample->name[j].size > 60 ? 60 : sample->name[j].size),
                             sample->name[j].text, folder->name[0], expected);
    }
    return true;
}

/* ---- the profile ------------------------------------------------------------------------------*/

static void take_shape(const struct text_folder_config *config, const struct sample *sample,
                       const struct sample *label, struct text_folder *folder)
{
    folder->n_headers = sample->n_headers;
    folder->n_values = values_of(config, sample);
    folder->steps = steps_of(config, sample);
    folder->n_label_headers = folder->labels ? label->n_headers : 0;
    folder->n_labels = folder->labels ? label->n_cells : 0;
}

static bool look_at_all(const struct source *source, struct sample *sample, struct sample *label,
                        struct table_profile *profile, struct error *error)
{
    const struct text_folder_config *config = source->config;
    struct text_folder *folder = source->state;
    struct missing_texts missing = missing_texts_of(&source->format);
    int64_t n = config->look == LOOK_ALL ? folder->n : 1;
    struct cell key[NAME_PATTERN_KEYS_MAX];
    int64_t *first_row = calloc((size_t)folder->n + 1, sizeof(*first_row));
    bool good = first_row != NULL || no_memory(source, error);

    for (int64_t i = 0; good && i < n; i++) {
        const struct placing placing = {config, folder, sample, label, key};

        good = (i == 0 || parse_pair(source, i, sample, label, error)) &&
               check_like_first(source, i, sample, label, error);
        if (!good)
            break;
        (void)name_pattern_match(&folder->pattern, folder->name[i], key);
        look_at_pair(&placing, &missing, profile);
        first_row[i + 1] = first_row[i] + steps_of(config, sample);
    }
    if (good)
        profile->n_rows = n > 1 ? first_row[n] : folder->steps * folder->n;
    if (good && n > 1)
        folder->first_row = take(&first_row);
    free(first_row);
    return good;
}

static bool profile_text_folder(struct source *source, struct table_profile *profile,
                                struct error *error)
{
    const struct text_folder_config *config = source->config;
    struct text_folder *folder = source->state;
    scoped(sample_free) struct sample *sample = calloc(1, sizeof(*sample));
    scoped(sample_free) struct sample *label = calloc(1, sizeof(*label));

    if (!sample || !label)
        return no_memory(source, error);
    if (!parse_pair(source, 0, sample, label, error))
        return false;
    take_shape(config, sample, label, folder);
    if (!make_columns(folder, sample, label, profile))
        return no_memory(source, error);
    if (!check_names(profile, source->path, error) ||
        !look_at_all(source, sample, label, profile, error))
        return false;
    profile->n_series = folder->n;
    for (int64_t i = 0; i < profile->n_columns; i++) {
        enum column_type type = column_type_of(&profile->column[i]);

        /* other files may have fractions where the first has none */
        if (i < folder->pattern.n_keys)
            type = COLUMN_TEXT;
        else if (type == COLUMN_INTEGER && config->look == LOOK_FIRST)
            type = COLUMN_REAL;
        profile->column[i].type = type;
    }
    return true;
}

/* ---- reading ----------------------------------------------------------------------------------*/

struct reading {
    struct source *source;
    const enum column_form *form;
    const struct source_sink *sink;
    atomic_llong next; /* file */
    atomic_bool failed;
    pthread_mutex_t lock; /* of the error */
    struct error *error;
};

static bool store_pair(const struct placing *at, const struct missing_texts *missing,
                       const char *path, struct batch *batch, struct error *error)
{
    struct cell_place place = {.path = path};

    for (int64_t i = 0; i < batch->n_columns; i++) {
        struct placed placed = cells_of(at, i);
        int64_t first = placed.n > 1 || (i >= at->folder->pattern.n_keys + at->folder->n_headers &&
                                         i < at->folder->pattern.n_keys + at->folder->n_headers +
                                                 at->folder->n_values)
                            ? batch->n_rows
                            : batch->n_series;

        place.line = placed.line;
        for (int64_t j = 0; batch->column[i].form != FORM_SKIP && j < placed.n; j++)
            if (!cell_store(&placed.cell[j * placed.stride], missing, &place, &batch->column[i],
                            first + j, error))
                return false;
    }
    return true;
}

/* One file is one batch: its place among the rows is known whoever reads it. */
static bool read_file(struct reading *reading, int64_t i, struct sample *sample,
                      struct sample *label, struct batch *batch, struct error *error)
{
    const struct source *source = reading->source;
    const struct text_folder_config *config = source->config;
    const struct text_folder *folder = source->state;
    struct missing_texts missing = missing_texts_of(&source->format);
    scoped(buffer_release) struct buffer path = {0};
    struct cell key[NAME_PATTERN_KEYS_MAX];
    const struct placing placing = {config, folder, sample, label, key};
    int64_t steps;

    if (!parse_pair(source, i, sample, label, error) ||
        !check_like_first(source, i, sample, label, error) ||
        !buffer_append_format(&path, error, "%s/%s", source->path, folder->name[i]))
        return false;
    steps = steps_of(config, sample);
    batch->first_row = folder->first_row ? folder->first_row[i] : i * folder->steps;
    batch->first_series = i;
    if (folder->first_row && steps != folder->first_row[i + 1] - folder->first_row[i])
        return source_changed(source, error);
    (void)name_pattern_match(&folder->pattern, folder->name[i], key);
    if (!batch_make_room(batch, source, steps, 1, reading->sink, error) ||
        !store_pair(&placing, &missing, path.data, batch, error))
        return false;
    batch->length[0] = steps;
    batch->n_series = 1;
    batch->n_rows = steps;
    return batch_flush(batch, reading->sink, error);
}

static bool read_files(struct reading *reading, struct error *error)
{
    const struct text_folder *folder = reading->source->state;
    scoped(batch_release) struct batch batch = {0};
    scoped(sample_free) struct sample *sample = calloc(1, sizeof(*sample));
    scoped(sample_free) struct sample *label = calloc(1, sizeof(*label));

    if (!sample || !label)
        return no_memory(reading->source, error);
    if (!batch_init(&batch, reading->source, reading->form, 0, 0, error))
        return false;
    for (int64_t i; (i = atomic_fetch_add(&reading->next, 1)) < folder->n;)
        if (atomic_load(&reading->failed) || !read_file(reading, i, sample, label, &batch, error))
            return false;
    return true;
}

static void *read_in_thread(void *context)
{
    struct reading *reading = context;
    struct error error = {0};

    if (read_files(reading, &error))
        return NULL;
    (void)pthread_mutex_lock(&reading->lock);
    if (!atomic_exchange(&reading->failed, true))
        *reading->error = error;
    (void)pthread_mutex_unlock(&reading->lock);
    return NULL;
}

static bool read_text_folder(struct source *source, const enum column_form *form,
                             const struct source_sink *sink, struct error *error)
{
    struct reading reading = {.source = source,
                              .form = form,
                              .sink = sink,
                              .lock = PTHREAD_MUTEX_INITIALIZER,
                              .error = error};
    int n = source->threads < THREADS_MAX ? source->threads : THREADS_MAX, started = 0;
    pthread_t thread[THREADS_MAX];

    /* this thread is one of them; those that cannot be started are done without */
    while (started < n - 1 && pthread_create(&thread[started], NULL, read_in_thread, &reading) == 0)
        started++;
    (void)read_in_thread(&reading);
    for (int i = 0; i < started; i++)
        (void)pthread_join(thread[i], NULL);
    return !atomic_load(&reading.failed);
}

static bool is_text_folder(const char *path, const void *head, size_t size)
{
    (void)path;
    (void)size;
    return head == NULL;
}

const struct source_kind source_text_folder = {
    .kind = {.name = "text_folder",
             .help = "A folder with a text file for each recording: header lines \"# name: value\" "
                     "and numbers; the file's name holds its key, a second folder its labels.",
             .config_size = sizeof(struct text_folder_config),
             .settings = text_folder_settings},
    .reads = SOURCE_READS_MISSING,
    .row_name = "line",
    .recognise = is_text_folder,
    .open = open_text_folder,
    .profile = profile_text_folder,
    .read = read_text_folder,
    .close = close_text_folder,
};
