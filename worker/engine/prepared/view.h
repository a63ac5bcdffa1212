/* Arrays and what stands beside them as a data set, and back. */
#ifndef NIGHTJAR_WORKER_ENGINE_PREPARED_VIEW_H
#define NIGHTJAR_WORKER_ENGINE_PREPARED_VIEW_H

#include "common/error.h"
#include "common/json.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/dataset/warning.h"
#include "worker/engine/hdf5.h"

/* Maps the arrays that `fd` holds, read-only and shared; `name` is for errors, `source` where they
 * came from. CORRUPT where the meta is not what an import makes. */
bool view_open(int fd, const char *name, const char *source, const struct hdf5_array *array, int n,
               const cJSON *meta, struct dataset **ret_dataset, struct error *error);

/* The warnings of the import, as they stand in the array "warnings": lines of JSON. */
bool view_write_warnings(int fd, const struct hdf5_array *array, int n,
                         const struct warning_list *warnings, struct error *error);
bool view_read_warnings(int fd, const struct hdf5_array *array, int n,
                        struct warning_list *warnings, struct error *error);

/* Checksums of all arrays but their own, as they stand in the array "checksum". */
bool view_write_checksums(int fd, const struct hdf5_array *array, int n, struct error *error);
/* CORRUPT where an array is not what was written. */
bool view_check(int fd, const char *name, const struct hdf5_array *array, int n,
                struct error *error);

#endif
