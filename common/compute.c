#include "common/compute.h"

#include <stddef.h>

const char *const compute_name[COMPUTE_COUNT + 1] = {"float32", "bf16x3", NULL};
