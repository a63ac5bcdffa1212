/* All initialisers, alphabetically. */
#include "worker/engine/initializer/initializer.h"

extern const struct initializer_kind initializer_constant, initializer_forget_bias,
    initializer_glorot_normal, initializer_glorot_uniform, initializer_he_normal,
    initializer_he_uniform, initializer_lecun_normal, initializer_lecun_uniform, initializer_normal,
    initializer_orthogonal, initializer_uniform;

static const struct kind *const kinds[] = {
    &initializer_constant.kind,      &initializer_forget_bias.kind,
    &initializer_glorot_normal.kind, &initializer_glorot_uniform.kind,
    &initializer_he_normal.kind,     &initializer_he_uniform.kind,
    &initializer_lecun_normal.kind,  &initializer_lecun_uniform.kind,
    &initializer_normal.kind,        &initializer_orthogonal.kind,
    &initializer_uniform.kind,       NULL,
};

const struct kind_registry initializer_registry = {.what = "initializer", .kind = kinds};
