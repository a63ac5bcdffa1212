/* Time-major activations and the shapes that networks are built from. */
#ifndef NIGHTJAR_WORKER_ENGINE_TENSOR_H
#define NIGHTJAR_WORKER_ENGINE_TENSOR_H

#include <stdint.h>

/* float by default; the double build of the same sources is for train.precision: float64
 * (precision.h), and for gradient checks. */
#ifdef NIGHTJAR_DOUBLE
typedef double real;
#else
typedef float real;
#endif

struct tensor { /* time-major: data[step][row][feature] */
    real *data;
    int64_t steps, rows, width;
    const int32_t *length; /* per row; NULL: all equal */
};

struct shape {     /* of one sample: what a layer's build() sees */
    int64_t steps; /* 1: no sequence */
    int64_t width;
};

#endif
