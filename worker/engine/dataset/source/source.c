#include "worker/engine/dataset/source/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <zlib.h>

#include "common/owner.h"
#include "worker/engine/dataset/source/kinds.h"

#define HEAD_SIZE 512

bool source_name_ends(const char *path, const char *end)
{
    size_t size = strlen(path), n = strlen(end);

    if (size > 3 && strcmp(path + size - 3, ".gz") == 0)
        size -= 3;
    return size >= n && strncasecmp(path + size - n, end, n) == 0;
}

bool source_changed(const struct source *source, struct error *error)
{
    return error_set(error, ERROR_INVALID, "%s: changed while it was read", source->path);
}

char *source_sibling(const struct source *source, const char *path)
{
    size_t size = strlen(source->path);
    char *joined = NULL;

    while (size > 0 && source->path[size - 1] == '/')
        size--;
    while (size > 0 && source->path[size - 1] != '/')
        size--;
    if (path[0] == '/')
        return strdup(path);
    return asprintf(&joined, "%.*s%s", (int)size, source->path, path) < 0 ? NULL : joined;
}

/* ---- which format -----------------------------------------------------------------------------*/

/* The first bytes; a damaged file has none, and whoever reads it says what is wrong. */
static bool read_head(const char *path, char *head, size_t *ret_size, struct error *error)
{
    gzFile file = gzopen(path, "rbe");
    int n;

    if (!file)
        return error_set_errno(error, errno ? errno : ENOMEM, "%s", path);
    n = gzread(file, head, HEAD_SIZE);
    *ret_size = n > 0 ? (size_t)n : 0;
    (void)gzclose_r(file);
    return true;
}

static const struct source_kind *kind_of(const struct kind *kind)
{
    return (const struct source_kind *)((const char *)kind - offsetof(struct source_kind, kind));
}

static bool recognise(const char *path, const struct source_kind **ret, struct error *error)
{
    char head[HEAD_SIZE];
    size_t size = 0;
    struct stat status;
    bool folder;

    if (stat(path, &status) != 0)
        return error_set_errno(error, errno, "%s", path);
    folder = S_ISDIR(status.st_mode);
    if (!folder && !read_head(path, head, &size, error))
        return false;
    *ret = &source_csv;
    for (const struct kind *const *kind = source_registry.kind; *kind; kind++)
        if (kind_of(*kind)->recognise &&
            kind_of(*kind)->recognise(path, folder ? NULL : head, size))
            *ret = kind_of(*kind);
    return true;
}

/* ---- opening ----------------------------------------------------------------------------------*/

static bool use_defaults(struct source *source, struct error *error)
{
    const struct kind *kind = &source->kind->kind;
    struct diagnostics diagnostics = {0};
    bool good;

    if (kind->config_size == 0)
        return true;
    source->own_config = calloc(1, kind->config_size);
    if (!source->own_config)
        return error_set(error, ERROR_NO_MEMORY, "opening %s", source->path);
    good = settings_parse(kind->settings, NULL, "data.format", source->own_config, &diagnostics);
    if (!good)
        (void)error_set_at(error, ERROR_INVALID, "data.format", "%s is of the format %s: %s: %s",
                           source->path, kind->name, diagnostics.n ? diagnostics.item[0].path : "",
                           diagnostics.n ? diagnostics.item[0].message : "out of memory");
    diagnostics_release(&diagnostics);
    source->config = source->own_config;
    return good;
}

/* A setting that this format does not read would be ignored silently. */
static bool check_unread(const struct source *source, struct error *error)
{
    const struct table_format *format = &source->format;
    const struct {
        const char *name;
        bool given;
        unsigned reads;
    } rule[] = {
        {"header", format->header != TABLE_HEADER_AUTO, SOURCE_READS_LAYOUT},
        {"delimiter", format->delimiter != '\0', SOURCE_READS_LAYOUT},
        {"skip", format->skip != 0, SOURCE_READS_LAYOUT},
        {"missing", format->missing.n > 0, SOURCE_READS_MISSING},
        {"names", format->names.n > 0, SOURCE_READS_NAMES},
        {"dates", format->dates.n > 0, SOURCE_READS_DATES},
    };

    for (size_t i = 0; i < sizeof(rule) / sizeof(rule[0]); i++) {
        char path[64];

        if (!rule[i].given || source->kind->reads & rule[i].reads)
            continue;
        (void)snprintf(path, sizeof(path), "data.%s", rule[i].name);
        return error_set_at(error, ERROR_INVALID, path, "is not read from files of the format %s",
                            source->kind->kind.name);
    }
    return true;
}

/* Of a folder what its files weigh shows when they are read. */
static int64_t file_bytes(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 ? status.st_size : 0;
}

bool source_open(const struct source_request *request, struct source **ret, struct error *error)
{
    scoped(source_free) struct source *source = calloc(1, sizeof(*source));

    if (!source || !(source->path = strdup(request->path)))
        return error_set(error, ERROR_NO_MEMORY, "opening %s", request->path);
    source->format = request->format;
    source->bytes = file_bytes(request->path);
    source->threads = request->threads > 1 ? request->threads : 1;
    source->config = request->kind.config;
    source->features_only = request->features_only;
    if (request->kind.kind)
        source->kind = kind_of(request->kind.kind);
    else if (!recognise(request->path, &source->kind, error) || !use_defaults(source, error))
        return false;
    if (!check_unread(source, error))
        return false;
    if (source->kind->open && !source->kind->open(source, error))
        return false;
    *ret = take(&source);
    return true;
}

void source_free(struct source **source)
{
    struct source *gone = *source;

    if (!gone)
        return;
    if (gone->kind && gone->kind->close)
        gone->kind->close(gone);
    if (gone->kind && gone->own_config)
        settings_release(gone->kind->kind.settings, gone->own_config);
    table_profile_release(&gone->profile);
    free(gone->own_config);
    free(gone->path);
    free(gone);
    *source = NULL;
}

static bool look(struct source *source,
                 bool (*profile)(struct source *source, struct table_profile *profile,
                                 struct error *error),
                 struct error *error)
{
    struct table_profile seen = {0};

    source->guessed = false;
    if (!profile(source, &seen, error)) {
        table_profile_release(&seen);
        return false;
    }
    table_profile_release(&source->profile);
    source->profile = seen;
    return true;
}

bool source_profile(struct source *source, struct error *error)
{
    return look(source, source->kind->profile, error);
}

bool source_guess(struct source *source, struct error *error)
{
    return look(source, source->kind->guess ? source->kind->guess : source->kind->profile, error);
}

bool source_read(struct source *source, const enum column_form *form,
                 const struct source_sink *sink, struct error *error)
{
    return source->kind->read(source, form, sink, error);
}

/* ---- series as rows ---------------------------------------------------------------------------*/

struct spreading {
    const struct table_profile *profile;
    const struct source_sink *sink;
};

static bool spread_column(const struct source_chunk *chunk, const struct column *from,
                          struct column *to, struct error *error)
{
    int64_t row = 0;

    if (!column_init(to, from->form, from->name, chunk->n_rows))
        return error_set(error, ERROR_NO_MEMORY, "reading a series");
    for (int64_t i = 0; i < chunk->n_series; i++)
        for (int64_t end = row + chunk->length[i]; row < end; row++) {
            if (from->form == FORM_REAL)
                to->real[row] = from->real[i];
            else if (from->form == FORM_INTEGER)
                to->integer[row] = from->integer[i];
            else if (from->form == FORM_TEXT)
                to->code[row] = from->code[i];
        }
    to->dictionary = from->dictionary; /* borrowed */
    return true;
}

static bool spread_chunk(void *context, const struct source_chunk *chunk, struct error *error)
{
    const struct spreading *spreading = context;
    int64_t n = spreading->profile->n_columns;
    struct source_chunk rows = *chunk;
    scoped(memory_free) struct column *column = calloc((size_t)n, sizeof(*column));
    bool good = true;

    if (!column)
        return error_set(error, ERROR_NO_MEMORY, "reading a series");
    for (int64_t i = 0; i < n && good; i++) {
        column[i] = chunk->column[i];
        if (spreading->profile->column[i].of_series) {
            column[i] = (struct column){0};
            good = spread_column(chunk, &chunk->column[i], &column[i], error);
        }
    }
    rows.column = column;
    good = good && (spreading->sink->take)(spreading->sink->context, &rows, error);
    for (int64_t i = 0; i < n; i++)
        if (spreading->profile->column[i].of_series) {
            column[i].dictionary = (struct dictionary){0};
            column_release(&column[i]);
        }
    return good;
}

bool source_read_rows(struct source *source, const enum column_form *form,
                      const struct source_sink *sink, struct error *error)
{
    struct spreading spreading = {.profile = &source->profile, .sink = sink};
    const struct source_sink spread = {.context = &spreading, .take = spread_chunk};

    return source_read(source, form, source->profile.n_series > 0 ? &spread : sink, error);
}

/* ---- all rows in memory -----------------------------------------------------------------------*/

struct loading {
    struct source *source;
    struct table table;
    int64_t *length; /* owned */
    int64_t n_rows, n_series;
};

/* The loaded column's codes for those of the chunk. */
static bool merge_dictionary(const struct dictionary *dictionary, struct dictionary *into,
                             int32_t **ret_code, struct error *error)
{
    scoped(memory_free) int32_t *code = malloc(((size_t)dictionary->n + 1) * sizeof(*code));

    if (!code)
        return error_set(error, ERROR_NO_MEMORY, "reading texts");
    for (int32_t i = 0; i < dictionary->n; i++)
        if (!dictionary_add(into, dictionary->text[i], strlen(dictionary->text[i]), &code[i],
                            error))
            return false;
    *ret_code = take(&code);
    return true;
}

static bool append_column(const struct source_chunk *chunk, const struct column *column,
                          struct column *to, struct error *error)
{
    scoped(memory_free) int32_t *code = NULL;
    int64_t first = chunk->first_row;

    if (column->form == FORM_SKIP)
        return true;
    if (column->form == FORM_TEXT &&
        !merge_dictionary(&column->dictionary, &to->dictionary, &code, error))
        return false;
    for (int64_t i = 0; i < chunk->n_rows; i++) {
        if (column->form == FORM_REAL)
            to->real[first + i] = column->real[i];
        else if (column->form == FORM_INTEGER)
            to->integer[first + i] = column->integer[i];
        else if (code)
            to->code[first + i] = column->code[i] < 0 ? -1 : code[column->code[i]];
    }
    return true;
}

static bool append_chunk(void *context, const struct source_chunk *chunk, struct error *error)
{
    struct loading *loading = context;
    const struct table_profile *profile = &loading->source->profile;

    if (chunk->first_row + chunk->n_rows > profile->n_rows ||
        chunk->first_series + chunk->n_series > profile->n_series)
        return source_changed(loading->source, error);
    for (int64_t i = 0; i < profile->n_columns; i++)
        if (!append_column(chunk, &chunk->column[i], &loading->table.column[i], error))
            return false;
    if (chunk->n_series > 0)
        memcpy(loading->length + chunk->first_series, chunk->length,
               (size_t)chunk->n_series * sizeof(*chunk->length));
    loading->n_rows += chunk->n_rows;
    loading->n_series += chunk->n_series;
    return true;
}

static bool make_room(struct loading *loading, const enum column_form *form, struct error *error)
{
    const struct table_profile *profile = &loading->source->profile;
    struct table *table = &loading->table;
    bool good;

    table->column = calloc((size_t)profile->n_columns, sizeof(*table->column));
    loading->length = calloc((size_t)profile->n_series + 1, sizeof(*loading->length));
    good = table->column && loading->length;
    while (good && table->n_columns < profile->n_columns) {
        int64_t i = table->n_columns++;

        good = column_init(&table->column[i], form[i], profile->column[i].name, profile->n_rows);
    }
    table->n_rows = profile->n_rows;
    return good || error_set(error, ERROR_NO_MEMORY, "reading %s: %lld rows", loading->source->path,
                             (long long)profile->n_rows);
}

static void loading_release(struct loading *loading)
{
    table_release(&loading->table);
    free(loading->length);
}

bool source_load(struct source *source, const enum column_form *form, struct table *ret_table,
                 int64_t **ret_length, struct error *error)
{
    scoped(loading_release) struct loading loading = {.source = source};
    const struct source_sink sink = {.context = &loading, .take = append_chunk};
    int threads = source->threads;
    bool good;

    if (!make_room(&loading, form, error))
        return false;
    source->threads = 1; /* rows go into one table in their order */
    good = source_read_rows(source, form, &sink, error);
    source->threads = threads;
    if (!good)
        return false;
    if (loading.n_rows != source->profile.n_rows || loading.n_series != source->profile.n_series)
        return source_changed(source, error);
    *ret_table = loading.table;
    loading.table = (struct table){0};
    if (ret_length)
        *ret_length = take(&loading.length);
    return true;
}
