/* All initialisers, alphabetically. */
#include "worker/engine/initializer/initializer.h"

extern const struct initializer_kind initializer_glorot_normal, initializer_glorot_uniform,
    initializer_he_normal, initializer_he_uniform;

static const struct kind *const kinds[] = {
    &initializer_glorot_normal.kind,
    &initializer_glorot_uniform.kind,
    &initializer_he_normal.kind,
    &initializer_he_uniform.kind,
    NULL,
};

const struct kind_registry initializer_registry = {.what = "initializer", .kind = kinds};
