#include "worker/engine/transform/normal.h"

#include <math.h>

#include "worker/engine/distribution.h"

/* A rough start (Hastings' rational approximation, Abramowitz and Stegun 26.2.23, good to 4.5e-4),
 * then Newton's method with Halley's correction until nothing changes any more. */
double normal_quantile(double fraction)
{
    double tail = fraction < 0.5 ? fraction : 1 - fraction, t, x;

    if (!(fraction > 0 && fraction < 1))
        return fraction <= 0 ? -(double)INFINITY : (double)INFINITY;
    t = sqrt(-2 * log(tail));
    x = t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    for (int i = 0; i < 3; i++) { /* x: above which the tail lies */
        double wrong = (normal_below(-x) - tail) * sqrt(2 * M_PI) * exp(x * x / 2);

        x += wrong / (1 - x * wrong / 2);
    }
    return fraction < 0.5 ? -x : x;
}
