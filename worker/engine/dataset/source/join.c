/*
 * The other table is loaded when rows are read, with its keys in a dictionary; then each chunk of
 * rows gets its columns on its way to the sink. Keys are compared as they are written.
 */
#include "worker/engine/dataset/source/join.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/owner.h"
#include "worker/engine/dataset/number.h"

#define KEYS_MAX 16
#define COLUMNS_MAX 100000

enum { MISSING_ERROR, MISSING_KEEP };
enum { DUPLICATES_ERROR, DUPLICATES_FIRST };
static const char *const missing_names[] = {"error", "keep", NULL};
static const char *const duplicates_names[] = {"error", "first", NULL};

struct lookup_config {
    char *source;
    struct kind_choice format;
    struct setting_texts on, columns;
    int missing, duplicates;
};

static const struct setting lookup_settings[] = {
    SETTING_TEXT(struct lookup_config, source, NULL, SETTING_REQUIRED,
                 "The file of the other table; .gz is read as gzip."),
    SETTING_KIND(struct lookup_config, format, &source_registry, NULL, 0,
                 "Its format. Left out: recognised by name and content."),
    SETTING_TEXTS(struct lookup_config, on, 1, KEYS_MAX,
                  "The columns that together are the key; ours=theirs where they are called "
                  "otherwise there."),
    SETTING_TEXTS(struct lookup_config, columns, 0, COLUMNS_MAX,
                  "The columns to add. Left out: all but the key."),
    SETTING_CHOICE(struct lookup_config, missing, MISSING_ERROR, missing_names,
                   "What becomes of a row whose key the other table has not: an error, or keep it "
                   "with missing values."),
    SETTING_CHOICE(struct lookup_config, duplicates, DUPLICATES_ERROR, duplicates_names,
                   "What a key means that stands there twice: an error, or its first row."),
    {0},
};

static const struct kind lookup = {.name = "lookup",
                                   .help = "Columns of another table, of which one row has the "
                                           "key of ours.",
                                   .config_size = sizeof(struct lookup_config),
                                   .settings = lookup_settings};
static const struct kind *const kinds[] = {&lookup, NULL};
const struct kind_registry join_registry = {.what = "join", .kind = kinds};

const char *join_source_of(const struct kind_choice *join)
{
    const struct lookup_config *config = join->config;

    return config->source;
}

struct join {
    struct source_kind kind; /* that of the rows, read by the functions below */
    const struct lookup_config *config;
    char where[32];       /* "data.join[0]" */
    struct source *rows;  /* owned */
    struct source *table; /* owned */
    int n_keys;
    int64_t ours[KEYS_MAX], theirs[KEYS_MAX]; /* columns */
    bool of_series;                           /* the key is one of recordings */
    bool last;                                /* of the joins: all columns are here */
    struct setting_texts dates;               /* owned: what the table may have of data.dates */
    int64_t *added;                           /* owned, [n_added]: columns of the table */
    int64_t n_added;
};

static bool no_memory(const struct join *join, struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "joining %s", join->table->path);
}

static void close_join(struct source *source)
{
    struct join *join = source->state;

    if (!join)
        return;
    source_free(&join->rows);
    source_free(&join->table);
    for (size_t i = 0; i < join->dates.n; i++)
        free(join->dates.item[i]);
    free(join->dates.item);
    free(join->added);
    free(join);
    source->state = NULL;
}

/* ---- columns ----------------------------------------------------------------------------------*/

static bool find_column(const struct join *join, const struct source *in, const char *what,
                        const char *name, int64_t *ret, struct error *error)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "%s.%s", join->where, what);
    *ret = table_profile_find(&in->profile, name);
    return *ret >= 0 ||
           error_set_at(error, ERROR_INVALID, path, "%s has no column '%s'", in->path, name);
}

static bool find_keys(struct join *join, struct error *error)
{
    const struct setting_texts *on = &join->config->on;
    int n_of_series = 0;

    for (join->n_keys = 0; join->n_keys < (int)on->n; join->n_keys++) {
        const char *text = on->item[join->n_keys], *theirs = strchr(text, '=');
        scoped(memory_free) char *ours =
            strndup(text, theirs ? (size_t)(theirs - text) : strlen(text));

        if (!ours)
            return no_memory(join, error);
        if (!find_column(join, join->rows, "on", ours, &join->ours[join->n_keys], error) ||
            !find_column(join, join->table, "on", theirs ? theirs + 1 : text,
                         &join->theirs[join->n_keys], error))
            return false;
        n_of_series += join->rows->profile.column[join->ours[join->n_keys]].of_series;
    }
    join->of_series = n_of_series > 0;
    if (n_of_series > 0 && n_of_series < join->n_keys)
        return error_set_at(error, ERROR_INVALID, join->where,
                            "some columns of the key are those of rows, others of recordings");
    return true;
}

/* Whether the other table's column is of the key. */
static bool is_key(const struct join *join, const char *name)
{
    for (size_t i = 0; i < join->config->on.n; i++) {
        const char *text = join->config->on.item[i], *theirs = strchr(text, '=');

        if (strcmp(theirs ? theirs + 1 : text, name) == 0)
            return true;
    }
    return false;
}

/* New rows may have columns that others are given by the join. */
static void drop_known(struct join *join)
{
    int64_t n = 0;

    for (int64_t i = 0; i < join->n_added; i++)
        if (table_profile_find(&join->rows->profile,
                               join->table->profile.column[join->added[i]].name) < 0)
            join->added[n++] = join->added[i];
    join->n_added = n;
}

static bool choose_columns(struct join *join, bool features_only, struct error *error)
{
    const struct table_profile *theirs = &join->table->profile;
    const struct setting_texts *columns = &join->config->columns;

    free(join->added);
    join->n_added = 0;
    join->added = calloc((size_t)theirs->n_columns + columns->n + 1, sizeof(*join->added));
    if (!join->added)
        return no_memory(join, error);
    for (size_t i = 0; i < columns->n; i++)
        if (!find_column(join, join->table, "columns", columns->item[i],
                         &join->added[join->n_added++], error))
            return false;
    for (int64_t i = 0; columns->n == 0 && i < theirs->n_columns; i++)
        if (!is_key(join, theirs->column[i].name))
            join->added[join->n_added++] = i;
    if (features_only && join->n_added > 0) {
        drop_known(join);
        return true;
    }
    return join->n_added > 0 || error_set_at(error, ERROR_INVALID, join->where,
                                             "%s has no column beside the key", join->table->path);
}

static bool copy_column(struct table_profile *profile, const struct column_profile *from)
{
    struct column_profile *to = &profile->column[profile->n_columns];

    *to = *from;
    to->name = strdup(from->name);
    profile->n_columns += to->name != NULL;
    return to->name != NULL;
}

static bool merge(const struct join *join, struct table_profile *profile, struct error *error)
{
    const struct table_profile *ours = &join->rows->profile, *theirs = &join->table->profile;

    profile->n_rows = ours->n_rows;
    profile->n_series = ours->n_series;
    profile->header = ours->header;
    profile->column =
        calloc((size_t)(ours->n_columns + join->n_added) + 1, sizeof(*profile->column));
    if (!profile->column)
        return no_memory(join, error);
    for (int64_t i = 0; i < ours->n_columns; i++)
        if (!copy_column(profile, &ours->column[i]))
            return no_memory(join, error);
    for (int64_t i = 0; i < join->n_added; i++) {
        const struct column_profile *from = &theirs->column[join->added[i]];

        if (table_profile_find(profile, from->name) >= 0)
            return error_set_at(error, ERROR_INVALID, join->where,
                                "%s has a column '%s' already; say in columns which others of %s "
                                "to add",
                                join->rows->path, from->name, join->table->path);
        if (!copy_column(profile, from))
            return no_memory(join, error);
        profile->column[ours->n_columns + i].of_series = join->of_series;
        profile->column[ours->n_columns + i].n_missing = 0; /* of rows: known once they are read */
        profile->column[ours->n_columns + i].missing_in_row = true;
        profile->column[ours->n_columns + i].text_file = join->table->path;
    }
    return true;
}

/* Each table took those that it has. */
static bool check_dates(const struct source *source, const struct table_profile *profile,
                        struct error *error)
{
    const struct join *join = source->state;
    const struct setting_texts *dates = &source->format.dates;

    for (size_t i = 0; join->last && i < dates->n; i++)
        if (table_profile_find(profile, dates->item[i]) < 0 &&
            table_profile_find(&join->table->profile, dates->item[i]) < 0)
            return error_set_at(error, ERROR_INVALID, "data.dates",
                                "neither %s nor what is joined has a column '%s'", source->path,
                                dates->item[i]);
    return true;
}

static bool look(struct source *source, bool (*at_rows)(struct source *, struct error *),
                 struct table_profile *profile, struct error *error)
{
    struct join *join = source->state;

    if (!at_rows(join->rows, error) ||
        (join->table->profile.n_columns == 0 && !source_profile(join->table, error)))
        return false;
    source->guessed = join->rows->guessed;
    return choose_columns(join, source->features_only, error) &&
           (join->n_added == 0 || find_keys(join, error)) && merge(join, profile, error) &&
           check_dates(source, profile, error);
}

static bool profile_join(struct source *source, struct table_profile *profile, struct error *error)
{
    return look(source, source_profile, profile, error);
}

static bool guess_join(struct source *source, struct table_profile *profile, struct error *error)
{
    return look(source, source_guess, profile, error);
}

/* ---- the other table --------------------------------------------------------------------------*/

struct partners {
    struct table table;
    struct dictionary keys;
    int64_t *row; /* owned, [keys.n]: of the table */
};

static void partners_release(struct partners *partners)
{
    table_release(&partners->table);
    dictionary_release(&partners->keys);
    free(partners->row);
}

/* The key in row i of the columns, which are texts. */
static bool key_of(const struct column *column, const int64_t *key, int n_keys, int64_t i,
                   struct buffer *text, bool *ret_missing, struct error *error)
{
    buffer_clear(text);
    *ret_missing = false;
    for (int k = 0; k < n_keys; k++) {
        const struct column *part = &column[key[k]];

        if (part->code[i] < 0) {
            *ret_missing = true;
            return true;
        }
        if ((k > 0 && !buffer_append_text(text, DICTIONARY_PART_END, error)) ||
            !buffer_append_text(text, part->dictionary.text[part->code[i]], error))
            return false;
    }
    return true;
}

/* For messages. */
static const char *shown(const struct buffer *text, char *to, size_t size)
{
    (void)snprintf(to, size, "%s", text->data ? text->data : "");
    (void)dictionary_show_parts(to);
    return to;
}

static bool index_row(const struct join *join, int64_t i, struct buffer *text,
                      struct partners *partners, struct error *error)
{
    int32_t before = partners->keys.n, code;
    char key[80];
    bool missing;

    if (!key_of(partners->table.column, join->theirs, join->n_keys, i, text, &missing, error))
        return false;
    if (missing)
        return error_set_at(error, ERROR_INVALID, join->where, "%s: row %lld: the key is missing",
                            join->table->path, (long long)i);
    if (!dictionary_add(&partners->keys, text->data, text->size, &code, error))
        return false;
    if (code < before && join->config->duplicates == DUPLICATES_ERROR)
        return error_set_at(error, ERROR_INVALID, join->where,
                            "%s: rows %lld and %lld have the same key, '%s'; duplicates: first "
                            "takes the first",
                            join->table->path, (long long)partners->row[code], (long long)i,
                            shown(text, key, sizeof(key)));
    if (code == before)
        partners->row[code] = i;
    return true;
}

/* A key came as texts, and may be wanted as something else. */
static bool convert_key(const struct source *source, const struct column *from,
                        enum column_form form, int64_t n, struct column *to, struct error *error)
{
    if (!column_init(to, form, from->name, n))
        return error_set(error, ERROR_NO_MEMORY, "joining %s", source->path);
    for (int64_t i = 0; i < n && form != FORM_SKIP; i++) {
        const char *text = from->code[i] < 0 ? NULL : from->dictionary.text[from->code[i]];
        int64_t integer = 0;
        double real = NAN;
        enum number_kind kind =
            text ? number_parse(text, strlen(text), &integer, &real) : NUMBER_REAL;

        if ((kind != NUMBER_INTEGER && kind != NUMBER_REAL) ||
            (form == FORM_INTEGER && kind != NUMBER_INTEGER))
            return error_set(error, ERROR_INVALID, "%s: column '%s': '%.40s' is no number",
                             source->path, from->name, text ? text : "");
        if (form == FORM_REAL)
            to->real[i] = real;
        else
            to->integer[i] = integer;
    }
    return true;
}

/* An added column that is of the key, too, becomes what it is wanted as. */
static bool convert_added(const struct join *join, const enum column_form *form,
                          struct table *table, struct error *error)
{
    for (int64_t i = 0; i < join->n_added; i++) {
        struct column *column = &table->column[join->added[i]], as_wanted = {0};

        if (column->form == form[i])
            continue;
        if (!convert_key(join->table, column, form[i], table->n_rows, &as_wanted, error)) {
            column_release(&as_wanted);
            return false;
        }
        column_release(column);
        *column = as_wanted;
    }
    return true;
}

static bool load_partners(struct join *join, const enum column_form *form,
                          struct partners *partners, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    int64_t n = join->table->profile.n_columns;
    scoped(memory_free) enum column_form *wanted = calloc((size_t)n, sizeof(*wanted));

    if (!wanted)
        return no_memory(join, error);
    for (int64_t i = 0; i < join->n_added; i++)
        wanted[join->added[i]] = form[i];
    for (int k = 0; k < join->n_keys; k++)
        wanted[join->theirs[k]] = FORM_TEXT;
    if (!source_load(join->table, wanted, &partners->table, NULL, error))
        return false;
    partners->row = calloc((size_t)partners->table.n_rows + 1, sizeof(*partners->row));
    if (!partners->row)
        return no_memory(join, error);
    for (int64_t i = 0; i < partners->table.n_rows; i++)
        if (!index_row(join, i, &text, partners, error))
            return false;
    return convert_added(join, form, &partners->table, error);
}

/* ---- rows -------------------------------------------------------------------------------------*/

struct missing_rows { /* of an added column */
    int64_t n, first;
};

struct joining {
    struct source *source;
    struct join *join;
    const enum column_form *form;
    const struct source_sink *sink;
    struct partners partners;
    pthread_mutex_t lock;
    struct missing_rows *missing; /* owned, [n_added] */
};

static bool no_partner(const struct joining *at, const struct source_chunk *chunk, int64_t i,
                       const struct buffer *key, struct error *error)
{
    const struct join *join = at->join;
    int64_t number = (join->of_series ? chunk->first_series : chunk->first_row) + i;
    char text[80];

    return error_set_at(error, ERROR_INVALID, join->where,
                        "%s: %s %lld: %s has no row '%s'; missing: keep keeps it", join->rows->path,
                        join->of_series ? "recording" : "row", (long long)number, join->table->path,
                        shown(key, text, sizeof(text)));
}

/* row[i]: of the other table; -1: none. */
static bool find_partners(const struct joining *at, const struct source_chunk *chunk, int64_t n,
                          int64_t *row, struct error *error)
{
    const struct join *join = at->join;
    scoped(buffer_release) struct buffer text = {0};

    for (int64_t i = 0; i < n; i++) {
        int32_t code = -1;
        bool missing;

        if (!key_of(chunk->column, join->ours, join->n_keys, i, &text, &missing, error))
            return false;
        if (!missing)
            code = dictionary_find(&at->partners.keys, text.data, text.size);
        if (code < 0 && join->config->missing == MISSING_ERROR)
            return no_partner(at, chunk, i, &text, error);
        row[i] = code < 0 ? -1 : at->partners.row[code];
    }
    return true;
}

static bool texts_of_partners(const struct column *from, const int64_t *row, int64_t n,
                              struct column *to, struct error *error)
{
    scoped(memory_free) int32_t *mine = malloc(((size_t)from->dictionary.n + 1) * sizeof(*mine));

    if (!mine)
        return error_set(error, ERROR_NO_MEMORY, "joining texts");
    for (int32_t i = 0; i < from->dictionary.n; i++)
        mine[i] = -1;
    for (int64_t i = 0; i < n; i++) { /* texts are numbered as rows have them */
        int32_t code = row[i] < 0 ? -1 : from->code[row[i]];

        to->code[i] = -1;
        if (code < 0)
            continue;
        if (mine[code] < 0 &&
            !dictionary_add(&to->dictionary, from->dictionary.text[code],
                            strlen(from->dictionary.text[code]), &mine[code], error))
            return false;
        to->code[i] = mine[code];
    }
    return true;
}

static bool values_of_partners(const struct joining *at, const struct column *from,
                               const int64_t *row, int64_t n, struct column *to,
                               struct error *error)
{
    if (!column_init(to, from->form, from->name, n))
        return no_memory(at->join, error);
    if (from->form == FORM_TEXT)
        return texts_of_partners(from, row, n, to, error);
    for (int64_t i = 0; i < n && from->form == FORM_REAL; i++)
        to->real[i] = row[i] < 0 ? (double)NAN : from->real[row[i]];
    for (int64_t i = 0; i < n && from->form == FORM_INTEGER; i++) {
        if (row[i] < 0)
            return error_set_at(error, ERROR_INVALID, at->join->where,
                                "'%s' is to name rows, and a row without a partner has none",
                                from->name);
        to->integer[i] = from->integer[row[i]];
    }
    return true;
}

static void count_missing(struct joining *at, int64_t number, const struct column *column,
                          int64_t first, int64_t n)
{
    struct missing_rows *missing = &at->missing[number];

    (void)pthread_mutex_lock(&at->lock);
    for (int64_t i = 0; i < n; i++) {
        bool gone = (column->form == FORM_REAL && isnan(column->real[i])) ||
                    (column->form == FORM_TEXT && column->code[i] < 0);

        if (gone && (missing->n == 0 || first + i < missing->first))
            missing->first = first + i;
        missing->n += gone;
    }
    (void)pthread_mutex_unlock(&at->lock);
}

struct joined { /* the columns of a chunk */
    struct column *column;
    bool *owned;
    int64_t n;
};

static void joined_release(struct joined *joined)
{
    for (int64_t i = 0; joined->column && joined->owned && i < joined->n; i++)
        if (joined->owned[i])
            column_release(&joined->column[i]);
    free(joined->column);
    free(joined->owned);
}

static bool take_ours(const struct joining *at, const struct source_chunk *chunk,
                      struct joined *joined, struct error *error)
{
    const struct join *join = at->join;
    int64_t n = join->of_series ? chunk->n_series : chunk->n_rows;

    for (int64_t i = 0; i < join->rows->profile.n_columns; i++)
        joined->column[i] = chunk->column[i];
    for (int k = 0; k < join->n_keys; k++) {
        int64_t i = join->ours[k];

        if (at->form[i] == FORM_TEXT || joined->owned[i])
            continue;
        joined->owned[i] = true;
        joined->column[i] = (struct column){0};
        if (!convert_key(join->rows, &chunk->column[i], at->form[i], n, &joined->column[i], error))
            return false;
    }
    return true;
}

static bool add_theirs(struct joining *at, const struct source_chunk *chunk, const int64_t *row,
                       int64_t n, struct joined *joined, struct error *error)
{
    const struct join *join = at->join;
    int64_t first = join->rows->profile.n_columns;

    for (int64_t i = 0; i < join->n_added; i++) {
        struct column *to = &joined->column[first + i];
        struct column as = at->partners.table.column[join->added[i]];

        joined->owned[first + i] = true;
        as.form = at->form[first + i];
        if (!values_of_partners(at, &as, row, n, to, error))
            return false;
        count_missing(at, i, to, join->of_series ? chunk->first_series : chunk->first_row, n);
    }
    return true;
}

static bool take_chunk(void *context, const struct source_chunk *chunk, struct error *error)
{
    struct joining *at = context;
    struct source_chunk all = *chunk;
    int64_t n = at->join->of_series ? chunk->n_series : chunk->n_rows;
    scoped(memory_free) int64_t *row = malloc(((size_t)n + 1) * sizeof(*row));
    scoped(joined_release) struct joined joined = {.n = at->source->profile.n_columns};

    joined.column = calloc((size_t)joined.n, sizeof(*joined.column));
    joined.owned = calloc((size_t)joined.n, sizeof(*joined.owned));
    if (!row || !joined.column || !joined.owned)
        return no_memory(at->join, error);
    if (!find_partners(at, chunk, n, row, error) || !take_ours(at, chunk, &joined, error) ||
        !add_theirs(at, chunk, row, n, &joined, error))
        return false;
    all.column = joined.column;
    return (at->sink->take)(at->sink->context, &all, error);
}

static void joining_release(struct joining *at)
{
    partners_release(&at->partners);
    free(at->missing);
}

/* What is known of the columns once all rows are read. */
static void complete_profile(const struct joining *at)
{
    const struct table_profile *ours = &at->join->rows->profile;
    struct table_profile *profile = &at->source->profile;

    profile->n_rows = ours->n_rows;
    for (int64_t i = 0; i < ours->n_columns; i++) {
        profile->column[i].n_missing = ours->column[i].n_missing;
        profile->column[i].missing_line = ours->column[i].missing_line;
        profile->column[i].missing_file = ours->column[i].missing_file;
    }
    for (int64_t i = 0; i < at->join->n_added; i++) {
        profile->column[ours->n_columns + i].n_missing = at->missing[i].n;
        profile->column[ours->n_columns + i].missing_line = at->missing[i].first;
    }
}

static bool read_join(struct source *source, const enum column_form *form,
                      const struct source_sink *sink, struct error *error)
{
    struct join *join = source->state;
    int64_t n_ours = join->rows->profile.n_columns;
    scoped(memory_free) enum column_form *ours = calloc((size_t)n_ours, sizeof(*ours));
    scoped(joining_release) struct joining at = {.source = source,
                                                 .join = join,
                                                 .form = form,
                                                 .sink = sink,
                                                 .lock = PTHREAD_MUTEX_INITIALIZER};
    const struct source_sink joining = {.context = &at, .take = take_chunk};

    at.missing = calloc((size_t)join->n_added + 1, sizeof(*at.missing));
    if (!ours || !at.missing)
        return no_memory(join, error);
    memcpy(ours, form, (size_t)n_ours * sizeof(*ours));
    for (int k = 0; k < join->n_keys; k++)
        ours[join->ours[k]] = FORM_TEXT;
    join->rows->threads = source->threads;
    if (join->n_added == 0)
        return source_read(join->rows, form, sink, error);
    if (!load_partners(join, form + n_ours, &at.partners, error) ||
        !source_read(join->rows, ours, &joining, error))
        return false;
    complete_profile(&at);
    return true;
}

/* ---- opening ----------------------------------------------------------------------------------*/

static bool is_listed(const struct setting_texts *list, const char *text, size_t size)
{
    for (size_t i = 0; i < list->n; i++)
        if (strncmp(list->item[i], text, size) == 0 && !list->item[i][size])
            return true;
    return false;
}

static bool add_date(struct join *join, const char *name, struct error *error)
{
    join->dates.item[join->dates.n] = strdup(name);
    return join->dates.item[join->dates.n++] != NULL ||
           error_set(error, ERROR_NO_MEMORY, "joining");
}

/* The rows' own, and theirs=ours of the key: as seconds on both sides keys are equal. */
static bool choose_dates(struct join *join, const struct setting_texts *ours, struct error *error)
{
    const struct setting_texts *on = &join->config->on;

    join->dates.item = calloc(ours->n + on->n + 1, sizeof(*join->dates.item));
    if (!join->dates.item)
        return error_set(error, ERROR_NO_MEMORY, "joining");
    for (size_t i = 0; i < ours->n; i++)
        if (!add_date(join, ours->item[i], error))
            return false;
    for (size_t i = 0; i < on->n; i++) {
        const char *theirs = strchr(on->item[i], '=');

        if (theirs && is_listed(ours, on->item[i], (size_t)(theirs - on->item[i])) &&
            !add_date(join, theirs + 1, error))
            return false;
    }
    return true;
}

/* A format with a way of its own to say that a value is missing goes on with that. */
static bool open_table(struct join *join, const char *path, const struct setting_texts *missing,
                       struct error *error)
{
    const struct source_request request = {.path = path,
                                           .format = {.dates = join->dates, .joined = true},
                                           .kind = join->config->format};

    if (!source_open(&request, &join->table, error))
        return error_wrap(error, "%s", join->where);
    if (join->table->kind->reads & SOURCE_READS_MISSING)
        join->table->format.missing = *missing;
    return true;
}

bool join_open(const struct kind_choice *choice, size_t number, bool last, const char *path,
               struct source **rows, struct error *error)
{
    scoped(source_free) struct source *source = calloc(1, sizeof(*source));
    struct join *join = calloc(1, sizeof(*join));

    if (!source || !join || !(source->path = strdup((*rows)->path))) {
        free(join);
        return error_set(error, ERROR_NO_MEMORY, "joining %s", path);
    }
    join->config = choice->config;
    (void)snprintf(join->where, sizeof(join->where), "data.join[%zu]", number);
    join->last = last;
    join->rows = take(rows);
    join->kind = *join->rows->kind;
    join->kind.close = close_join;
    join->kind.profile = profile_join;
    join->kind.guess = guess_join;
    join->kind.read = read_join;
    source->state = join;
    source->kind = &join->kind;
    source->format = join->rows->format;
    source->threads = join->rows->threads;
    source->features_only = join->rows->features_only;
    source->bytes = join->rows->bytes;
    if (!choose_dates(join, &source->format.dates, error) ||
        !open_table(join, path, &source->format.missing, error))
        return false;
    *rows = take(&source);
    return true;
}
