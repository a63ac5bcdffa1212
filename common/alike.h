/* Texts that differ in numbers only are the same to a reader: "epoch 3: loss 0.5" and "epoch 12:
 * loss 0.25". Digits of a word (dense1) are no number but part of a name. */
#ifndef NIGHTJAR_COMMON_ALIKE_H
#define NIGHTJAR_COMMON_ALIKE_H

#include <stdbool.h>
#include <stddef.h>

#define ALIKE_NUMBER_LIMIT 31 /* what is longer is no number */

/* How many bytes the number has that begins at `at` in `text`; 0: none does. */
size_t alike_number_size(const char *text, const char *at);
bool alike(const char *a, const char *b);

#endif
