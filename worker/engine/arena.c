#include "worker/engine/arena.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT 64
#define HUGE_PAGE ((size_t)2 << 20)
#define HUGE_FROM (2 * HUGE_PAGE) /* bytes from which on a table of small pages costs more */
#define ALIGN_ELEMENTS ((int64_t)(ALIGNMENT / sizeof(real)))

int64_t arena_align(int64_t n)
{
    return (n + ALIGN_ELEMENTS - 1) / ALIGN_ELEMENTS * ALIGN_ELEMENTS;
}

void *arena_reserve(size_t bytes)
{
    bool huge = bytes >= HUGE_FROM;
    void *data;

    if (posix_memalign(&data, huge ? HUGE_PAGE : ALIGNMENT, bytes ? bytes : ALIGNMENT) != 0)
        return NULL;
    if (huge)
        (void)madvise(data, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    return data;
}

real *arena_allocate(int64_t n)
{
    size_t size = (size_t)arena_align(n) * sizeof(real);
    void *data = arena_reserve(size);

    return data ? memset(data, 0, size) : NULL;
}
