/*
 * A mixture's score is E|X - y| - E|X - X'| / 2, both sums over its densities:
 *
 *   normal      E|X - y| = a(y - mu, sigma)     E|Xi - Xj| = a(mui - muj, sqrt(si^2 + sj^2))
 *               a(m, s) = m (2 Phi(m / s) - 1) + 2 s phi(m / s)
 *   log-normal  M = exp(mu + sigma^2 / 2)       w = (ln y - mu) / sigma
 *               E|X - y| = y (2 Phi(w) - 1) + M (1 - 2 Phi(w - sigma))
 *               E|Xi - Xj| = Mi (2 Phi(a) - 1) + Mj (2 Phi(b) - 1), s = sqrt(si^2 + sj^2),
 *               a = (mui - muj + si^2) / s, b = (muj - mui + sj^2) / s
 *
 * That of quantiles v at levels a is the integral over x of (F(x) - [x >= y])^2, which is twice the
 * integral over the level of their pinball loss. The share F below x goes in straight lines from
 * one of them to the next, and at the outer ones to 0 and to 1 at once:
 *
 *   (v1 - y)+ + (y - vn)+ + sum over i of (c - vi) s(ai, f) + (vi+1 - c) s(1 - f, 1 - ai+1)
 *   c = y within vi .. vi+1   f = F(c)   s(p, q) = (p^2 + p q + q^2) / 3
 */
#include "worker/engine/distribution.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"

int64_t distribution_width(const struct distribution_shape *shape)
{
    switch (shape->family) {
    case DISTRIBUTION_NORMAL:
    case DISTRIBUTION_LOG_NORMAL:
        return 3 * shape->n;
    case DISTRIBUTION_QUANTILES:
        return shape->n;
    default:
        return 0;
    }
}

double normal_density(double z)
{
    return exp(-z * z / 2) * M_2_SQRTPI / (2 * M_SQRT2);
}

double normal_below(double z)
{
    return erfc(-z / M_SQRT2) / 2;
}

/* ---- parts of a mixture's score ---- */

struct part { /* an expected distance, and its gradient by the first density's mu and sigma */
    double value, by_mu, by_sigma;
};

static struct part normal_distance(double distance, double spread)
{
    double z = distance / spread, side = 2 * normal_below(z) - 1;

    return (struct part){.value = distance * side + 2 * spread * normal_density(z),
                         .by_mu = side,
                         .by_sigma = 2 * normal_density(z)};
}

static struct part to_value(enum distribution_family family, double mu, double sigma, double y)
{
    struct part part;
    double w, mean, side;

    if (family == DISTRIBUTION_NORMAL) {
        part = normal_distance(y - mu, sigma);
        part.by_mu = -part.by_mu;
        return part;
    }
    w = (log(y) - mu) / sigma;
    mean = exp(mu + sigma * sigma / 2);
    side = 1 - 2 * normal_below(w - sigma);
    return (struct part){.value = y * (2 * normal_below(w) - 1) + mean * side,
                         .by_mu = mean * side,
                         .by_sigma = sigma * mean * side + 2 * y * normal_density(w)};
}

static struct part between(enum distribution_family family, double mu, double sigma, double other,
                           double its_sigma)
{
    double spread = sqrt(sigma * sigma + its_sigma * its_sigma);
    double mean, its_mean, a, b, side;
    struct part part;

    if (family == DISTRIBUTION_NORMAL) {
        part = normal_distance(mu - other, spread);
        part.by_sigma *= sigma / spread;
        return part;
    }
    mean = exp(mu + sigma * sigma / 2);
    its_mean = exp(other + its_sigma * its_sigma / 2);
    a = (mu - other + sigma * sigma) / spread;
    b = (other - mu + its_sigma * its_sigma) / spread;
    side = 2 * normal_below(a) - 1;
    return (struct part){.value = mean * side + its_mean * (2 * normal_below(b) - 1),
                         .by_mu = mean * side,
                         .by_sigma =
                             sigma * mean * side + 2 * mean * normal_density(a) * sigma / spread};
}

double mixture_crps_gradient(const struct distribution_shape *shape, const double *parameter,
                             double y, double *ret_gradient)
{
    int64_t n = shape->n;
    const double *alpha = parameter, *mu = parameter + n, *sigma = parameter + 2 * n;
    double score = 0;

    for (int64_t i = 0; i < n; i++) {
        struct part near = to_value(shape->family, mu[i], sigma[i], y);
        double among = 0;

        ret_gradient[n + i] = alpha[i] * near.by_mu;
        ret_gradient[2 * n + i] = alpha[i] * near.by_sigma;
        for (int64_t j = 0; j < n; j++) {
            struct part part = between(shape->family, mu[i], sigma[i], mu[j], sigma[j]);

            among += alpha[j] * part.value;
            ret_gradient[n + i] -= alpha[i] * alpha[j] * part.by_mu;
            ret_gradient[2 * n + i] -= alpha[i] * alpha[j] * part.by_sigma;
        }
        ret_gradient[i] = near.value - among;
        score += alpha[i] * (near.value - among / 2);
    }
    return score;
}

/* ---- what metrics ask ---- */

/* The integral of the square of a share that goes in a straight line from one to another. */
static double square_along(double length, double from, double to)
{
    return length * (from * from + from * to + to * to) / 3;
}

static double clamp(double value, double low, double high)
{
    return fmin(fmax(value, low), high);
}

static double quantile_score(const struct distribution_shape *shape, const double *value, double y)
{
    const double *level = shape->level;
    int64_t last = shape->n - 1;
    double sum = fmax(value[0] - y, 0) + fmax(y - value[last], 0);

    for (int64_t i = 0; i < last; i++) {
        double cut = clamp(y, value[i], value[i + 1]), width = value[i + 1] - value[i];
        double part = width > 0 ? (cut - value[i]) / width : 0;
        double below = level[i] + part * (level[i + 1] - level[i]);

        sum += square_along(cut - value[i], level[i], below) +
               square_along(value[i + 1] - cut, 1 - below, 1 - level[i + 1]);
    }
    return sum;
}

double distribution_crps(const struct distribution_shape *shape, const double *parameter, double y)
{
    double gradient[3 * DISTRIBUTION_PARTS_MAX];

    switch (shape->family) {
    case DISTRIBUTION_NORMAL:
        return mixture_crps_gradient(shape, parameter, y, gradient);
    case DISTRIBUTION_LOG_NORMAL:
        return y > 0 ? mixture_crps_gradient(shape, parameter, y, gradient) : NAN;
    case DISTRIBUTION_QUANTILES:
        return quantile_score(shape, parameter, y);
    default:
        return NAN;
    }
}

double distribution_nll(const struct distribution_shape *shape, const double *parameter, double y)
{
    bool of_log = shape->family == DISTRIBUTION_LOG_NORMAL;
    const double *alpha = parameter, *mu = parameter + shape->n, *sigma = mu + shape->n;
    double x = of_log ? log(y) : y, top = -INFINITY, sum = 0;
    double term[DISTRIBUTION_PARTS_MAX];

    if (shape->family != DISTRIBUTION_NORMAL && !of_log)
        return NAN;
    if (of_log && !(y > 0))
        return INFINITY;
    for (int64_t i = 0; i < shape->n; i++) {
        double z = (x - mu[i]) / sigma[i];

        term[i] = log(alpha[i]) - log(sigma[i]) - z * z / 2;
        top = fmax(top, term[i]);
    }
    for (int64_t i = 0; i < shape->n; i++)
        sum += exp(term[i] - top);
    return log(2 * M_PI) / 2 - top - log(sum) + (of_log ? x : 0);
}

/* The share below y of a distribution known by some quantiles: straight lines between them, and
 * nothing beyond the outer ones. */
static double quantile_below(const struct distribution_shape *shape, const double *value, double y)
{
    int64_t i = 0;
    double part;

    if (y < value[0])
        return 0;
    if (y >= value[shape->n - 1])
        return 1;
    while (y >= value[i + 1])
        i++;
    part = (y - value[i]) / (value[i + 1] - value[i]);
    return shape->level[i] + part * (shape->level[i + 1] - shape->level[i]);
}

double distribution_below(const struct distribution_shape *shape, const double *parameter, double y)
{
    bool of_log = shape->family == DISTRIBUTION_LOG_NORMAL;
    const double *alpha = parameter, *mu = parameter + shape->n, *sigma = mu + shape->n;
    double sum = 0;

    if (shape->family == DISTRIBUTION_QUANTILES)
        return quantile_below(shape, parameter, y);
    if (of_log && y <= 0)
        return 0;
    for (int64_t i = 0; i < shape->n; i++)
        sum += alpha[i] * normal_below(((of_log ? log(y) : y) - mu[i]) / sigma[i]);
    return sum;
}

double distribution_mean(const struct distribution_shape *shape, const double *parameter)
{
    const double *alpha = parameter, *mu = parameter + shape->n, *sigma = mu + shape->n;
    double sum = 0;

    if (shape->family == DISTRIBUTION_QUANTILES)
        return distribution_quantile(shape, parameter, 0.5);
    for (int64_t i = 0; i < shape->n; i++)
        sum += alpha[i] * (shape->family == DISTRIBUTION_LOG_NORMAL
                               ? exp(mu[i] + sigma[i] * sigma[i] / 2)
                               : mu[i]);
    return sum;
}

double distribution_sd(const struct distribution_shape *shape, const double *parameter)
{
    const double *alpha = parameter, *mu = parameter + shape->n, *sigma = mu + shape->n;
    double mean = distribution_mean(shape, parameter), sum = 0;

    if (shape->family == DISTRIBUTION_QUANTILES)
        return NAN;
    for (int64_t i = 0; i < shape->n; i++) {
        double square = sigma[i] * sigma[i], own = mu[i];

        if (shape->family == DISTRIBUTION_LOG_NORMAL) {
            own = exp(mu[i] + square / 2);
            square = expm1(square) * own * own;
        }
        sum += alpha[i] * (square + (own - mean) * (own - mean));
    }
    return sqrt(sum);
}

/* Beyond the outer levels nothing is known: their values. */
static double quantile_between(const struct distribution_shape *shape, const double *value,
                               double level)
{
    int64_t i = 0;

    if (level <= shape->level[0])
        return value[0];
    if (level >= shape->level[shape->n - 1])
        return value[shape->n - 1];
    while (level > shape->level[i + 1])
        i++;
    return value[i] + (level - shape->level[i]) * (value[i + 1] - value[i]) /
                          (shape->level[i + 1] - shape->level[i]);
}

#define HALVINGS 200

/* By halving between bounds that hold every density's quantile; ends where no number is between. */
double distribution_quantile(const struct distribution_shape *shape, const double *parameter,
                             double level)
{
    const struct distribution_shape normal = {.family = DISTRIBUTION_NORMAL, .n = shape->n};
    const double *mu = parameter + shape->n, *sigma = mu + shape->n;
    double low = INFINITY, high = -INFINITY;

    if (shape->family == DISTRIBUTION_QUANTILES)
        return quantile_between(shape, parameter, level);
    for (int64_t i = 0; i < shape->n; i++) {
        low = fmin(low, mu[i] - 40 * sigma[i]);
        high = fmax(high, mu[i] + 40 * sigma[i]);
    }
    for (int i = 0; i < HALVINGS; i++) {
        double middle = low + (high - low) / 2;

        if (middle <= low || middle >= high)
            break;
        if (distribution_below(&normal, parameter, middle) < level)
            low = middle;
        else
            high = middle;
    }
    return shape->family == DISTRIBUTION_LOG_NORMAL ? exp(high) : high;
}

#define ROUNDING 1e-9 /* (1 - 0.8) / 2 is a little less than 0.1 */

bool distribution_reaches(const struct distribution_shape *shape, double level)
{
    return shape->family != DISTRIBUTION_QUANTILES ||
           (level >= shape->level[0] - ROUNDING && level <= shape->level[shape->n - 1] + ROUNDING);
}

/* ---- without looking ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static bool fit_quantiles(const struct distribution_shape *shape, const double *value, int64_t n,
                          double *ret_parameter)
{
    scoped(memory_free) double *sorted = calloc((size_t)n + 1, sizeof(*sorted));

    if (!sorted)
        return false;
    memcpy(sorted, value, (size_t)n * sizeof(*sorted));
    qsort(sorted, (size_t)n, sizeof(*sorted), compare);
    for (int64_t i = 0; i < shape->n; i++) {
        double at = shape->level[i] * (double)(n - 1);
        int64_t below = (int64_t)at, above = below + 1 < n ? below + 1 : below;

        ret_parameter[i] = sorted[below] + (at - (double)below) * (sorted[above] - sorted[below]);
    }
    return true;
}

bool distribution_fit(const struct distribution_shape *shape, const double *value, int64_t n,
                      double *ret_parameter)
{
    bool of_log = shape->family == DISTRIBUTION_LOG_NORMAL;
    double sum = 0, squares = 0, used = 0, mean;

    if (shape->family == DISTRIBUTION_QUANTILES)
        return fit_quantiles(shape, value, n, ret_parameter);
    for (int64_t i = 0; i < n; i++) {
        if (of_log && !(value[i] > 0))
            continue;
        sum += of_log ? log(value[i]) : value[i];
        used++;
    }
    mean = used > 0 ? sum / used : 0;
    for (int64_t i = 0; i < n; i++) {
        double deviation = of_log && !(value[i] > 0) ? 0
                           : of_log                  ? log(value[i]) - mean
                                                     : value[i] - mean;

        squares += deviation * deviation;
    }
    for (int64_t i = 0; i < shape->n; i++) {
        ret_parameter[i] = 1.0 / (double)shape->n;
        ret_parameter[shape->n + i] = mean;
        ret_parameter[2 * shape->n + i] = squares > 0 ? sqrt(squares / used) : 1;
    }
    return true;
}
