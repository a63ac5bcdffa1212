#include "worker/engine/dataset/source/several.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/source/cell.h"

#define FILE_COLUMN "file"

struct several {
    struct source_kind kind; /* that of the files, read by the functions below */
    struct several_request files;
    struct source **part; /* owned, [files.n] */
};

static bool no_memory(const struct source *source, struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "reading %s", source->path);
}

static void close_parts(struct source *source)
{
    struct several *several = source->state;

    if (!several)
        return;
    for (size_t i = 0; several->part && i < several->files.n; i++)
        source_free(&several->part[i]);
    free(several->part);
    free(several);
    source->state = NULL;
}

/* ---- columns ----------------------------------------------------------------------------------*/

static bool check_columns(const struct source *first, const struct source *other,
                          struct error *error)
{
    const struct table_profile *a = &first->profile, *b = &other->profile;

    if (a->n_columns != b->n_columns)
        return error_set(error, ERROR_INVALID, "%s has %lld columns, but %s has %lld", other->path,
                         (long long)b->n_columns, first->path, (long long)a->n_columns);
    for (int64_t i = 0; i < a->n_columns; i++)
        if (strcmp(a->column[i].name, b->column[i].name) != 0)
            return error_set(error, ERROR_INVALID, "column %lld is '%s' in %s, but '%s' in %s",
                             (long long)i + 1, b->column[i].name, other->path, a->column[i].name,
                             first->path);
    return true;
}

static void merge_place(int64_t *line, const char **file, int64_t n_before, int64_t n, int64_t at,
                        const char *name)
{
    if (n_before > 0 || n == 0)
        return;
    *line = at;
    *file = name;
}

static void merge_distinct(struct column_profile *to, const struct column_profile *from)
{
    for (int64_t i = 0; i < from->n_distinct && to->n_distinct <= COLUMN_DISTINCT_MAX; i++) {
        int64_t k = 0;

        if (i == COLUMN_DISTINCT_MAX) { /* there are more than are kept */
            to->n_distinct = COLUMN_DISTINCT_MAX + 1;
            return;
        }
        while (k < to->n_distinct && k < COLUMN_DISTINCT_MAX &&
               to->distinct[k] != from->distinct[i])
            k++;
        if (k < to->n_distinct)
            continue;
        if (k < COLUMN_DISTINCT_MAX)
            to->distinct[k] = from->distinct[i];
        to->n_distinct++;
    }
}

/* What is missing, and where first. */
static void merge_missing(struct column_profile *to, const struct column_profile *from,
                          const char *name)
{
    merge_place(&to->missing_line, &to->missing_file, to->n_missing, from->n_missing,
                from->missing_line, name);
    to->n_missing += from->n_missing;
}

static void merge_column(struct column_profile *to, const struct column_profile *from,
                         const char *name)
{
    const char *elsewhere;

    merge_missing(to, from, name);
    merge_place(&to->text_line, &to->text_file, to->n_text, from->n_text, from->text_line, name);
    merge_place(&to->special_line, &elsewhere, to->n_special, from->n_special, from->special_line,
                name);
    merge_place(&to->overflow_line, &elsewhere, to->n_overflow, from->n_overflow,
                from->overflow_line, name);
    to->n_text += from->n_text;
    to->n_special += from->n_special;
    to->n_overflow += from->n_overflow;
    to->n_plain += from->n_plain;
    merge_distinct(to, from);
    to->fraction = to->fraction || from->fraction;
    to->type = from->type > to->type ? from->type : to->type; /* the wider one */
}

static bool add_column(struct table_profile *profile, const struct column_profile *from)
{
    struct column_profile *column = &profile->column[profile->n_columns];

    *column = (struct column_profile){.aside = from->aside,
                                      .date = from->date,
                                      .of_series = from->of_series,
                                      .numbers_series = from->numbers_series};
    column->name = strdup(from->name);
    profile->n_columns += column->name != NULL;
    return column->name != NULL;
}

static bool add_file_column(const struct several *several, struct table_profile *profile)
{
    char name[32] = FILE_COLUMN;
    struct column_profile column = {
        .name = name, .aside = true, .of_series = several->part[0]->profile.n_series > 0};

    for (size_t i = strlen(name); table_profile_find(profile, name) >= 0 && i < sizeof(name) - 1;)
        name[i++] = '_'; /* zeros follow */
    if (!add_column(profile, &column))
        return false;
    profile->column[profile->n_columns - 1].type = COLUMN_TEXT;
    profile->column[profile->n_columns - 1].names_file = true;
    profile->column[profile->n_columns - 1].n_text = profile->n_rows;
    return true;
}

/* The numbers of all recordings, of which the files know their own. */
static void number_series(struct table_profile *profile)
{
    for (int64_t i = 0; i < profile->n_columns; i++) {
        struct column_profile *column = &profile->column[i];

        if (!column->numbers_series)
            continue;
        column->n_distinct = 0;
        column->n_plain = 0;
        for (int64_t k = 0; k < profile->n_series; k++)
            column_look_integer(column, k);
    }
}

static bool merge(const struct source *source, struct table_profile *profile, struct error *error)
{
    const struct several *several = source->state;
    const struct table_profile *first = &several->part[0]->profile;

    profile->column = calloc((size_t)first->n_columns + 1, sizeof(*profile->column));
    profile->header = first->header;
    if (!profile->column)
        return no_memory(source, error);
    for (int64_t i = 0; i < first->n_columns; i++)
        if (!add_column(profile, &first->column[i]))
            return no_memory(source, error);
    for (size_t k = 0; k < several->files.n; k++) {
        const struct table_profile *part = &several->part[k]->profile;

        if (!check_columns(several->part[0], several->part[k], error))
            return false;
        for (int64_t i = 0; i < part->n_columns; i++)
            merge_column(&profile->column[i], &part->column[i], several->files.name[k]);
        profile->n_rows += part->n_rows;
        profile->n_series += part->n_series;
    }
    number_series(profile);
    return add_file_column(several, profile) || no_memory(source, error);
}

static bool profile_parts(struct source *source, struct table_profile *profile, struct error *error)
{
    const struct several *several = source->state;

    for (size_t i = 0; i < several->files.n; i++)
        if (!source_profile(several->part[i], error))
            return false;
    return merge(source, profile, error);
}

static bool guess_parts(struct source *source, struct table_profile *profile, struct error *error)
{
    const struct several *several = source->state;

    for (size_t i = 0; i < several->files.n; i++) {
        if (!source_guess(several->part[i], error))
            return false;
        source->guessed = source->guessed || several->part[i]->guessed;
    }
    return merge(source, profile, error);
}

/* ---- values -----------------------------------------------------------------------------------*/

struct forwarding { /* of one file */
    const struct source *source;
    const enum column_form *form;
    const struct source_sink *sink;
    const char *name;
    int64_t first_row, first_series;
};

/* The numbers as texts begin anew in each file, too. */
static bool shift_texts(const struct column *from, int64_t by, struct column *to,
                        struct error *error)
{
    for (int32_t i = 0; i < from->dictionary.n; i++) {
        char text[32];
        int32_t code;

        (void)snprintf(text, sizeof(text), "%lld",
                       strtoll(from->dictionary.text[i], NULL, 10) + (long long)by);
        if (!dictionary_add(&to->dictionary, text, strlen(text), &code, error))
            return false;
    }
    return true;
}

/* `to` owns what it points to. */
static bool shift(const struct column *from, int64_t n, int64_t by, struct column *to,
                  struct error *error)
{
    if (!column_init(to, from->form, from->name, n))
        return error_set(error, ERROR_NO_MEMORY, "numbering recordings");
    if (from->form == FORM_TEXT && !shift_texts(from, by, to, error))
        return false;
    for (int64_t i = 0; i < n; i++) {
        if (from->form == FORM_REAL)
            to->real[i] = from->real[i] + (double)by;
        else if (from->form == FORM_INTEGER)
            to->integer[i] = from->integer[i] + by;
        else if (from->form == FORM_TEXT)
            to->code[i] = from->code[i];
    }
    return true;
}

static bool name_file(const struct forwarding *at, int64_t n, struct column *to,
                      struct error *error)
{
    const struct table_profile *profile = &at->source->profile;
    int32_t code;

    if (!column_init(to, at->form[profile->n_columns - 1],
                     profile->column[profile->n_columns - 1].name, n))
        return error_set(error, ERROR_NO_MEMORY, "naming files");
    if (to->form == FORM_SKIP)
        return true;
    if (to->form != FORM_TEXT)
        return error_set(error, ERROR_INVALID, "column '%s': '%s' is not a number", to->name,
                         at->name);
    memset(to->code, 0, (size_t)n * sizeof(*to->code));
    return dictionary_add(&to->dictionary, at->name, strlen(at->name), &code, error);
}

static bool forward(void *context, const struct source_chunk *chunk, struct error *error)
{
    const struct forwarding *at = context;
    const struct table_profile *profile = &at->source->profile;
    int64_t n = profile->n_columns, n_files = chunk->n_series > 0 ? chunk->n_series : chunk->n_rows;
    struct source_chunk all = *chunk;
    scoped(memory_free) struct column *column = calloc((size_t)n, sizeof(*column));
    bool good;

    if (!column)
        return no_memory(at->source, error);
    good = name_file(at, n_files, &column[n - 1], error);
    for (int64_t i = 0; i < n - 1; i++) {
        bool counts = profile->column[i].numbers_series;

        if (!counts)
            column[i] = chunk->column[i];
        else
            good = good &&
                   shift(&chunk->column[i], chunk->n_series, at->first_series, &column[i], error);
    }
    all.first_row += at->first_row;
    all.first_series += at->first_series;
    all.column = column;
    good = good && (at->sink->take)(at->sink->context, &all, error);
    for (int64_t i = 0; i < n; i++)
        if (i == n - 1 || profile->column[i].numbers_series)
            column_release(&column[i]);
    return good;
}

/* What all rows have shown of a guessed profile. */
static void complete_profile(struct source *source)
{
    const struct several *several = source->state;
    struct table_profile *profile = &source->profile;

    profile->n_rows = 0;
    for (int64_t i = 0; i < profile->n_columns; i++)
        profile->column[i].n_missing = 0;
    for (size_t k = 0; k < several->files.n; k++) {
        const struct table_profile *part = &several->part[k]->profile;

        profile->n_rows += part->n_rows;
        for (int64_t i = 0; i < part->n_columns; i++)
            merge_missing(&profile->column[i], &part->column[i], several->files.name[k]);
    }
}

static bool read_parts(struct source *source, const enum column_form *form,
                       const struct source_sink *sink, struct error *error)
{
    const struct several *several = source->state;
    struct forwarding at = {.source = source, .form = form, .sink = sink};
    const struct source_sink forwarding = {.context = &at, .take = forward};

    for (size_t i = 0; i < several->files.n; i++) {
        struct source *part = several->part[i];

        at.name = several->files.name[i];
        part->threads = source->threads;
        if (!source_read(part, form, &forwarding, error))
            return false;
        at.first_row += part->profile.n_rows;
        at.first_series += part->profile.n_series;
    }
    if (source->guessed)
        complete_profile(source);
    return true;
}

/* ---- opening ----------------------------------------------------------------------------------*/

static bool open_parts(const struct source_request *request, struct several *several,
                       struct source *source, struct error *error)
{
    struct source_request one = *request;

    several->part = calloc(several->files.n, sizeof(struct source *));
    if (!several->part)
        return no_memory(source, error);
    for (size_t i = 0; i < several->files.n; i++) {
        one.path = several->files.path[i];
        if (!source_open(&one, &several->part[i], error))
            return false;
        source->bytes += several->part[i]->bytes;
        if (several->part[i]->kind != several->part[0]->kind)
            return error_set(error, ERROR_INVALID, "%s is of the format %s, but %s of %s", one.path,
                             several->part[i]->kind->kind.name, several->files.path[0],
                             several->part[0]->kind->kind.name);
    }
    return true;
}

bool several_open(const struct source_request *request, const struct several_request *files,
                  struct source **ret, struct error *error)
{
    scoped(source_free) struct source *source = calloc(1, sizeof(*source));
    struct several *several = calloc(1, sizeof(*several));

    if (!source || !several || !(source->path = strdup(files->text))) {
        free(several);
        return error_set(error, ERROR_NO_MEMORY, "opening %s", files->text);
    }
    several->files = *files;
    several->kind.close = close_parts;
    source->state = several;
    source->kind = &several->kind;
    source->format = request->format;
    source->features_only = request->features_only;
    source->threads = request->threads > 1 ? request->threads : 1;
    if (!open_parts(request, several, source, error))
        return false;
    several->kind.kind = several->part[0]->kind->kind;
    several->kind.row_name = several->part[0]->kind->row_name;
    several->kind.profile = profile_parts;
    several->kind.guess = guess_parts;
    several->kind.read = read_parts;
    *ret = take(&source);
    return true;
}
