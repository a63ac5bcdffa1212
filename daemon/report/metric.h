/* Which number a report is about, and which direction is better. */
#ifndef NIGHTJAR_DAEMON_REPORT_METRIC_H
#define NIGHTJAR_DAEMON_REPORT_METRIC_H

#include "daemon/store/report.h"

struct report_metric {
    char name[128]; /* "": no experiment has reported anything */
    bool minimize;
};

/* sweep.goal; else the first of evaluate.metrics that was reported for the test rows; else the
 * first final metric that was reported, else the first one. */
bool report_metric_choose(struct store *store, const struct store_batch_head *head,
                          struct report_metric *ret_metric, struct error *error);
/* As the user said, of these experiments, the first of which is of that batch. `name` NULL or "":
 * as above. `goal` ("minimize", "maximize", INVALID for others) NULL: what the sweep says of its
 * own metric, else what the experiments reported with it, else what the name tells. */
bool report_metric_read(struct store *store, const struct store_batch_head *head,
                        const struct store_ids *ids, const char *name, const char *goal,
                        struct report_metric *ret_metric, struct error *error);
bool report_metric_minimizes(const char *name); /* by its name: loss, rmse, error, ... */
bool report_metric_better(const struct report_metric *metric, double a, double b);

#endif
