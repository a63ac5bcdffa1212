/*
 * CSV files (RFC 4180), record by record.
 *
 * Read: LF, CRLF and CR line ends, quoted fields with "" and line ends inside, a UTF-8 byte order
 * mark, gzip by the name's .gz. Blanks round an unquoted field are dropped; blank lines are passed
 * over. Refused, with file, line and column: another number of fields than in the first record, a
 * quote that is out of place or never closed, NUL, invalid UTF-8, fields over CSV_FIELD_LIMIT,
 * truncated gzip, a file without a record.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_CSV_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_CSV_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSV_FIELD_LIMIT (1024 * 1024)
#define CSV_COLUMN_LIMIT 100000
#define CSV_RECORD_LIMIT (256 * 1024 * 1024)

struct csv_reader;

struct csv_field {
    const char *text; /* borrowed from the reader until the next record; not NUL-terminated */
    size_t size;
    bool quoted;
};

struct csv_record {
    struct csv_field *field;
    int64_t n_fields;
    int64_t line; /* of the file, from 1, where the record begins */
};

/* `skip`: lines passed over before the first record, whatever they hold. */
bool csv_open(const char *path, char delimiter, int64_t skip, struct csv_reader **ret,
              struct error *error);
/* The same from memory (borrowed while the reader lives), named `name` in errors. */
bool csv_open_memory(const void *data, size_t size, const char *name, char delimiter, int64_t skip,
                     struct csv_reader **ret, struct error *error);
/* The same for a part that begins with a record, in line `line` of the file; all records have
 * `width` fields. */
bool csv_open_part(const void *data, size_t size, const char *name, char delimiter, int64_t line,
                   int64_t width, struct csv_reader **ret, struct error *error);
void csv_free(struct csv_reader **reader);

/* *ret_record NULL: the end. All records have the number of fields of the first. */
bool csv_next(struct csv_reader *reader, const struct csv_record **ret_record, struct error *error);

/* Appends one field, quoted where needed; `first` leaves out the delimiter before it. */
struct buffer;
bool csv_write_field(struct buffer *out, const char *text, bool first, struct error *error);

#endif
