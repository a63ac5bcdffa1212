/* All losses, alphabetically. */
#include "worker/engine/loss/loss.h"

extern const struct loss_kind loss_cross_entropy, loss_mse;

static const struct kind *const kinds[] = {&loss_cross_entropy.kind, &loss_mse.kind, NULL};

const struct kind_registry loss_registry = {.what = "loss", .kind = kinds};
