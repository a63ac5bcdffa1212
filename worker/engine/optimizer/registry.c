/* All optimizers, alphabetically. */
#include "worker/engine/optimizer/optimizer.h"

extern const struct optimizer_kind optimizer_adadelta, optimizer_adagrad, optimizer_adam,
    optimizer_adamw, optimizer_amsgrad, optimizer_nadam, optimizer_rmsprop, optimizer_sgd;

static const struct kind *const kinds[] = {
    &optimizer_adadelta.kind, &optimizer_adagrad.kind, &optimizer_adam.kind,
    &optimizer_adamw.kind,    &optimizer_amsgrad.kind, &optimizer_nadam.kind,
    &optimizer_rmsprop.kind,  &optimizer_sgd.kind,     NULL,
};

const struct kind_registry optimizer_registry = {.what = "optimizer", .kind = kinds};
