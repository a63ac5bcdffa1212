/* Where predictions go, piece by piece: CSV, or HDF5 (/prediction [n][outputs], /id [n][ids],
 * and their names as JSON, /meta: {"columns":[...],"ids":[...]}). Nothing is at the path before it
 * is whole. */
#ifndef NIGHTJAR_WORKER_ENGINE_PREDICTION_OUTPUT_H
#define NIGHTJAR_WORKER_ENGINE_PREDICTION_OUTPUT_H

#include "worker/engine/predict_pool.h"

struct prediction_output;

/* INVALID: neither .csv nor .h5 nor "-". */
bool prediction_output_open(const char *path, struct prediction_output **ret, struct error *error);
/* Throws away what was not committed. */
void prediction_output_free(struct prediction_output **output);
bool prediction_output_is_text(const struct prediction_output *output);
/* INVALID where a prediction is not finite, with the row's number. */
bool prediction_output_put(struct prediction_output *output, const struct predicted_piece *piece,
                           struct error *error);
bool prediction_output_commit(struct prediction_output *output, struct error *error);

#endif
