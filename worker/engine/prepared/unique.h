/* Whether rows have ids of their own, in bounded memory. */
#ifndef NIGHTJAR_WORKER_ENGINE_PREPARED_UNIQUE_H
#define NIGHTJAR_WORKER_ENGINE_PREPARED_UNIQUE_H

#include "common/error.h"
#include "worker/engine/dataset/dataset.h"

/* INVALID at data.id, with two rows of the file that have the same. */
bool unique_check(const struct dataset *dataset, struct error *error);

#endif
