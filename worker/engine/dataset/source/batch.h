/* Rows on their way from a file to a sink: a kind makes room, fills them in, flushes at the end. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_BATCH_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_BATCH_H

#include "worker/engine/dataset/source/source.h"

struct batch {             /* all-zero is a valid empty one */
    struct column *column; /* owned */
    int64_t n_columns;
    int64_t *length; /* owned: of series */
    int64_t room, series_room;
    int64_t first_row, n_rows; /* of those in it */
    int64_t first_series, n_series;
};

/* With room for rows of about a MiB, or for `room` of them where that is more; the same for series
 * where the format knows them. */
bool batch_init(struct batch *batch, const struct source *source, const enum column_form *form,
                int64_t room, int64_t series_room, struct error *error);
void batch_release(struct batch *batch);

/* Room for so many more rows, of so many series (0: the format knows none): what is there goes to
 * the sink where both do not fit. */
bool batch_make_room(struct batch *batch, const struct source *source, int64_t n_rows,
                     int64_t n_series, const struct source_sink *sink, struct error *error);
/* Gives what is in it to the sink (nothing where it is empty) and begins behind it. */
bool batch_flush(struct batch *batch, const struct source_sink *sink, struct error *error);

#endif
