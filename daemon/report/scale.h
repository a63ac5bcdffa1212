/*
 * Numbers of a metric as a person likes to read them: `scale` of a request, {"rmse": 1e5}, makes
 * "test.rmse x 100000" and 12.3 of test.rmse and 0.000123. Values are scaled before anything is
 * made of them, so that means, intervals and sentences agree.
 */
#ifndef NIGHTJAR_DAEMON_REPORT_SCALE_H
#define NIGHTJAR_DAEMON_REPORT_SCALE_H

#include "daemon/report/metric.h"

#define REPORT_SCALE_NAME 256

/* Of a request; borrowed. NULL: it has none. INVALID where it is not {metric: factor}. */
bool report_scale_read(const cJSON *params, const cJSON **ret_scale, struct error *error);
/* 1 where nothing is said of the metric, as for a `scale` that is NULL. */
double report_scale_factor(const cJSON *scale, const char *metric);
/* The metric's name, with its factor where it has one. */
void report_scale_name(const cJSON *scale, const char *metric, char *ret_name, size_t size);
/* As it is once its values are scaled. */
void report_scale_metric(const cJSON *scale, struct report_metric *metric);
/* {name: value}, under the new names. */
bool report_scale_values(const cJSON *scale, cJSON **values, struct error *error);

#endif
