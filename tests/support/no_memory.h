/* Work that is done again and again, each time with another allocation failing. */
#ifndef NIGHTJAR_TESTS_SUPPORT_NO_MEMORY_H
#define NIGHTJAR_TESTS_SUPPORT_NO_MEMORY_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/error.h"
#include "tests/double/memory_double.h"

/* Fails where one of them goes by without NO_MEMORY. How many there were. */
static inline int64_t fail_every_allocation(bool (*work)(struct error *error))
{
    for (int64_t n = 0;; n++) {
        struct error error = {0};
        bool good;

        memory_double_start(n);
        good = work(&error);
        if (!memory_double_stop())
            return n;
        if (good)
            fail_msg("allocation %" PRId64 " failed and nobody saw it", n);
        assert_int_equal(error.kind, ERROR_NO_MEMORY);
    }
}

#endif
