/*
 * From a source to arrays: what the columns of a file become in a data set.
 *
 * Chunks come from several threads in any order. Their rows become records (record.h), which are
 * spilled in partitions (spill.h); when all are there each partition is read, sorted by recording
 * and time, and written to its place in the arrays. Memory is bounded by a few chunks and
 * partitions, whatever the file's size.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_PREPARED_IMPORT_H
#define NIGHTJAR_WORKER_ENGINE_PREPARED_IMPORT_H

#include "common/error.h"
#include "common/json.h"
#include "worker/engine/dataset/data.h"
#include "worker/engine/dataset/roles.h"
#include "worker/engine/dataset/source/source.h"
#include "worker/engine/dataset/warning.h"
#include "worker/engine/hdf5.h"

#include <stdint.h>

struct import_request {
    const struct data_config *config;
    struct source *source; /* profiled or guessed */
    const struct roles *roles;
    const char *folder; /* of the spill; NULL: in memory */
    int threads;
    bool targets_of_rows; /* a recording's targets vary, whatever the format says of its own */
    struct warning_list *warnings; /* NULL: nobody wants to know */
};

struct import_arrays {
    struct hdf5_array *array; /* owned */
    int n;
    cJSON *meta; /* owned: what the data set is beside its arrays */
};
void import_arrays_release(struct import_arrays *arrays);

/* Where the arrays go: makes room for them, sets their offsets and returns a descriptor to write
 * to, which stays the target's. */
struct import_target {
    void *context;
    bool (*make)(void *context, struct import_arrays *arrays, int *ret_fd, struct error *error);
};

/* *ret_doubt: what was taken for granted is not borne out by all rows (false is returned, and the
 * error says nothing): profile the source and begin again, with targets_of_rows. */
bool import_run(const struct import_request *request, const struct import_target *target,
                struct import_arrays *ret_arrays, bool *ret_doubt, struct error *error);

#endif
