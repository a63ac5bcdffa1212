/* Products in the processor's tiles (AMX); see bf16x3.h. */
#ifndef NIGHTJAR_WORKER_ENGINE_KERNEL_AMX_H
#define NIGHTJAR_WORKER_ENGINE_KERNEL_AMX_H

#include "worker/engine/kernel/bf16x3.h"

/* NULL where the processor has no tiles for bfloat16, or the system does not let them be used. Asks
 * the system for them. */
const struct bf16x3_kernel *amx_kernel(void);

#endif
