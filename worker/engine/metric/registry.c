/* All metrics, alphabetically. */
#include "worker/engine/metric/metric.h"

extern const struct metric_kind metric_accuracy, metric_auc, metric_average_precision,
    metric_balanced_accuracy, metric_confusion, metric_crps, metric_crps_quadrature, metric_ece,
    metric_exoplanet_numerator, metric_exoplanet_score, metric_interval, metric_kappa,
    metric_log_loss, metric_log_loss_per_class, metric_macro_f1, metric_mae, metric_mcc, metric_nll,
    metric_per_output, metric_pinball, metric_quantiles, metric_r2, metric_rmse, metric_top_k;

static const struct kind *const kinds[] = {
    &metric_accuracy.kind,
    &metric_auc.kind,
    &metric_average_precision.kind,
    &metric_balanced_accuracy.kind,
    &metric_confusion.kind,
    &metric_crps.kind,
    &metric_crps_quadrature.kind,
    &metric_ece.kind,
    &metric_exoplanet_numerator.kind,
    &metric_exoplanet_score.kind,
    &metric_interval.kind,
    &metric_kappa.kind,
    &metric_log_loss.kind,
    &metric_log_loss_per_class.kind,
    &metric_macro_f1.kind,
    &metric_mae.kind,
    &metric_mcc.kind,
    &metric_nll.kind,
    &metric_per_output.kind,
    &metric_pinball.kind,
    &metric_quantiles.kind,
    &metric_r2.kind,
    &metric_rmse.kind,
    &metric_top_k.kind,
    NULL,
};

const struct kind_registry metric_registry = {.what = "metric", .kind = kinds};
