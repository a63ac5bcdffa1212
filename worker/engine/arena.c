#include "worker/engine/arena.h"

#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64
#define ALIGN_ELEMENTS ((int64_t)(ALIGNMENT / sizeof(real)))

int64_t arena_align(int64_t n)
{
    return (n + ALIGN_ELEMENTS - 1) / ALIGN_ELEMENTS * ALIGN_ELEMENTS;
}

real *arena_allocate(int64_t n)
{
    size_t size = (size_t)arena_align(n) * sizeof(real);
    real *data = aligned_alloc(ALIGNMENT, size ? size : ALIGNMENT);

    if (data)
        memset(data, 0, size);
    return data;
}
