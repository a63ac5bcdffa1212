#include "worker/engine/dataset/source/kinds.h"

#include <stddef.h>

static const struct kind *const kinds[] = {
    &source_csv.kind,
    NULL,
};

const struct kind_registry source_registry = {.what = "format", .kind = kinds};
