/*
 * Memory that runs out at the Nth allocation: of ours and cJSON's, not of other shared libraries.
 * One allocation fails and the next ones succeed, so that a failure that nobody looked at shows.
 *
 *     for (int64_t n = 0;; n++) {
 *         memory_double_start(n);
 *         good = work(&error);
 *         if (!memory_double_stop())
 *             break;
 *         assert_false(good);
 *     }
 */
#ifndef NIGHTJAR_TESTS_DOUBLE_MEMORY_DOUBLE_H
#define NIGHTJAR_TESTS_DOUBLE_MEMORY_DOUBLE_H

#include <stdbool.h>
#include <stdint.h>

/* The allocation with this number (from 0) gets NULL. In this thread alone. */
void memory_double_start(int64_t allocation);
/* Whether one has failed since the start. */
bool memory_double_stop(void);
/* While held, nothing fails and nothing is counted: for what belongs to the test. Does nothing
 * where it was not started. */
void memory_double_hold(bool hold);
/* How many allocations there were since the start, where none failed. */
int64_t memory_double_count(void);

#endif
