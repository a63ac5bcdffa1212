/* How sure a metric is: the same metrics on rows drawn again and again with replacement. */
#ifndef NIGHTJAR_WORKER_ENGINE_METRIC_BOOTSTRAP_H
#define NIGHTJAR_WORKER_ENGINE_METRIC_BOOTSTRAP_H

#include "worker/engine/metric/metric.h"

struct bootstrap {
    const struct kind_choices *metrics;
    const struct sample_set *set;
    const struct distribution_shape *shape;
    const int64_t *row; /* [n] */
    int64_t n;
    const double *prediction; /* [n][metric_width] */
    uint64_t seed;
    int64_t times;
};

/* Reports the table "<part>.intervals": of each value of the evaluation the middle 95 % of what the
 * draws gave. Where rows are many, fewer draws are made. */
bool bootstrap_report(const struct bootstrap *bootstrap, const struct evaluation *evaluation,
                      const char *part, struct error *error);

/* Rows of which each class has as many, those of the rarest: *ret_at are places in row[], owned by
 * the caller. */
bool bootstrap_balance(const struct sample_set *set, const int64_t *row, int64_t n, uint64_t seed,
                       int64_t **ret_at, int64_t *ret_n, struct error *error);

#endif
