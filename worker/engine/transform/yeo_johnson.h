/* Yeo and Johnson's power transform of one value (Biometrika 87, 2000); NAN stays NAN. */
#ifndef NIGHTJAR_WORKER_ENGINE_TRANSFORM_YEO_JOHNSON_H
#define NIGHTJAR_WORKER_ENGINE_TRANSFORM_YEO_JOHNSON_H

#include <math.h>

/* Of |k log(1 + x)|: exp() of it, which float32 holds with room to spare. */
#define YEO_JOHNSON_HIGHEST 60.0

static inline double yeo_johnson(double k, double x)
{
    double l = log1p(fabs(x)), power = x >= 0 ? k : 2 - k;
    double y = power == 0 ? l : expm1(power * l) / power;

    return x >= 0 ? y : -y;
}

#endif
