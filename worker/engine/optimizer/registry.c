/* All optimizers, alphabetically. */
#include "worker/engine/optimizer/optimizer.h"

extern const struct optimizer_kind optimizer_adam, optimizer_sgd;

static const struct kind *const kinds[] = {&optimizer_adam.kind, &optimizer_sgd.kind, NULL};

const struct kind_registry optimizer_registry = {.what = "optimizer", .kind = kinds};
