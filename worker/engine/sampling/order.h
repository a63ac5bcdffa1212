/* Rows in an order of their own, which their ids and a seed decide. */
#ifndef NIGHTJAR_WORKER_ENGINE_SAMPLING_ORDER_H
#define NIGHTJAR_WORKER_ENGINE_SAMPLING_ORDER_H

#include "common/error.h"
#include "worker/engine/dataset/sample.h"

#include <stdint.h>

/* The rows (of one class; label NULL: all) in random order; row_id NULL: a row's number is its
 * identity. Caller owns *ret. */
bool sampling_order(const uint64_t *row_id, const int32_t *label, int64_t class, uint64_t seed,
                    const struct row_list *rows, int64_t **ret, int64_t *ret_n,
                    struct error *error);
/* Ascending again. */
void sampling_sort(int64_t *row, int64_t n);

#endif
