/*
 * Student's distribution of whole degrees of freedom has a finite sum (Abramowitz and Stegun
 * 26.7.3, 26.7.4): with theta = atan(t / sqrt(n))
 *
 *   P(|T| < t) = sin theta (1 + 1/2 cos^2 theta + 1 3/(2 4) cos^4 theta + ...)              n even
 *   P(|T| < t) = 2/pi (theta + sin theta cos theta (1 + 2/3 cos^2 theta + ...))             n odd
 *
 * up to the power n - 2, or n - 3 within the brackets; for one degree 2/pi theta.
 */
#include "daemon/report/interval.h"

#include <math.h>

#define OUTSIDE 0.05
#define PI 3.14159265358979323846
#define DEGREES_MOST 100000 /* beyond which t stays what it is */
#define HALVINGS 60

static double probability(size_t degrees, double theta)
{
    double square = cos(theta) * cos(theta), term = 1, sum = 0;
    size_t odd = degrees % 2;

    for (size_t k = odd; k + 2 <= degrees; k += 2) {
        sum += term;
        term *= square * (double)(k + 1) / (double)(k + 2);
    }
    return odd ? 2 / PI * (theta + sin(theta) * cos(theta) * sum) : sin(theta) * sum;
}

/* What |T| exceeds with a probability of `outside`. */
static double quantile(size_t degrees, double outside)
{
    double low = 0, high = PI / 2;

    if (degrees > DEGREES_MOST)
        degrees = DEGREES_MOST;
    for (int i = 0; i < HALVINGS; i++) {
        double middle = (low + high) / 2;

        if (probability(degrees, middle) < 1 - outside)
            low = middle;
        else
            high = middle;
    }
    return tan(low) * sqrt((double)degrees);
}

double interval_t(size_t degrees)
{
    return quantile(degrees, OUTSIDE);
}

double interval_of_pairs(size_t degrees, size_t means)
{
    return quantile(degrees, OUTSIDE / ((double)means * (double)(means - 1) / 2));
}

double interval_half(size_t n, double deviation)
{
    return n < 2 ? (double)NAN : interval_t(n - 1) * deviation / sqrt((double)n);
}
