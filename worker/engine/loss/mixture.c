/*
 * Outputs of a target: mu[n], sigma[n], alpha[n] before softplus or exp, and softmax; of a single
 * density mu and sigma alone.
 *
 *   nll   -log sum alpha N(x; mu, sigma), as log-sum-exp      r = the densities' shares of the sum
 *         by mu: -r z / sigma      by sigma: r (1 - z^2) / sigma      by alpha's logit: alpha - r
 *   crps  closed form (distribution.c); by a logit: alpha (g - sum alpha g)
 */
#include "worker/engine/loss/mixture.h"

#include <math.h>

const char *const mixture_sigma_names[] = {"softplus", "exp", NULL};
const char *const mixture_score_names[] = {"nll", "crps", NULL};
const char *const mixture_point_names[] = {"mean", "median", NULL};
enum { SIGMA_SOFTPLUS, SIGMA_EXP };
enum { SCORE_NLL, SCORE_CRPS };
enum { POINT_MEAN, POINT_MEDIAN };

struct mixture {
    double parameter[3 * DISTRIBUTION_PARTS_MAX]; /* alpha, mu, sigma as distribution.h has them */
    double log_alpha[DISTRIBUTION_PARTS_MAX];
    double sigma_slope[DISTRIBUTION_PARTS_MAX]; /* by its output */
};

bool mixture_build(struct loss *loss, enum distribution_family family)
{
    const struct mixture_config *config = loss->config;
    int64_t n = config->components;

    loss->distribution = (struct distribution_shape){.family = family, .n = n};
    loss->n_outputs = loss->task.n_targets * (n == 1 ? 2 : 3 * n);
    return true;
}

static void decode_alpha(const real *logit, int64_t n, struct mixture *mixture)
{
    double top = -INFINITY, sum = 0;

    for (int64_t i = 0; i < n; i++)
        top = fmax(top, n > 1 ? (double)logit[i] : 0);
    for (int64_t i = 0; i < n; i++)
        sum += exp((n > 1 ? (double)logit[i] : 0) - top);
    for (int64_t i = 0; i < n; i++) {
        mixture->log_alpha[i] = (n > 1 ? (double)logit[i] : 0) - top - log(sum);
        mixture->parameter[i] = exp(mixture->log_alpha[i]);
    }
}

static void decode(const struct mixture_config *config, const real *output, struct mixture *mixture)
{
    int64_t n = config->components;
    double *mu = mixture->parameter + n, *sigma = mu + n;

    decode_alpha(output + 2 * n, n, mixture);
    for (int64_t i = 0; i < n; i++) {
        double raw = (double)output[n + i];

        mu[i] = (double)output[i];
        if (config->sigma == SIGMA_EXP) {
            mixture->sigma_slope[i] = exp(raw);
            sigma[i] = config->floor + mixture->sigma_slope[i];
        } else {
            mixture->sigma_slope[i] = 1 / (1 + exp(-raw));
            sigma[i] = config->floor + fmax(raw, 0) + log1p(exp(-fabs(raw)));
        }
    }
}

static double nll(int64_t n, const struct mixture *mixture, double x, double *ret_slope)
{
    const double *alpha = mixture->parameter, *mu = alpha + n, *sigma = mu + n;
    double term[DISTRIBUTION_PARTS_MAX], top = -INFINITY, sum = 0;

    for (int64_t i = 0; i < n; i++) {
        double z = (x - mu[i]) / sigma[i];

        term[i] = mixture->log_alpha[i] - log(sigma[i]) - z * z / 2;
        top = fmax(top, term[i]);
    }
    for (int64_t i = 0; i < n; i++)
        sum += term[i] = exp(term[i] - top);
    for (int64_t i = 0; i < n; i++) {
        double z = (x - mu[i]) / sigma[i], share = term[i] / sum;

        ret_slope[i] = -share * z / sigma[i];
        ret_slope[n + i] = share * (1 - z * z) / sigma[i] * mixture->sigma_slope[i];
        if (n > 1)
            ret_slope[2 * n + i] = alpha[i] - share;
    }
    return log(2 * M_PI) / 2 - top - log(sum);
}

static void to_units(struct mixture *mixture, int64_t n, struct mixture_units units)
{
    double *mu = mixture->parameter + n, *sigma = mu + n;

    for (int64_t i = 0; i < n; i++) {
        mu[i] = mu[i] * units.scale + units.offset;
        sigma[i] *= units.scale;
    }
}

static double crps(const struct loss *loss, struct mixture *mixture, double y,
                   struct mixture_units units, double *ret_slope)
{
    int64_t n = loss->distribution.n;
    const double *alpha = mixture->parameter;
    double gradient[3 * DISTRIBUTION_PARTS_MAX], score, mean = 0;

    to_units(mixture, n, units);
    score = mixture_crps_gradient(&loss->distribution, mixture->parameter, y, gradient);
    for (int64_t i = 0; i < n; i++)
        mean += alpha[i] * gradient[i];
    for (int64_t i = 0; i < n; i++) {
        ret_slope[i] = gradient[n + i] * units.scale;
        ret_slope[n + i] = gradient[2 * n + i] * units.scale * mixture->sigma_slope[i];
        if (n > 1)
            ret_slope[2 * n + i] = alpha[i] * (gradient[i] - mean);
    }
    return score;
}

double mixture_part(const struct loss *loss, const real *output, double x, double y,
                    struct mixture_units units, double *ret_slope)
{
    const struct mixture_config *config = loss->config;
    struct mixture mixture;

    decode(config, output, &mixture);
    if (config->score == SCORE_CRPS)
        return crps(loss, &mixture, y, units, ret_slope);
    return nll(config->components, &mixture, x, ret_slope);
}

double mixture_predict(const struct loss *loss, const real *output, struct mixture_units units,
                       double *ret_parameter)
{
    const struct mixture_config *config = loss->config;
    int64_t n = config->components;
    struct mixture mixture = {0};

    decode(config, output, &mixture);
    to_units(&mixture, n, units);
    for (int64_t i = 0; i < 3 * n; i++)
        ret_parameter[i] = mixture.parameter[i];
    return config->point == POINT_MEDIAN
               ? distribution_quantile(&loss->distribution, ret_parameter, 0.5)
               : distribution_mean(&loss->distribution, ret_parameter);
}
