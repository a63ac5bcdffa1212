#include "worker/engine/dataset/split/kinds.h"

#include <stddef.h>

static const struct kind *const kinds[] = {
    &split_column.kind,      &split_files.kind,
    &split_fraction.kind,    &split_group.kind,
    &split_group_kfold.kind, &split_index.kind,
    &split_kfold.kind,       &split_leave_one_group_out.kind,
    &split_time.kind,        NULL,
};

const struct kind_registry split_registry = {.what = "split", .kind = kinds};
