#include "worker/engine/precision.h"

#include "worker/engine/blas_check.h"

#ifdef NIGHTJAR_DOUBLE
const struct precision precision_double = {
#else
const struct precision precision_float = {
#endif
    .run = pipeline_run,
    .try_out = pipeline_try,
    .predict = pipeline_predict,
    .evaluate = pipeline_evaluate,
    .inspect = pipeline_inspect,
    .blas_is_right = blas_is_right,
};
