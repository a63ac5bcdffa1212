/* The formats that registry.c lists. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_KINDS_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_KINDS_H

#include "worker/engine/dataset/source/source.h"

extern const struct source_kind source_arff;
extern const struct source_kind source_csv;
extern const struct source_kind source_hdf5;
extern const struct source_kind source_npy;
extern const struct source_kind source_text_folder;
extern const struct source_kind source_ts;

#endif
