/*
 * How often a test part was looked at: each measurement of it makes the best of all a little too
 * good. Counted by the rows of the source that it has, whatever the features, transforms and
 * models (recordings and windows put rows into lists of their own):
 *
 *   <folder>/looks/<hash of source and rows>   a line for each look: seconds since 1970, and who
 */
#ifndef NIGHTJAR_WORKER_ENGINE_PREPARED_LOOKS_H
#define NIGHTJAR_WORKER_ENGINE_PREPARED_LOOKS_H

#include "common/error.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/dataset/row_list.h"

#include <stdint.h>

/* One more look at the rows, by `who` (an experiment's folder), or with `once` the same one as
 * before where it had looked. *ret_n: which one it is, from 1. */
bool looks_add(const char *folder, const struct dataset *dataset, const struct row_list *rows,
               const char *who, bool once, int64_t *ret_n, struct error *error);

#endif
