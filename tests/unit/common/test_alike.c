/* What is the same to a reader. */
#include "common/alike.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void numbers_make_no_difference_to_a_reader(void **state)
{
    (void)state;
    assert_true(alike("epoch 3: loss -1.5e-05", "epoch 12: loss 0.25"));
    assert_true(alike("expected an integer, not 57.5", "expected an integer, not 4"));
    assert_false(alike("epoch 3: loss 1", "epoch 3: rate 1"));
    assert_false(alike("3 rows", "3 rows more"));
    assert_true(alike("", ""));
    /* a part of a name makes one */
    assert_false(alike("dense1 has dead units", "dense2 has dead units"));
    assert_false(alike("dense_12 has dead units", "dense_13 has dead units"));
    assert_false(alike("no column wl_0.55", "no column wl_0.56"));
    assert_false(alike("epoch 3", "epoch "));
    /* so many digits are a name, too */
    assert_false(alike("file 20261128074144000000000000000001 is gone",
                       "file 20261128074144000000000000000002 is gone"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_make_no_difference_to_a_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
