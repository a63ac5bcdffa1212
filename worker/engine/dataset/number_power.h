/* 128-bit powers of five, for number.c alone. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_NUMBER_POWER_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_NUMBER_POWER_H

#include <stdint.h>

#define NUMBER_POWER_LIMIT 55 /* 5^55 is the last one that fits */

struct number_power {
    uint64_t high, low;
};
/* [q + NUMBER_POWER_LIMIT] */
extern const struct number_power number_power[2 * NUMBER_POWER_LIMIT + 1];

#endif
