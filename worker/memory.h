/* Whether the kernel ended processes for want of memory. */
#ifndef NIGHTJAR_WORKER_MEMORY_H
#define NIGHTJAR_WORKER_MEMORY_H

#include <stdint.h>

/* How many processes of this machine (or container) the kernel has ended since it started; -1
 * where it does not tell. */
int64_t memory_kills(void);

#endif
