/*
 * How the figures that scalers are fitted by come about as the training rows stream by, for nj data
 * drift. A line of JSON in,
 *   {"spec", "cwd", "folder" of prepared data, "columns":["r"], "chunk": rows,
 *   "output": where the table or picture will go}
 * and one out:
 *   {"source", "columns":["r"], "chunks":[{"rows": so far, "so_far":[{"n", "missing", "minimum",
 *    "maximum", "mean", "sd"}], "alone":[{...}]}]}
 * with an item for each column; the last "so_far" is what a scaler learns.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DRIFT_H
#define NIGHTJAR_WORKER_ENGINE_DRIFT_H

#include "common/error.h"

#include <stdio.h>

bool drift_answer(FILE *in, FILE *out, struct error *error);

#endif
