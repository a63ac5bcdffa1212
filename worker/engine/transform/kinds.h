/* The descriptors of this folder; registry.c lists them. */
#ifndef NIGHTJAR_WORKER_ENGINE_TRANSFORM_KINDS_H
#define NIGHTJAR_WORKER_ENGINE_TRANSFORM_KINDS_H

#include "worker/engine/transform/transform.h"

extern const struct transform_kind transform_balance;
extern const struct transform_kind transform_band_pass;
extern const struct transform_kind transform_clip;
extern const struct transform_kind transform_difference;
extern const struct transform_kind transform_drop;
extern const struct transform_kind transform_exp;
extern const struct transform_kind transform_frequency;
extern const struct transform_kind transform_impute;
extern const struct transform_kind transform_indicator;
extern const struct transform_kind transform_keep;
extern const struct transform_kind transform_last_value;
extern const struct transform_kind transform_log;
extern const struct transform_kind transform_log1p;
extern const struct transform_kind transform_maxabs;
extern const struct transform_kind transform_minmax;
extern const struct transform_kind transform_moving_average;
extern const struct transform_kind transform_onehot;
extern const struct transform_kind transform_ordinal;
extern const struct transform_kind transform_paa;
extern const struct transform_kind transform_quantile;
extern const struct transform_kind transform_reshape;
extern const struct transform_kind transform_robust;
extern const struct transform_kind transform_row_yeo_johnson;
extern const struct transform_kind transform_scale;
extern const struct transform_kind transform_series_scale;
extern const struct transform_kind transform_set_steps;
extern const struct transform_kind transform_sqrt;
extern const struct transform_kind transform_square;
extern const struct transform_kind transform_standard;
extern const struct transform_kind transform_steps;
extern const struct transform_kind transform_subset;
extern const struct transform_kind transform_summary;
extern const struct transform_kind transform_tokens;
extern const struct transform_kind transform_top_k;
extern const struct transform_kind transform_window;
extern const struct transform_kind transform_winsorise;
extern const struct transform_kind transform_words;
extern const struct transform_kind transform_yeo_johnson;

#endif
