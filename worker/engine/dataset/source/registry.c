#include "worker/engine/dataset/source/kinds.h"

#include <stddef.h>

static const struct kind *const kinds[] = {
    &source_arff.kind,
    &source_csv.kind,
    &source_hdf5.kind,
    &source_npy.kind,
    &source_text_folder.kind,
    &source_ts.kind,
    NULL,
};

const struct kind_registry source_registry = {.what = "format", .kind = kinds};
