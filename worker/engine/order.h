/* In which order an epoch's rows become batches: a function of (seed, epoch, position). */
#ifndef NIGHTJAR_WORKER_ENGINE_ORDER_H
#define NIGHTJAR_WORKER_ENGINE_ORDER_H

#include "common/random.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/train_settings.h"

#include <stdbool.h>
#include <stdint.h>

/* Rows that are drawn at once: those of a batch alone would find all out of the caches. */
#define ORDER_DRAWN 4096

/* Rows of a list in a quarter of its room, so that more of what is looked up in no order stays in
 * the caches. */
#define SHORT_ROWS 256 /* have the first of them in common */
struct short_rows {    /* all-zero: the list's own are looked up */
    int64_t *first;    /* owned, of each SHORT_ROWS rows */
    uint16_t *beyond;  /* owned, [list->n]: row i is so far beyond first[i / SHORT_ROWS] */
};

struct order {
    const struct row_list *list; /* borrowed */
    int64_t batch;
    enum last_batch last;
    bool shuffle;
    bool lanes; /* the list is cut into as many stretches as a batch has rows, and row r of each
                   batch goes on where row r of the one before ended; not with shuffle or pad */
    uint64_t seed;

    struct permutation permutation; /* owned; all-zero where nothing is shuffled */
    struct short_rows rows; /* owned; of lists that have each row, where they are shuffled */
    struct order_drawn {    /* places first .. first + n - 1 of an epoch's order */
        int64_t row[ORDER_DRAWN], first, n;
        int64_t epoch; /* -1: none yet */
        uint64_t seed;
    } drawn;
};

int64_t order_steps(const struct order *order); /* batches of an epoch */
/* Once what is above is set, and before order_fill(); the seed may change later on. */
bool order_prepare(struct order *order, struct error *error);
void order_release(struct order *order); /* all-zero is fine */
/* The batch'th of an epoch's batches (both from 0): ret_row has room for order->batch; how many
 * rows it has is returned. */
int64_t order_fill(struct order *order, int64_t epoch, int64_t batch, int64_t *ret_row);

#endif
