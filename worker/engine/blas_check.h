/* Whether the core that OpenBLAS runs (OPENBLAS_CORETYPE) multiplies correctly on this processor.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_BLAS_CHECK_H
#define NIGHTJAR_WORKER_ENGINE_BLAS_CHECK_H

/* Prints {"core":"SkylakeX"}. 0: its products agree with plain C; 1: they do not. */
int blas_check(void);

#endif
