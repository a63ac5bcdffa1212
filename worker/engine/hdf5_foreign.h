/* Arrays of HDF5 files that others wrote: what there is, and slabs of it. */
#ifndef NIGHTJAR_WORKER_ENGINE_HDF5_FOREIGN_H
#define NIGHTJAR_WORKER_ENGINE_HDF5_FOREIGN_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HDF5_DIMENSIONS_MAX 3

enum hdf5_type { HDF5_REAL, HDF5_INTEGER, HDF5_TEXT };

struct hdf5_array {
    char *path; /* owned: "group/name" */
    enum hdf5_type type;
    int n_dimensions;
    int64_t size[HDF5_DIMENSIONS_MAX];
    size_t text_size; /* of a text: NUL-padded; 0: of any length */
    int64_t id;       /* the library's */
};

struct hdf5_foreign;

/* Opens every dataset of numbers or texts that has one to three dimensions, in the order of their
 * paths; others are passed over. NOT_FOUND; CORRUPT where it is no HDF5 or damaged. */
bool hdf5_foreign_open(const char *path, struct hdf5_foreign **ret, struct error *error);
void hdf5_foreign_close(struct hdf5_foreign **file);
int64_t hdf5_foreign_count(const struct hdf5_foreign *file);
const struct hdf5_array *hdf5_foreign_array(const struct hdf5_foreign *file, int64_t i);

/* Entries first .. first + n - 1 of the first dimension: double, int64_t or `text_size` bytes a
 * value. INVALID where an integer is beyond int64_t or a text longer than that. */
bool hdf5_foreign_read(const struct hdf5_foreign *file, const struct hdf5_array *array,
                       int64_t first, int64_t n, size_t text_size, void *out, struct error *error);

#endif
