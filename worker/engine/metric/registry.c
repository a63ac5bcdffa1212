/* All metrics, alphabetically. */
#include "worker/engine/metric/metric.h"

extern const struct metric_kind metric_accuracy, metric_auc, metric_balanced_accuracy,
    metric_confusion, metric_log_loss, metric_log_loss_per_class, metric_macro_f1, metric_mae,
    metric_r2, metric_rmse;

static const struct kind *const kinds[] = {
    &metric_accuracy.kind,
    &metric_auc.kind,
    &metric_balanced_accuracy.kind,
    &metric_confusion.kind,
    &metric_log_loss.kind,
    &metric_log_loss_per_class.kind,
    &metric_macro_f1.kind,
    &metric_mae.kind,
    &metric_r2.kind,
    &metric_rmse.kind,
    NULL,
};

const struct kind_registry metric_registry = {.what = "metric", .kind = kinds};
