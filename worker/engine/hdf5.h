/*
 * HDF5 files of ours, written whole and read whole: arrays of numbers and texts by path
 * ("/weights/dense1.weight"). The only module that knows the library.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_HDF5_H
#define NIGHTJAR_WORKER_ENGINE_HDF5_H

#include "common/error.h"
#include "worker/engine/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hdf5_file;

/* Nothing is at `path` until hdf5_commit(), which replaces it durably. */
bool hdf5_create(const char *path, struct hdf5_file **ret_file, struct error *error);
bool hdf5_commit(struct hdf5_file **file, struct error *error);
/* NOT_FOUND; CORRUPT where it is no HDF5. */
bool hdf5_open(const char *path, struct hdf5_file **ret_file, struct error *error);
/* The same of a file that is in memory; the bytes are copied. `name`: what messages call it. */
bool hdf5_open_bytes(const char *name, const void *data, uint64_t size, struct hdf5_file **ret_file,
                     struct error *error);
/* Without a commit a new file is thrown away. */
void hdf5_close(struct hdf5_file **file);

/* Groups on the way are made. float32 (float64 in the double build), little-endian, contiguous,
 * [rows][columns]. */
bool hdf5_write_reals(struct hdf5_file *file, const char *path, const real *value, int64_t rows,
                      int64_t columns, struct error *error);
bool hdf5_write_text(struct hdf5_file *file, const char *path, const char *text,
                     struct error *error);

bool hdf5_write_bytes(struct hdf5_file *file, const char *path, const void *data, uint64_t size,
                      struct error *error);

/* CORRUPT where it is missing, of another shape or no numbers; any numbers are converted. */
bool hdf5_read_reals(struct hdf5_file *file, const char *path, real *value, int64_t rows,
                     int64_t columns, struct error *error);
bool hdf5_read_text(struct hdf5_file *file, const char *path, size_t limit, char **ret_text,
                    struct error *error);
/* Caller owns *ret_data. */
bool hdf5_read_bytes(struct hdf5_file *file, const char *path, void **ret_data, uint64_t *ret_size,
                     struct error *error);

/* ---- files that are mapped --------------------------------------------------------------------
 * Arrays that lie in the file as they lie in memory: contiguous, little-endian, from multiples of
 * HDF5_ALIGNMENT bytes on. Whoever makes such a file writes the values to their places himself. */
#define HDF5_ALIGNMENT 4096
#define HDF5_ARRAYS_MAX 4096
#define HDF5_NAME_SIZE 32

enum hdf5_type { HDF5_FLOAT32, HDF5_FLOAT64, HDF5_INT32, HDF5_INT64, HDF5_BYTES };

struct hdf5_array {
    char name[HDF5_NAME_SIZE];
    enum hdf5_type type;
    int64_t rows, columns; /* one of them 0: not in the file */
    int64_t steps;         /* > 0: [rows][steps][columns], which hdf5_find_arrays() refuses */
    int64_t offset;        /* of its first byte */
};
int64_t hdf5_array_bytes(const struct hdf5_array *array);

/* Makes the file at `path`, a text /meta in it, and sets the offsets. */
bool hdf5_create_arrays(const char *path, const char *meta, struct hdf5_array *array, int n,
                        struct error *error);
/* What the file holds, its size checked. NOT_FOUND; CORRUPT. The caller owns both. */
bool hdf5_find_arrays(const char *path, size_t meta_limit, char **ret_meta,
                      struct hdf5_array **ret_array, int *ret_n, struct error *error);

#endif
