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

/* ---- predicting: many at a time, so that what costs is done in vectors ---- */

enum { ROOM = 16 * DISTRIBUTION_PARTS_MAX };
struct predicted { /* densities of several targets, [pairs][n] */
    double alpha[ROOM], mu[ROOM], sigma[ROOM], mean[ROOM];
    int64_t pairs, n; /* rows' targets; densities of each */
};

static void read_outputs(const real *output, struct predicted *at)
{
    int64_t n = at->n;

    for (int64_t pair = 0; pair < at->pairs; pair++, output += n == 1 ? 2 : 3 * n) {
        const real *logit = output + 2 * n;
        double top = -INFINITY;

        for (int64_t i = 0; n > 1 && i < n; i++)
            top = (double)logit[i] > top ? (double)logit[i] : top;
        for (int64_t i = 0; i < n; i++) {
            at->mu[pair * n + i] = (double)output[i];
            at->sigma[pair * n + i] = (double)output[n + i];
            at->alpha[pair * n + i] = n > 1 ? (double)logit[i] - top : 0;
        }
    }
}

static void decode_all(const struct mixture_config *config, const struct kernel *kernel,
                       struct predicted *at)
{
    int64_t n = at->n;

    kernel->exp_double(at->alpha, at->alpha, at->pairs * n);
    if (config->sigma == SIGMA_EXP)
        kernel->exp_double(at->sigma, at->sigma, at->pairs * n);
    else
        kernel->softplus_double(at->sigma, at->sigma, at->pairs * n);
    for (int64_t pair = 0; pair < at->pairs; pair++) {
        double sum = 0;

        for (int64_t i = 0; i < n; i++)
            sum += at->alpha[pair * n + i];
        for (int64_t i = 0; i < n; i++)
            at->alpha[pair * n + i] /= sum;
    }
}

/* The target of pair 0 is `target`. */
static void to_own_units(const struct loss *loss,
                         struct mixture_units (*units_of)(const struct loss *loss, int64_t target),
                         int64_t target, struct predicted *at)
{
    const struct mixture_config *config = loss->config;
    int64_t n = at->n;

    for (int64_t pair = 0; pair < at->pairs; pair++) {
        struct mixture_units units = units_of(loss, (target + pair) % loss->task.n_targets);

        for (int64_t i = pair * n; i < (pair + 1) * n; i++) {
            at->mu[i] = at->mu[i] * units.scale + units.offset;
            at->sigma[i] = (config->floor + at->sigma[i]) * units.scale;
        }
    }
}

/* at->mean becomes those of the densities. */
static void find_means(const struct loss *loss, const struct kernel *kernel, struct predicted *at)
{
    bool logarithm = loss->distribution.family == DISTRIBUTION_LOG_NORMAL;

    for (int64_t i = 0; i < at->pairs * at->n; i++)
        at->mean[i] = at->mu[i] + (logarithm ? at->sigma[i] * at->sigma[i] / 2 : 0);
    if (logarithm)
        kernel->exp_double(at->mean, at->mean, at->pairs * at->n);
}

static void write_pair(const struct loss *loss, const struct predicted *at, int64_t pair,
                       double *ret_point, double *ret_parameter)
{
    const struct mixture_config *config = loss->config;
    int64_t n = at->n, first = pair * n;
    double mean = 0;

    for (int64_t i = 0; i < n; i++) {
        ret_parameter[i] = at->alpha[first + i];
        ret_parameter[n + i] = at->mu[first + i];
        ret_parameter[2 * n + i] = at->sigma[first + i];
        mean += at->alpha[first + i] * at->mean[first + i];
    }
    *ret_point = config->point == POINT_MEDIAN
                     ? distribution_quantile(&loss->distribution, ret_parameter, 0.5)
                     : mean;
}

void mixture_predict(const struct loss *loss, const struct tensor *y,
                     struct mixture_units (*units_of)(const struct loss *loss, int64_t target),
                     double *ret_prediction)
{
    const struct mixture_config *config = loss->config;
    const struct kernel *kernel = kernel_pick();
    int64_t targets = loss->task.n_targets, all = loss_rows(y) * targets;
    int64_t outputs = loss->n_outputs / targets, width = distribution_width(&loss->distribution);
    struct predicted at = {.n = config->components};

    for (int64_t first = 0; first < all; first += at.pairs) {
        at.pairs = all - first < ROOM / at.n ? all - first : ROOM / at.n;
        read_outputs(y->data + first * outputs, &at);
        decode_all(config, kernel, &at);
        to_own_units(loss, units_of, first % targets, &at);
        find_means(loss, kernel, &at);
        for (int64_t pair = 0; pair < at.pairs; pair++) {
            int64_t target = (first + pair) % targets;
            double *row = ret_prediction + (first + pair) / targets * loss->n_predicted;

            write_pair(loss, &at, pair, row + target, row + targets + target * width);
        }
    }
}
