/*
 * Whether what the model is given are numbers: a transform may make more of a value than a float
 * holds, and its loss and metrics are undefined then.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_TRANSFORM_FINITE_H
#define NIGHTJAR_WORKER_ENGINE_TRANSFORM_FINITE_H

#include "common/error.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/dataset/warning.h"
#include "worker/engine/transform/preparation.h"

#include <stdbool.h>

struct window_config;
struct prepared_parts { /* all borrowed */
    const struct dataset *dataset;
    const struct preparation *preparation;
    const struct split *rows, *windows; /* the same without a window */
    const struct window_config *window; /* NULL: samples are rows */
    const struct stretches *stretches;
};

/* A warning for each column that is not finite throughout all parts, the first few of them. Only
 * behind a transform that `grows` is anything looked at. */
bool finite_warn(const struct prepared_parts *parts, struct warning_list *warnings,
                 struct error *error);

#endif
