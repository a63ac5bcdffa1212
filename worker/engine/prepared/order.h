/* Sorting by radix: stable, and as fast as memory lets it. */
#ifndef NIGHTJAR_WORKER_ENGINE_PREPARED_ORDER_H
#define NIGHTJAR_WORKER_ENGINE_PREPARED_ORDER_H

#include <stdint.h>

struct order_key {
    uint64_t key;
    uint32_t major; /* counts more than key */
    uint32_t index;
};

/* Keys of times, in the order of the times. */
uint64_t order_of_real(double value);
/* `scratch`: room for as many. */
void order_sort(struct order_key *item, struct order_key *scratch, int64_t n);

#endif
