/* What `compare` says of experiments that differ in nothing but their seeds. */
#ifndef NIGHTJAR_DAEMON_REPORT_REPLICATES_H
#define NIGHTJAR_DAEMON_REPORT_REPLICATES_H

#include "common/error.h"
#include "common/json.h"

/* Appends {parameters, experiments, metrics: {name: {n, mean, sd, low, high}}} to `list` for
 * each group of at least two of the rows ({id, state, seed, parameters, metrics}) that are done and
 * differ in nothing but their seeds, in the order of the rows; of each seed the first counts. `low`
 * and `high`: the 95 % interval of the mean. */
bool replicates_add(const cJSON *rows, cJSON *list, struct error *error);

#endif
