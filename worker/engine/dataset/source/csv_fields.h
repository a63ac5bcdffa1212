/* What a block of records consists of, and where its fields lie if it is plain: ASCII without
 * quotes, lines that end in LF or CRLF (csv_blocks.h). */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_CSV_FIELDS_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_CSV_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSV_FIELDS_PADDING 64 /* bytes that must be readable behind the text */

struct csv_fields { /* all-zero is a valid empty one; refilled by each csv_fields_find() */
    /* owned, [n_fields + 1]: field k lies behind separator[k] and before separator[k + 1]; the
       first is UINT32_MAX, behind which offset 0 lies */
    uint32_t *separator;
    uint32_t *line; /* owned, [n_lines + 1]: the first field of each line */
    int64_t n_fields, n_lines;
    size_t room; /* of both */
};
void csv_fields_release(struct csv_fields *fields);

/* Of less than 4 GiB that end in LF; a CR before it belongs to the last field of its line. False:
 * no memory. */
bool csv_fields_find(struct csv_fields *fields, const char *text, size_t size, char delimiter);
bool csv_fields_find_plain(struct csv_fields *fields, const char *text, size_t size,
                           char delimiter); /* without vectors */

struct csv_census {
    int64_t n_newlines;
    bool returns; /* it has a CR */
    bool others;  /* it has a quote, a NUL or what is not ASCII */
};
struct csv_census csv_fields_count(const char *text, size_t size);
struct csv_census csv_fields_count_plain(const char *text, size_t size);

#endif
