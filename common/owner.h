/*
 * Ownership: a scoped pointer is freed when its block ends, unless it was taken.
 *
 * x_free(struct x **) accepts empty and half-built objects and nulls the owner, so that it can
 * serve as the cleanup.
 */
#ifndef NIGHTJAR_COMMON_OWNER_H
#define NIGHTJAR_COMMON_OWNER_H

#include <stddef.h>

#define scoped(cleanup_function) __attribute__((cleanup(cleanup_function)))

/* Gives the pointer away: yields its value and leaves NULL behind. */
#define take(pointer_address)                                       \
    __extension__({                                                 \
        __typeof__(*(pointer_address)) taken_ = *(pointer_address); \
        *(pointer_address) = NULL;                                  \
        taken_;                                                     \
    })

void memory_free(
    void *pointer_address); /* free(*pointer_address) and null it: scoped(memory_free) char *text */
void descriptor_close(int *descriptor); /* close where >= 0, then -1; errno is kept:
                                           scoped(descriptor_close) int fd */

#endif
