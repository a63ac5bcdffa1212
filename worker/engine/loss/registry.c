/* All losses, alphabetically. */
#include "worker/engine/loss/loss.h"

extern const struct loss_kind loss_binary, loss_cross_entropy, loss_exoplanet, loss_huber,
    loss_log_normal, loss_mae, loss_mse, loss_normal, loss_poisson, loss_quantile;

static const struct kind *const kinds[] = {
    &loss_binary.kind,
    &loss_cross_entropy.kind,
    &loss_exoplanet.kind,
    &loss_huber.kind,
    &loss_log_normal.kind,
    &loss_mae.kind,
    &loss_mse.kind,
    &loss_normal.kind,
    &loss_poisson.kind,
    &loss_quantile.kind,
    NULL,
};

const struct kind_registry loss_registry = {.what = "loss", .kind = kinds};
