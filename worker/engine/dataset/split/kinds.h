/* The ways of splitting that registry.c lists. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SPLIT_KINDS_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SPLIT_KINDS_H

#include "worker/engine/dataset/split/kind.h"

extern const struct split_kind split_column;
extern const struct split_kind split_files;
extern const struct split_kind split_fraction;
extern const struct split_kind split_group;
extern const struct split_kind split_group_kfold;
extern const struct split_kind split_index;
extern const struct split_kind split_kfold;
extern const struct split_kind split_leave_one_group_out;
extern const struct split_kind split_time;

#endif
