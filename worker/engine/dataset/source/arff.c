/*
 * ARFF, the format of Weka: @attribute lines name and type the columns, rows follow @data, either
 * value by value or sparse, "{3 1.5, 7 yes}" (positions from 0; what is left out is 0, or the first
 * of its nominal values). Values and names may stand in quotes, single or double, with backslashes.
 * Dates become seconds since 1970.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/owner.h"
#include "worker/engine/dataset/dictionary.h"
#include "worker/engine/dataset/number.h"
#include "worker/engine/dataset/source/batch.h"
#include "worker/engine/dataset/source/cell.h"
#include "worker/engine/dataset/source/kinds.h"
#include "worker/engine/dataset/source/stream.h"

#define ATTRIBUTES_MAX 100000

enum attribute_type { ATTRIBUTE_NUMBER, ATTRIBUTE_NOMINAL, ATTRIBUTE_STRING, ATTRIBUTE_DATE };

struct attribute {
    char *name; /* owned */
    enum attribute_type type;
    struct dictionary nominal; /* what it may be */
};

/* One pass over the file. */
struct arff_pass {
    const char *path;
    struct missing_texts missing;
    struct attribute *attribute; /* owned */
    int64_t n_attributes, capacity;
    struct cell *cell; /* owned: [n_attributes], of the row */
    char (*date)[32];  /* owned: [n_attributes], what dates are as numbers */
    struct line line;
    char *at; /* within the line */
    struct error *error;
};

static void arff_pass_release(struct arff_pass *pass)
{
    for (int64_t i = 0; i < pass->n_attributes; i++) {
        free(pass->attribute[i].name);
        dictionary_release(&pass->attribute[i].nominal);
    }
    free(pass->attribute);
    free(pass->cell);
    free(pass->date);
}

__attribute__((format(printf, 2, 3))) static bool bad(const struct arff_pass *pass,
                                                      const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return error_set(pass->error, ERROR_INVALID, "%s: line %lld, byte %lld: %s", pass->path,
                     (long long)pass->line.number, (long long)(pass->at - pass->line.text) + 1,
                     text);
}

/* ---- words ------------------------------------------------------------------------------------*/

static void skip_blanks(struct arff_pass *pass)
{
    pass->at += strspn(pass->at, " \t");
}

/* A quoted word, from its quote on; taken out of its quotes in place. */
static bool read_quoted(struct arff_pass *pass, struct cell *ret)
{
    char quote = *pass->at;
    char *from = pass->at + 1, *to = from;

    for (char *c = from; *c; c++) {
        if (*c == quote) {
            *ret = (struct cell){from, (size_t)(to - from)};
            pass->at = c + 1;
            return true;
        }
        if (*c == '\\' && c[1])
            c++;
        *to++ = *c;
    }
    return bad(pass, "a quote that is never closed");
}

/* A word up to one of `ends` or the line's end; blanks round it are dropped. */
static bool read_word(struct arff_pass *pass, const char *ends, struct cell *ret)
{
    size_t size;

    skip_blanks(pass);
    if (*pass->at == '\'' || *pass->at == '"')
        return read_quoted(pass, ret);
    size = strcspn(pass->at, ends);
    *ret = (struct cell){pass->at, size};
    pass->at += size;
    while (ret->size > 0 && (ret->text[ret->size - 1] == ' ' || ret->text[ret->size - 1] == '\t'))
        ret->size--;
    return true;
}

static bool is_word(const struct cell *cell, const char *word)
{
    return cell->size == strlen(word) && strncasecmp(cell->text, word, cell->size) == 0;
}

/* ---- the header -------------------------------------------------------------------------------*/

static bool read_nominal(struct arff_pass *pass, struct attribute *attribute)
{
    struct cell value;
    int32_t code;

    attribute->type = ATTRIBUTE_NOMINAL;
    do {
        pass->at++; /* the brace or a comma */
        if (!read_word(pass, ",}", &value) ||
            !dictionary_add(&attribute->nominal, value.text, value.size, &code, pass->error))
            return false;
        skip_blanks(pass);
    } while (*pass->at == ',');
    return *pass->at == '}' || bad(pass, "expected a comma or a closing brace");
}

static bool read_type(struct arff_pass *pass, struct attribute *attribute)
{
    struct cell word;

    skip_blanks(pass);
    if (*pass->at == '{')
        return read_nominal(pass, attribute);
    if (!read_word(pass, " \t", &word))
        return false;
    if (is_word(&word, "numeric") || is_word(&word, "real") || is_word(&word, "integer"))
        attribute->type = ATTRIBUTE_NUMBER;
    else if (is_word(&word, "string"))
        attribute->type = ATTRIBUTE_STRING;
    else if (is_word(&word, "date"))
        attribute->type = ATTRIBUTE_DATE;
    else
        return bad(pass, "'%.*s' is no type that is read (numeric, string, date, {...})",
                   (int)(word.size > 40 ? 40 : word.size), word.text);
    return true;
}

static bool read_attribute(struct arff_pass *pass)
{
    struct cell name;
    struct attribute *attribute;

    if (pass->n_attributes == ATTRIBUTES_MAX)
        return bad(pass, "more than %d attributes", ATTRIBUTES_MAX);
    if (pass->n_attributes == pass->capacity) {
        int64_t capacity = pass->capacity * 2 + 64;

        attribute = realloc(pass->attribute, (size_t)capacity * sizeof(*attribute));
        if (!attribute)
            return error_set(pass->error, ERROR_NO_MEMORY, "reading %s", pass->path);
        pass->attribute = attribute;
        pass->capacity = capacity;
    }
    if (!read_word(pass, " \t{", &name))
        return false;
    if (name.size == 0)
        return bad(pass, "an attribute without a name");
    attribute = &pass->attribute[pass->n_attributes++];
    *attribute = (struct attribute){.name = strndup(name.text, name.size)};
    if (!attribute->name)
        return error_set(pass->error, ERROR_NO_MEMORY, "reading %s", pass->path);
    return read_type(pass, attribute);
}

static bool next_line(struct arff_pass *pass, struct stream *stream, bool *ret)
{
    do {
        if (!stream_next_line(stream, &pass->line, ret, pass->error))
            return false;
        pass->at = pass->line.text;
        if (*ret)
            skip_blanks(pass);
    } while (*ret && (*pass->at == '\0' || *pass->at == '%'));
    return true;
}

static bool read_header(struct arff_pass *pass, struct stream *stream)
{
    struct cell word = {0};
    bool more;

    for (;;) {
        if (!next_line(pass, stream, &more))
            return false;
        if (!more)
            return error_set(pass->error, ERROR_INVALID, "%s: has no line @data", pass->path);
        if (!read_word(pass, " \t", &word))
            return false;
        if (is_word(&word, "@data"))
            break;
        if (is_word(&word, "@attribute")
                ? !read_attribute(pass)
                : !is_word(&word, "@relation") && !bad(pass, "expected @attribute or @data"))
            return false;
    }
    if (pass->n_attributes == 0)
        return error_set(pass->error, ERROR_INVALID, "%s: has no attributes", pass->path);
    pass->cell = calloc((size_t)pass->n_attributes, sizeof(*pass->cell));
    pass->date = calloc((size_t)pass->n_attributes, sizeof(*pass->date));
    return (pass->cell && pass->date) ||
           error_set(pass->error, ERROR_NO_MEMORY, "reading %s", pass->path);
}

/* ---- a row ------------------------------------------------------------------------------------*/

static bool bad_value(const struct arff_pass *pass, int64_t i, const char *why)
{
    const struct cell *cell = &pass->cell[i];

    return error_set(pass->error, ERROR_INVALID, "%s: line %lld, column '%s': '%.*s' %s",
                     pass->path, (long long)pass->line.number, pass->attribute[i].name,
                     (int)(cell->size > 40 ? 40 : cell->size), cell->text, why);
}

/* Dates are given on as what they are in seconds. */
static bool read_date(struct arff_pass *pass, int64_t i)
{
    const struct cell_place place = {.path = pass->path, .line = pass->line.number};

    return cell_read_date(&pass->cell[i], &place, pass->attribute[i].name, pass->date[i],
                          pass->error);
}

static bool check_value(struct arff_pass *pass, int64_t i)
{
    const struct attribute *attribute = &pass->attribute[i];
    const struct cell *cell = &pass->cell[i];
    int64_t integer;
    double real;

    if (cell_is_missing(cell, &pass->missing))
        return true;
    switch (attribute->type) {
    case ATTRIBUTE_NUMBER:
        return number_parse(cell->text, cell->size, &integer, &real) != NUMBER_NONE ||
               bad_value(pass, i, "is not a number");
    case ATTRIBUTE_NOMINAL:
        return dictionary_find(&attribute->nominal, cell->text, cell->size) >= 0 ||
               bad_value(pass, i, "is not among the values of its attribute");
    case ATTRIBUTE_DATE:
        return read_date(pass, i);
    case ATTRIBUTE_STRING:
        break;
    }
    return true;
}

static bool read_dense_row(struct arff_pass *pass)
{
    int64_t n = 0;

    for (;; pass->at++) {
        struct cell cell;

        if (!read_word(pass, ",", &cell))
            return false;
        if (n < pass->n_attributes)
            pass->cell[n] = cell;
        n++;
        skip_blanks(pass);
        if (*pass->at != ',')
            break;
    }
    if (*pass->at)
        return bad(pass, "text behind a closing quote");
    if (n != pass->n_attributes)
        return error_set(pass->error, ERROR_INVALID,
                         "%s: line %lld: %lld values where there are %lld attributes", pass->path,
                         (long long)pass->line.number, (long long)n, (long long)pass->n_attributes);
    return true;
}

/* What a sparse row leaves out. */
static void fill_row(struct arff_pass *pass)
{
    for (int64_t i = 0; i < pass->n_attributes; i++) {
        const struct attribute *attribute = &pass->attribute[i];

        if (attribute->type == ATTRIBUTE_NOMINAL)
            pass->cell[i] =
                (struct cell){attribute->nominal.text[0], strlen(attribute->nominal.text[0])};
        else if (attribute->type == ATTRIBUTE_NUMBER)
            pass->cell[i] = (struct cell){"0", 1};
        else
            pass->cell[i] = (struct cell){"?", 1};
    }
}

static bool read_sparse_row(struct arff_pass *pass)
{
    int64_t last = -1;

    fill_row(pass);
    pass->at++; /* the brace */
    skip_blanks(pass);
    while (*pass->at && *pass->at != '}') {
        char *end = NULL;
        long long position = strtoll(pass->at, &end, 10);

        if (end == pass->at || position <= last || position >= pass->n_attributes)
            return bad(pass, "expected a position from %lld to %lld", (long long)last + 1,
                       (long long)pass->n_attributes - 1);
        last = position;
        pass->at = end;
        if (!read_word(pass, ",}", &pass->cell[position]))
            return false;
        skip_blanks(pass);
        if (*pass->at == ',')
            pass->at++;
        skip_blanks(pass);
    }
    return *pass->at == '}' || bad(pass, "expected a closing brace");
}

static bool next_row(struct arff_pass *pass, struct stream *stream, bool *ret)
{
    if (!next_line(pass, stream, ret))
        return false;
    if (!*ret)
        return true;
    if (!(*pass->at == '{' ? read_sparse_row(pass) : read_dense_row(pass)))
        return false;
    for (int64_t i = 0; i < pass->n_attributes; i++)
        if (!check_value(pass, i))
            return false;
    return true;
}

/* ---- the kind ---------------------------------------------------------------------------------*/

static bool check_names(const struct arff_pass *pass)
{
    scoped(dictionary_release) struct dictionary seen = {0};
    int32_t code;

    for (int64_t i = 0; i < pass->n_attributes; i++) {
        const char *name = pass->attribute[i].name;

        if (!dictionary_add(&seen, name, strlen(name), &code, pass->error))
            return false;
        if (code != i)
            return error_set(pass->error, ERROR_INVALID,
                             "%s: attributes %d and %lld are both called '%s'", pass->path,
                             code + 1, (long long)i + 1, name);
    }
    return true;
}

static bool make_columns(const struct arff_pass *pass, struct table_profile *profile)
{
    if (!check_names(pass))
        return false;
    profile->column = calloc((size_t)pass->n_attributes, sizeof(*profile->column));
    if (!profile->column)
        return error_set(pass->error, ERROR_NO_MEMORY, "reading %s", pass->path);
    for (int64_t i = 0; i < pass->n_attributes; i++) {
        profile->column[i].name = strdup(pass->attribute[i].name);
        profile->n_columns++;
        if (!profile->column[i].name)
            return error_set(pass->error, ERROR_NO_MEMORY, "reading %s", pass->path);
    }
    return true;
}

static bool profile_rows(struct arff_pass *pass, struct stream *stream,
                         struct table_profile *profile)
{
    bool more = true;

    if (!read_header(pass, stream) || !make_columns(pass, profile))
        return false;
    for (;; profile->n_rows++) {
        if (!next_row(pass, stream, &more))
            return false;
        if (!more)
            break;
        for (int64_t i = 0; i < profile->n_columns; i++)
            cell_look(&pass->cell[i], &pass->missing, pass->line.number, &profile->column[i]);
    }
    if (profile->n_rows == 0)
        return error_set(pass->error, ERROR_INVALID, "%s: has a header and no rows", pass->path);
    for (int64_t i = 0; i < profile->n_columns; i++) {
        enum attribute_type type = pass->attribute[i].type;

        profile->column[i].type = type == ATTRIBUTE_NOMINAL || type == ATTRIBUTE_STRING
                                      ? COLUMN_TEXT
                                      : column_type_of(&profile->column[i]);
    }
    return true;
}

static struct arff_pass pass_of(const struct source *source, struct error *error)
{
    return (struct arff_pass){
        .path = source->path, .missing = missing_texts_of(&source->format), .error = error};
}

static bool profile_arff(struct source *source, struct table_profile *profile, struct error *error)
{
    scoped(stream_free) struct stream *stream = NULL;
    scoped(arff_pass_release) struct arff_pass pass = pass_of(source, error);

    return stream_open(source->path, &stream, error) && profile_rows(&pass, stream, profile);
}

static bool read_rows(struct arff_pass *pass, struct stream *stream, const struct source *source,
                      struct batch *batch, const struct source_sink *sink)
{
    bool more = true;

    if (pass->n_attributes != source->profile.n_columns)
        return source_changed(source, pass->error);
    for (;; batch->n_rows++) {
        struct cell_place place = {.path = pass->path};

        if (!next_row(pass, stream, &more))
            return false;
        if (!more)
            return batch_flush(batch, sink, pass->error);
        if (!batch_make_room(batch, source, 1, 0, sink, pass->error))
            return false;
        place.line = pass->line.number;
        for (int64_t i = 0; i < batch->n_columns; i++)
            if (batch->column[i].form != FORM_SKIP &&
                !cell_store(&pass->cell[i], &pass->missing, &place, &batch->column[i],
                            batch->n_rows, pass->error))
                return false;
    }
}

static bool read_arff(struct source *source, const enum column_form *form,
                      const struct source_sink *sink, struct error *error)
{
    scoped(stream_free) struct stream *stream = NULL;
    scoped(batch_release) struct batch batch = {0};
    scoped(arff_pass_release) struct arff_pass pass = pass_of(source, error);

    return stream_open(source->path, &stream, error) && read_header(&pass, stream) &&
           batch_init(&batch, source, form, 0, 0, error) &&
           read_rows(&pass, stream, source, &batch, sink);
}

static bool is_arff(const char *path, const void *head, size_t size)
{
    (void)size;
    return head && source_name_ends(path, ".arff");
}

const struct source_kind source_arff = {
    .kind = {.name = "arff",
             .help = "The format of Weka: attributes with types, rows with all values or sparse; "
                     "dates become seconds since 1970."},
    .reads = SOURCE_READS_MISSING,
    .row_name = "line",
    .recognise = is_arff,
    .profile = profile_arff,
    .read = read_arff,
};
