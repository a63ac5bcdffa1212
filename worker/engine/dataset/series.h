/*
 * Recordings: the rows of one key, one after the other, ordered by time as a number. A recording
 * that has gaps falls into segments; whatever looks at several rows at once stays in one segment.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SERIES_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SERIES_H

#include "common/error.h"
#include "worker/engine/dataset/data.h"
#include "worker/engine/dataset/dictionary.h"
#include "worker/engine/dataset/table.h"
#include "worker/engine/dataset/warning.h"

#include <stdint.h>

struct series {              /* all-zero: rows do not follow one another */
    int64_t n;               /* 0: no recordings */
    int64_t *first;          /* owned, [n + 1]: rows first[i] .. first[i + 1] - 1 */
    struct dictionary names; /* of the recordings; empty: the file is the only one */
    int64_t n_segments;
    int64_t *segment; /* owned, [n_segments + 1]: rows, as first */
};
void series_release(struct series *series);

/* The segment in which a row lies. */
int64_t series_segment_of(const struct series *series, int64_t row);

struct series_rows { /* as the file has them */
    int64_t n;
    const char *path;
    const int32_t *key; /* [n], 0 .. n_keys - 1; NULL: one recording */
    int64_t n_keys;
    const double *time; /* [n]; NULL: the order of the file */
};

/* Which row of the file comes where: *ret_order, owned by the caller, [n]. Looks for what
 * config->checks asks for; an error names the recording and the rows of the file. The names of
 * *ret_series are `names` (taken). */
bool series_make(const struct data_config *config, const struct series_rows *rows,
                 struct dictionary *names, struct series *ret_series, int64_t **ret_order,
                 struct warning_list *warnings, struct error *error);

/* config->checks.constant for one column, whose rows are in the order of the series. */
bool series_check_constant(const struct data_config *config, const struct series *series,
                           const struct column *column, struct warning_list *warnings,
                           struct error *error);

#endif
