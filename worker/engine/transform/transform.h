/*
 * Transforms of single numeric features, fitted on training rows only. One file a kind, one
 * descriptor a file, listed in registry.c.
 *
 * A kind looks at figures of its column (gathered in one pass over the training rows, with the
 * transforms before it applied) and answers with an affine map and what stands for a missing value.
 * Maps fold into one (scale, offset, fill) a feature, applied when a batch is gathered.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_TRANSFORM_TRANSFORM_H
#define NIGHTJAR_WORKER_ENGINE_TRANSFORM_TRANSFORM_H

#include "common/error.h"
#include "common/spec/setting.h"

#include <stdbool.h>
#include <stdint.h>

/* Every transform's config begins with this. */
struct transform_config {
    struct setting_texts columns; /* n == 0: all numeric features */
};
#define TRANSFORM_SETTINGS(config)                                                                 \
    {                                                                                              \
        .name = "columns", .type = SETTING_TYPE_TEXTS,                                             \
        .offset = SETTING_OFFSET(config, base.columns, struct setting_texts), .max_items = 100000, \
        .unit = "", .help = "Features to transform. Left out: all numeric ones."                   \
    }

struct column_figures {
    int64_t n;         /* values that are not missing */
    int64_t n_missing; /* among the training rows, after what a transform before filled in */
    double mean;
    double sd; /* of the population: divided by n */
    double minimum, maximum;
};

struct column_map {
    double scale, offset; /* y = scale * x + offset; scale is never 0 */
    double fill;          /* y for a missing x; NAN: stays missing */
};

struct transform_kind {
    struct kind kind;
    void (*fit)(const void *config, const struct column_figures *figures,
                struct column_map *ret_map);
};

extern const struct kind_registry transform_registry;

#endif
