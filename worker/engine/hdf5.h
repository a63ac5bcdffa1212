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

/* Writes aside; nothing is at `path` until hdf5_commit(), which syncs and renames. */
bool hdf5_create(const char *path, struct hdf5_file **ret_file, struct error *error);
bool hdf5_commit(struct hdf5_file **file, struct error *error);
/* NOT_FOUND; CORRUPT where it is no HDF5. */
bool hdf5_open(const char *path, struct hdf5_file **ret_file, struct error *error);
/* Without a commit a new file is thrown away. */
void hdf5_close(struct hdf5_file **file);

/* Groups on the way are made. float32, little-endian, contiguous, [rows][columns]. */
bool hdf5_write_reals(struct hdf5_file *file, const char *path, const real *value, int64_t rows,
                      int64_t columns, struct error *error);
bool hdf5_write_text(struct hdf5_file *file, const char *path, const char *text,
                     struct error *error);

/* CORRUPT where it is missing or of another shape or type. */
bool hdf5_read_reals(struct hdf5_file *file, const char *path, real *value, int64_t rows,
                     int64_t columns, struct error *error);
bool hdf5_read_text(struct hdf5_file *file, const char *path, size_t limit, char **ret_text,
                    struct error *error);

#endif
