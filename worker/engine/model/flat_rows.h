/* Samples as a table's rows: of every input all steps, one after the other, for models that know no
 * sequences. Beyond the end of a sample that is shorter there are zeros. */
#ifndef NIGHTJAR_WORKER_ENGINE_MODEL_FLAT_ROWS_H
#define NIGHTJAR_WORKER_ENGINE_MODEL_FLAT_ROWS_H

#include "common/error.h"
#include "worker/engine/dataset/sample.h"

#include <stdint.h>

struct flat_rows { /* all-zero is a valid empty one */
    int64_t capacity, width;
    real *value;     /* owned, [capacity][width] */
    real *gathered;  /* owned: input by input, step by step; NULL: the same */
    int32_t *length; /* owned, [SAMPLE_INPUTS_MAX][capacity] */
};
int64_t flat_width(const struct sample_input *input, int n_inputs);
bool flat_rows_init(struct flat_rows *rows, const struct sample_input *input, int n_inputs,
                    int64_t capacity, struct error *error);
void flat_rows_release(struct flat_rows *rows);
/* n <= capacity */
void flat_rows_gather(struct flat_rows *rows, const struct sample_set *set, const int64_t *row,
                      int64_t n);

#endif
