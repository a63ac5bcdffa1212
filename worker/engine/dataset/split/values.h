/* Parts that are lists of values, each of which some rows have. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SPLIT_VALUES_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SPLIT_VALUES_H

#include "worker/engine/dataset/split/kind.h"

/* Whether the part is a share of what the others leave for training. */
bool split_is_rest(const struct splitting *at, int part);
/* Rows that no part has are for training, where nothing else is said. */
void split_train_rest(struct splitting *at);

/* Gives the value `text` to a part; INVALID where it is not there, is what several are called,
 * or is in another part. `what`: what messages call it. */
bool split_give_value(struct splitting *at, const struct dictionary *names, int8_t *of_value,
                      const char *text, int part, const char *what);
/* Gives rows the parts of their values, as lists say or, where nothing is said, as values are
 * called: "train", "valid", "test". */
bool split_by_values(struct splitting *at, const int32_t *of_row, const struct dictionary *names,
                     const char *what);

#endif
