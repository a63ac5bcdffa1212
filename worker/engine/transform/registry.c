#include "worker/engine/transform/kinds.h"

#include <stddef.h>

static const struct kind *const kinds[] = {
    &transform_balance.kind,     &transform_band_pass.kind,
    &transform_clip.kind,        &transform_difference.kind,
    &transform_drop.kind,        &transform_exp.kind,
    &transform_frequency.kind,   &transform_impute.kind,
    &transform_indicator.kind,   &transform_keep.kind,
    &transform_last_value.kind,  &transform_log.kind,
    &transform_log1p.kind,       &transform_maxabs.kind,
    &transform_minmax.kind,      &transform_moving_average.kind,
    &transform_onehot.kind,      &transform_ordinal.kind,
    &transform_paa.kind,         &transform_quantile.kind,
    &transform_reshape.kind,     &transform_robust.kind,
    &transform_scale.kind,       &transform_series_scale.kind,
    &transform_set_steps.kind,   &transform_sqrt.kind,
    &transform_square.kind,      &transform_standard.kind,
    &transform_steps.kind,       &transform_subset.kind,
    &transform_summary.kind,     &transform_tokens.kind,
    &transform_top_k.kind,       &transform_window.kind,
    &transform_winsorise.kind,   &transform_words.kind,
    &transform_yeo_johnson.kind, NULL,
};

const struct kind_registry transform_registry = {.what = "transform", .kind = kinds};
