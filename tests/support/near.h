/* cmocka's assert_float_equal compares floats, and takes NaN for equal to everything. */
#ifndef NIGHTJAR_TESTS_SUPPORT_NEAR_H
#define NIGHTJAR_TESTS_SUPPORT_NEAR_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_near(actual, expected, tolerance) \
    near_or_fail(actual, expected, tolerance, __FILE__, __LINE__)

static inline void near_or_fail(double actual, double expected, double tolerance, const char *file,
                                int line)
{
    if (fabs(actual - expected) <= tolerance)
        return;
    print_error("%.17g is not within %g of %.17g\n", actual, tolerance, expected);
    _fail(file, line);
}

#endif
