/*
 * Which of OpenBLAS's kernels the engine shall use. OpenBLAS does not know processors newer than
 * itself and then falls back to very old kernels, so the best core that the processor's flags
 * allow is named for it, once the engine has found that its products are right.
 */
#ifndef NIGHTJAR_COMMON_BLAS_CORE_H
#define NIGHTJAR_COMMON_BLAS_CORE_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

#define BLAS_CORE_SIZE 32
#define BLAS_CORE_CANDIDATES 2

/* Names for OPENBLAS_CORETYPE, best first, that a processor with these flags (as in /proc/cpuinfo)
 * can run. Returns how many. */
size_t blas_core_candidates(const char *flags, const char *ret_core[BLAS_CORE_CANDIDATES]);

struct blas_core_question {   /* all borrowed */
    const char *engine;       /* path of nightjar-engine */
    const char *cpuinfo;      /* "/proc/cpuinfo" */
    const char *cache_folder; /* holds blas-core.json; made where missing */
    char *const *environment; /* for the check */
};

/* The core to use; "": leave the choice to OpenBLAS. The answer is kept in the cache folder until
 * the processor, the engine or the system's libraries change; a cache that cannot be written or
 * read is done without. */
void blas_core_choose(const struct blas_core_question *question, char ret_core[BLAS_CORE_SIZE]);

#endif
