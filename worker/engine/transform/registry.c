#include "worker/engine/transform/kinds.h"

#include <stddef.h>

static const struct kind *const kinds[] = {
    &transform_impute.kind,   &transform_minmax.kind, &transform_onehot.kind,
    &transform_standard.kind, &transform_window.kind, NULL,
};

const struct kind_registry transform_registry = {.what = "transform", .kind = kinds};
