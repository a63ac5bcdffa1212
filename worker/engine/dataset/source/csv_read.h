/* The values of a CSV file: blocks of it parsed by several threads, at the speed of memory where
 * its records are simple. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_CSV_READ_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_CSV_READ_H

#include "worker/engine/dataset/source/source.h"

char csv_delimiter(const struct source *source);
bool csv_read(struct source *source, const enum column_form *form, const struct source_sink *sink,
              struct error *error);

#endif
