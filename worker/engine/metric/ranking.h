/* Metrics of how a class' rows are ranked among the others. */
#ifndef NIGHTJAR_WORKER_ENGINE_METRIC_RANKING_H
#define NIGHTJAR_WORKER_ENGINE_METRIC_RANKING_H

#include "worker/engine/metric/metric.h"

struct ranked { /* sorted by score, ascending */
    double score;
    bool positive;
};

/* Two classes: `figure` of the second one's probabilities; more: the mean over the classes, each
 * against the rest. */
bool ranking_measure(const struct outcome *outcome, const char *name,
                     double (*figure)(const struct ranked *row, int64_t n),
                     struct evaluation *evaluation, struct error *error);

#endif
