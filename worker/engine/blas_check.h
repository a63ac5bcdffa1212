/* Whether the core that OpenBLAS runs (OPENBLAS_CORETYPE) multiplies correctly on this processor.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_BLAS_CHECK_H
#define NIGHTJAR_WORKER_ENGINE_BLAS_CHECK_H

#include <stdbool.h>

/* Whether its products agree with plain C. */
bool blas_is_right(void);

#endif
