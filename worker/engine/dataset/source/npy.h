/* The arrays of an .npz archive, or of an .npy file, one after the other. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_NPY_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_NPY_H

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Those of numbers are given to `give`, row-major; a false ends it. */
bool npy_take_all(const char *path, void *context,
                  bool (*give)(void *context, const char *name, int n_dimensions,
                               const int64_t *size, const double *value, struct error *error),
                  struct error *error);

#endif
