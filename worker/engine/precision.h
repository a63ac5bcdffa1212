/*
 * What is computed in float by default, and in double where train.precision asks for it.
 *
 * The engine's sources are compiled twice (tensor.h). main.c has both sets of functions, and calls
 * the one that a spec or a model file asks for; what has no numbers of a model is float's.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_PRECISION_H
#define NIGHTJAR_WORKER_ENGINE_PRECISION_H

#include "worker/engine/pipeline.h"

struct precision { /* functions as declared in pipeline.h and blas_check.h */
    bool (*run)(const char *folder, const volatile sig_atomic_t *stop, bool *ret_stopped,
                struct error *error);
    bool (*try_out)(FILE *in, FILE *out, struct error *error);
    bool (*predict)(const struct predict_request *request, struct error *error);
    bool (*evaluate)(const struct evaluate_request *request, FILE *out, struct error *error);
    bool (*inspect)(const char *model, bool json, FILE *out, struct error *error);
    bool (*blas_is_right)(void);
};
/* The one of what this was compiled with; of the other nothing else can be seen (CMakeLists.txt).
 */
extern const struct precision precision_float, precision_double;

#endif
