/*
 * Predicted distributions of a number: mixtures of normal or log-normal densities, or quantiles.
 * What losses train, metrics judge and predictions are read from.
 *
 * Parameters of one are numbers in a row: alpha[n] (sum 1), mu[n], sigma[n] of a mixture, in the
 * number's own units (log_normal: of its logarithm); the values at the levels of quantiles.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DISTRIBUTION_H
#define NIGHTJAR_WORKER_ENGINE_DISTRIBUTION_H

#include <stdbool.h>
#include <stdint.h>

enum distribution_family {
    DISTRIBUTION_NONE, /* a point: no parameters */
    DISTRIBUTION_NORMAL,
    DISTRIBUTION_LOG_NORMAL,
    DISTRIBUTION_QUANTILES,
};

#define DISTRIBUTION_PARTS_MAX 64

struct distribution_shape { /* all-zero: none is predicted */
    enum distribution_family family;
    int64_t n;           /* densities or levels, up to DISTRIBUTION_PARTS_MAX */
    const double *level; /* borrowed, ascending in (0, 1): of quantiles */
};
int64_t distribution_width(const struct distribution_shape *shape); /* parameters */

double normal_density(double z);
double normal_below(double z); /* the share of a standard normal below z */

/* Of a value y. Parameters as above; +Inf or NAN where y cannot be (log_normal: y <= 0). */
double distribution_nll(const struct distribution_shape *shape, const double *parameter, double y);
/* Continuous ranked probability score, in closed form: of quantiles that of straight lines between
 * them, and of nothing beyond the outer ones. In the units of y. */
double distribution_crps(const struct distribution_shape *shape, const double *parameter, double y);
double distribution_below(const struct distribution_shape *shape, const double *parameter,
                          double y);
double distribution_mean(const struct distribution_shape *shape, const double *parameter);
/* NAN: of quantiles. */
double distribution_sd(const struct distribution_shape *shape, const double *parameter);
/* Of quantiles, beyond the outer levels: the outer values. */
double distribution_quantile(const struct distribution_shape *shape, const double *parameter,
                             double level);
/* Whether the levels of quantiles reach so far; true of all others. */
bool distribution_reaches(const struct distribution_shape *shape, double level);

/* The score of a mixture, with its gradient by alpha, mu and sigma, each [n]. */
double mixture_crps_gradient(const struct distribution_shape *shape, const double *parameter,
                             double y, double *ret_gradient);

/* What looks at nothing would predict, from `n` values. ret_parameter: [distribution_width]. Values
 * that a log_normal cannot have are left out. False: no memory. */
bool distribution_fit(const struct distribution_shape *shape, const double *value, int64_t n,
                      double *ret_parameter);

#endif
