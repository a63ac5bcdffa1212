/* The golden network in double: agrees to rounding. */
#include "tests/unit/engine/golden_network.h"

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_agree_with_pytorch),
        cmocka_unit_test(network_and_optimizers_agree_with_pytorch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
