/* What ways of splitting that deal out shares have in common. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SPLIT_SHARES_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SPLIT_SHARES_H

#include "worker/engine/dataset/split/kind.h"

bool split_no_memory(struct error *error); /* false */

/* Shares of the parts; what is left out of a split with shares goes to training. */
void split_read_shares(const struct splitting *at, double share[SPLIT_PART_COUNT]);
/* Of what folds leave. */
void split_rest_shares(const struct splitting *at, double share[SPLIT_PART_COUNT]);

/* The list's rows in the order that the seed gives; caller owns *ret. */
bool split_shuffle(const struct splitting *at, const char *purpose, const struct row_list *list,
                   int64_t **ret, struct error *error);

/* Whether recordings are cut into stretches of each part. */
bool split_in_blocks(const struct splitting *at);
/* Cuts the rows of each recording that have no part yet, in time training before validation before
 * test. */
void split_cut_recordings(struct splitting *at, const double share[SPLIT_PART_COUNT]);

/* Gives the list's rows to parts; in each class alike where stratified. */
bool split_divide_rows(struct splitting *at, const char *purpose, const struct row_list *list,
                       const double share[SPLIT_PART_COUNT]);
bool split_check_stratified(const struct splitting *at);

/* The rows of one part, or of none. */
bool split_all_rows(const struct splitting *at, int8_t of_part, struct row_list *ret);
/* What single samples are dealt out of: all rows, or the predicted rows of all windows. */
bool split_all_samples(const struct splitting *at, struct row_list *ret);

#endif
