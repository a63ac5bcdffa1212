/*
 * The reader keeps the bytes from the beginning of the current record on in one window. A record
 * that runs out of the window is scanned again from its beginning once more bytes are there, so
 * the scanner knows nothing of refilling. Quotes are taken out in place when a record is whole.
 */
#include "worker/engine/dataset/csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/owner.h"
#include "common/utf8.h"
#include "worker/engine/dataset/source/stream.h"

#define CHUNK_SIZE (256 * 1024)

struct csv_reader {
    char *name;            /* owned */
    struct stream *stream; /* owned */
    char delimiter;
    bool at_end; /* nothing is left to be read into the window */
    bool began;  /* the byte order mark is behind us */

    char *window; /* owned */
    size_t start, end, capacity;

    struct csv_record record; /* owns its fields */
    int64_t field_capacity;
    int64_t first_width; /* fields of the first record; 0: none yet */
    int64_t line;        /* of window[start] */
};

enum scan_result { SCAN_RECORD, SCAN_BLANK, SCAN_MORE, SCAN_FAILED };

/* A cursor over the record that is being scanned. */
struct scan {
    struct csv_reader *reader;
    const char *at, *end;
    int64_t n_fields, line;
    struct error *error;
};

/* ---- bytes in ---------------------------------------------------------------------------------*/

static struct csv_reader *reader_new(const char *name, char delimiter)
{
    struct csv_reader *reader = calloc(1, sizeof(*reader));

    if (!reader)
        return NULL;
    reader->name = strdup(name);
    reader->delimiter = delimiter;
    reader->line = 1;
    if (!reader->name)
        csv_free(&reader);
    return reader;
}

void csv_free(struct csv_reader **reader)
{
    struct csv_reader *gone = *reader;

    if (!gone)
        return;
    stream_free(&gone->stream);
    free(gone->window);
    free(gone->record.field);
    free(gone->name);
    free(gone);
    *reader = NULL;
}

/* Makes the window hold more of the record that begins at `start`. */
static bool refill(struct csv_reader *reader, struct error *error)
{
    size_t kept = reader->end - reader->start;
    size_t got = 0;

    if (reader->start > 0 && kept > 0)
        memmove(reader->window, reader->window + reader->start, kept);
    reader->start = 0;
    reader->end = kept;
    if (reader->capacity - kept < CHUNK_SIZE) {
        size_t capacity = reader->capacity * 2 + CHUNK_SIZE * 2;
        char *window;

        if (kept > CSV_RECORD_LIMIT)
            return error_set(error, ERROR_INVALID, "%s: line %lld: a record of over %d MiB",
                             reader->name, (long long)reader->line, CSV_RECORD_LIMIT >> 20);
        window = realloc(reader->window, capacity);
        if (!window)
            return error_set(error, ERROR_NO_MEMORY, "reading %s", reader->name);
        reader->window = window;
        reader->capacity = capacity;
    }
    if (!stream_read(reader->stream, reader->window + kept, CHUNK_SIZE, &got, error))
        return false;
    reader->end += got;
    reader->at_end = got == 0;
    return true;
}

static bool skip_mark(struct csv_reader *reader, struct error *error)
{
    while (reader->end - reader->start < 3 && !reader->at_end)
        if (!refill(reader, error))
            return false;
    reader->began = true;
    if (reader->end - reader->start >= 3 &&
        memcmp(reader->window + reader->start, "\xef\xbb\xbf", 3) == 0)
        reader->start += 3;
    if (reader->end - reader->start >= 2 &&
        (memcmp(reader->window + reader->start, "\xff\xfe", 2) == 0 ||
         memcmp(reader->window + reader->start, "\xfe\xff", 2) == 0))
        return error_set(error, ERROR_INVALID, "%s: is UTF-16; UTF-8 is needed", reader->name);
    return true;
}

static bool skip_line(struct csv_reader *reader, struct error *error)
{
    for (;;) {
        char *from = reader->window + reader->start;
        size_t size = reader->end - reader->start;
        char *newline = size ? memchr(from, '\n', size) : NULL;

        if (newline) {
            reader->start += (size_t)(newline - from) + 1;
            reader->line++;
            return true;
        }
        reader->start = reader->end;
        if (reader->at_end)
            return true;
        if (!refill(reader, error))
            return false;
    }
}

static bool begin(struct csv_reader *reader, int64_t skip, struct error *error)
{
    if (!skip_mark(reader, error))
        return false;
    if (reader->start == reader->end)
        return error_set(error, ERROR_INVALID, "%s: is empty", reader->name);
    for (int64_t i = 0; i < skip; i++)
        if (!skip_line(reader, error))
            return false;
    return true;
}

bool csv_open(const char *path, char delimiter, int64_t skip, struct csv_reader **ret,
              struct error *error)
{
    scoped(csv_free) struct csv_reader *reader = reader_new(path, delimiter);

    if (!reader)
        return error_set(error, ERROR_NO_MEMORY, "reading %s", path);
    if (!stream_open(path, &reader->stream, error) || !begin(reader, skip, error))
        return false;
    *ret = take(&reader);
    return true;
}

bool csv_open_memory(const void *data, size_t size, const char *name, char delimiter, int64_t skip,
                     struct csv_reader **ret, struct error *error)
{
    scoped(csv_free) struct csv_reader *reader = NULL;

    if (!csv_open_part(data, size, name, delimiter, 1, 0, &reader, error) ||
        !begin(reader, skip, error))
        return false;
    *ret = take(&reader);
    return true;
}

bool csv_open_part(const void *data, size_t size, const char *name, char delimiter, int64_t line,
                   int64_t width, struct csv_reader **ret, struct error *error)
{
    scoped(csv_free) struct csv_reader *reader = reader_new(name, delimiter);

    if (!reader)
        return error_set(error, ERROR_NO_MEMORY, "reading %s", name);
    if (!stream_open_memory(data, size, name, &reader->stream, error))
        return false;
    reader->line = line;
    reader->first_width = width;
    *ret = take(&reader);
    return true;
}

/* ---- one record -------------------------------------------------------------------------------*/

__attribute__((format(printf, 2, 3))) static enum scan_result scan_failed(const struct scan *scan,
                                                                          const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)error_set(scan->error, ERROR_INVALID, "%s: line %lld, column %lld: %s",
                    scan->reader->name, (long long)scan->line, (long long)scan->n_fields + 1, text);
    return SCAN_FAILED;
}

static bool add_field(struct scan *scan, const char *text, size_t size, bool quoted)
{
    struct csv_reader *reader = scan->reader;

    if (scan->n_fields == reader->field_capacity) {
        int64_t capacity = reader->field_capacity * 2 + 64;
        struct csv_field *field =
            realloc(reader->record.field, (size_t)capacity * sizeof(struct csv_field));

        if (!field)
            return error_set(scan->error, ERROR_NO_MEMORY, "reading %s", reader->name);
        reader->record.field = field;
        reader->field_capacity = capacity;
    }
    reader->record.field[scan->n_fields++] =
        (struct csv_field){.text = text, .size = size, .quoted = quoted};
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* `at` stands on the byte after a field: RECORD (a line end, consumed), BLANK (a delimiter,
 * consumed: the record goes on), MORE, FAILED. */
static enum scan_result end_field(struct scan *scan)
{
    bool last_chunk = scan->reader->at_end;

    if (scan->at == scan->end)
        return last_chunk ? SCAN_RECORD : SCAN_MORE;
    if (*scan->at == scan->reader->delimiter) {
        scan->at++;
        return SCAN_BLANK;
    }
    if (*scan->at == '\r') {
        if (scan->at + 1 == scan->end && !last_chunk)
            return SCAN_MORE;
        if (scan->at + 1 < scan->end && scan->at[1] == '\n')
            scan->at++;
    }
    scan->at++;
    scan->line++;
    return SCAN_RECORD;
}

static enum scan_result scan_quoted(struct scan *scan)
{
    const char *text = ++scan->at;
    int64_t first_line = scan->line;
    size_t size;

    for (;; scan->at++) {
        if (scan->at == scan->end) {
            if (!scan->reader->at_end)
                return SCAN_MORE;
            scan->line = first_line;
            return scan_failed(scan, "a quote that is never closed");
        }
        if (scan->at - text > 2 * CSV_FIELD_LIMIT)
            return scan_failed(scan, "a field of over %d KiB", CSV_FIELD_LIMIT >> 10);
        scan->line += *scan->at == '\n';
        if (*scan->at != '"')
            continue;
        if (scan->at + 1 == scan->end && !scan->reader->at_end)
            return SCAN_MORE;
        if (scan->at + 1 == scan->end || scan->at[1] != '"')
            break;
        scan->at++;
    }
    size = (size_t)(scan->at - text);
    scan->at++;
    while (scan->at < scan->end && is_blank(*scan->at) && *scan->at != scan->reader->delimiter)
        scan->at++;
    if (scan->at < scan->end && *scan->at != scan->reader->delimiter && *scan->at != '\r' &&
        *scan->at != '\n')
        return scan_failed(scan, "text behind a closing quote");
    if (!add_field(scan, text, size, true))
        return SCAN_FAILED;
    return end_field(scan);
}

static enum scan_result scan_plain(struct scan *scan)
{
    char delimiter = scan->reader->delimiter;
    const char *text = scan->at;
    size_t size;

    while (scan->at < scan->end && *scan->at != delimiter && *scan->at != '\n' &&
           *scan->at != '\r' && *scan->at != '"')
        scan->at++;
    size = (size_t)(scan->at - text);
    if (size > CSV_FIELD_LIMIT)
        return scan_failed(scan, "a field of over %d KiB", CSV_FIELD_LIMIT >> 10);
    if (scan->at < scan->end && *scan->at == '"')
        return scan_failed(scan, "a quote inside an unquoted field");
    while (size > 0 && is_blank(text[size - 1]))
        size--;
    if (!add_field(scan, text, size, false))
        return SCAN_FAILED;
    return end_field(scan);
}

static enum scan_result scan_record(struct scan *scan)
{
    enum scan_result result = SCAN_BLANK;

    while (result == SCAN_BLANK) {
        while (scan->at < scan->end && is_blank(*scan->at) && *scan->at != scan->reader->delimiter)
            scan->at++;
        if (scan->n_fields == CSV_COLUMN_LIMIT)
            return scan_failed(scan, "more than %d columns", CSV_COLUMN_LIMIT);
        result = scan->at < scan->end && *scan->at == '"' ? scan_quoted(scan) : scan_plain(scan);
    }
    if (result == SCAN_RECORD && scan->n_fields == 1 && scan->reader->record.field[0].size == 0 &&
        !scan->reader->record.field[0].quoted)
        return SCAN_BLANK;
    return result;
}

/* ---- what a whole record has to keep to -------------------------------------------------------*/

/* Takes "" for " inside a quoted field. */
static void unquote(struct csv_reader *reader, struct csv_field *field)
{
    char *text = reader->window + (field->text - reader->window);
    const char *end = text + field->size;
    char *to;
    const char *from = memchr(text, '"', field->size);

    if (!from)
        return;
    to = text + (from - text);
    for (; from < end; from++) {
        *to++ = *from;
        if (*from == '"')
            from++;
    }
    field->size = (size_t)(to - text);
}

static bool is_plain_ascii(const char *text, size_t size)
{
    unsigned char any = 0, zero = 0;

    for (size_t i = 0; i < size; i++) {
        any |= (unsigned char)text[i];
        zero |= text[i] == '\0';
    }
    return any < 0x80 && !zero;
}

/* Offset of the first byte that is NUL or no UTF-8; `size`: none. */
static size_t bad_byte(const char *text, size_t size)
{
    size_t i = 0;

    while (i < size) {
        size_t n = text[i] ? utf8_size(text + i, size - i) : 0;

        if (n == 0)
            return i;
        i += n;
    }
    return size;
}

static bool check_fields(struct scan *scan)
{
    struct csv_record *record = &scan->reader->record;
    int64_t n_fields = scan->n_fields;

    for (int64_t i = 0; i < n_fields; i++) {
        const struct csv_field *field = &record->field[i];
        size_t at = bad_byte(field->text, field->size);

        scan->n_fields = i;
        if (field->size > CSV_FIELD_LIMIT)
            return scan_failed(scan, "a field of over %d KiB", CSV_FIELD_LIMIT >> 10), false;
        if (at < field->size)
            return field->text[at] ? (scan_failed(scan, "invalid UTF-8 (byte 0x%02x)",
                                                  (unsigned)(unsigned char)field->text[at]),
                                      false)
                                   : (scan_failed(scan, "a NUL byte"), false);
    }
    scan->n_fields = n_fields;
    return true;
}

static bool finish_record(struct scan *scan, const char *from)
{
    struct csv_reader *reader = scan->reader;
    struct csv_record *record = &reader->record;
    size_t size = (size_t)(scan->at - from);

    record->line = reader->line;
    record->n_fields = scan->n_fields;
    if (memchr(from, '"', size))
        for (int64_t i = 0; i < record->n_fields; i++)
            if (record->field[i].quoted)
                unquote(reader, &record->field[i]);
    scan->line = reader->line;
    if (size > CSV_FIELD_LIMIT || !is_plain_ascii(from, size)) {
        if (!check_fields(scan))
            return false;
    }
    if (reader->first_width == 0)
        reader->first_width = record->n_fields;
    if (record->n_fields != reader->first_width)
        return error_set(scan->error, ERROR_INVALID,
                         "%s: line %lld: %lld fields where the first record has %lld", reader->name,
                         (long long)record->line, (long long)record->n_fields,
                         (long long)reader->first_width);
    return true;
}

bool csv_next(struct csv_reader *reader, const struct csv_record **ret_record, struct error *error)
{
    for (;;) {
        struct scan scan = {.reader = reader, .line = reader->line, .error = error};
        enum scan_result result;
        const char *from;
        int64_t line;

        if (reader->start == reader->end) { /* at first there is no window, either */
            if (reader->at_end) {
                *ret_record = NULL;
                return true;
            }
            if (!refill(reader, error))
                return false;
            continue;
        }
        scan.at = from = reader->window + reader->start;
        scan.end = reader->window + reader->end;
        result = scan_record(&scan);
        line = scan.line;
        if (result == SCAN_FAILED)
            return false;
        if (result == SCAN_MORE) {
            if (!refill(reader, error))
                return false;
            continue;
        }
        if (result == SCAN_RECORD && !finish_record(&scan, from))
            return false;
        reader->start += (size_t)(scan.at - from);
        reader->line = line;
        if (result == SCAN_RECORD) {
            *ret_record = &reader->record;
            return true;
        }
    }
}

bool csv_write_field(struct buffer *out, const char *text, bool first, struct error *error)
{
    const char *quote;

    if (!first && !buffer_append_text(out, ",", error))
        return false;
    if (!text[strcspn(text, ",\"\r\n")] && !is_blank(text[0]) && text[0] &&
        !is_blank(text[strlen(text) - 1]))
        return buffer_append_text(out, text, error);
    if (!buffer_append_text(out, "\"", error))
        return false;
    while ((quote = strchr(text, '"'))) {
        if (!buffer_append(out, text, (size_t)(quote - text) + 1, error) ||
            !buffer_append_text(out, "\"", error))
            return false;
        text = quote + 1;
    }
    return buffer_append_text(out, text, error) && buffer_append_text(out, "\"", error);
}
