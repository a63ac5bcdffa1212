/*
 * crps_quadrature: the continuous ranked probability score as an integral between two limits, as it
 * is worked out where no closed form is known; crps has that.
 *
 *   integral over x of (F(x) - [x >= y])^2      F: the predicted share below x; y: what is true
 *
 * By Simpson's rule, halved where two halves tell otherwise than the whole. It is cut at y, so that
 * what is integrated has no step.
 */
#include "worker/engine/metric/outcome.h"

#include <math.h>

#define PIECES                                                                        \
    16 /* to begin with, on either side of y: none of a narrow density is passed over \
        */
#define HALVINGS_MAX 40
#define ROUNDING 1e-14

struct crps_quadrature_config {
    double low, high, tolerance;
};

static const struct setting crps_quadrature_settings[] = {
    SETTING_REAL(struct crps_quadrature_config, low, 0, -1e300, 1e300, 0, "",
                 "Where the integral begins, in the target's units."),
    SETTING_REAL(struct crps_quadrature_config, high, 10000, -1e300, 1e300, 0, "",
                 "Where it ends; what is predicted beyond is not seen."),
    SETTING_REAL(struct crps_quadrature_config, tolerance, 0.1, 0, 1e300, SETTING_OPEN_LOW, "",
                 "How far it may be off, for each value."),
    {0},
};

static bool crps_quadrature_check(const void *settings, const char *path, struct error *error)
{
    const struct crps_quadrature_config *config = settings;

    return config->low < config->high ||
           error_set_at(error, ERROR_INVALID, path, "low: %g is not below high, %g", config->low,
                        config->high);
}

struct integrand {
    const struct distribution_shape *shape;
    const double *parameter;
    bool above; /* of what is true */
};

static double value_at(const struct integrand *of, double x)
{
    double below = distribution_below(of->shape, of->parameter, x);

    return of->above ? (1 - below) * (1 - below) : below * below;
}

/* Of a piece whose ends and middle are known. */
static double integrate(const struct integrand *of, const double x[2], const double value[3],
                        double tolerance, int halvings)
{
    double middle = (x[0] + x[1]) / 2, width = x[1] - x[0];
    double left = value_at(of, (x[0] + middle) / 2), right = value_at(of, (middle + x[1]) / 2);
    double whole = width / 6 * (value[0] + 4 * value[1] + value[2]);
    double first = width / 12 * (value[0] + 4 * left + value[1]);
    double second = width / 12 * (value[1] + 4 * right + value[2]);
    double off = first + second - whole;

    /* values are at most 1: less than that is rounding; NAN is nothing to halve */
    if (!(fabs(off) > 15 * fmax(tolerance, ROUNDING * width)) || halvings == 0)
        return first + second + off / 15;
    return integrate(of, (double[]){x[0], middle}, (double[]){value[0], left, value[1]},
                     tolerance / 2, halvings - 1) +
           integrate(of, (double[]){middle, x[1]}, (double[]){value[1], right, value[2]},
                     tolerance / 2, halvings - 1);
}

static double integrate_from(const struct integrand *of, double low, double high, double tolerance)
{
    double sum = 0, step = (high - low) / PIECES;

    for (int i = 0; i < PIECES && high > low; i++) {
        const double x[2] = {low + i * step, low + (i + 1) * step};
        const double value[3] = {value_at(of, x[0]), value_at(of, (x[0] + x[1]) / 2),
                                 value_at(of, x[1])};

        sum += integrate(of, x, value, tolerance / PIECES, HALVINGS_MAX);
    }
    return sum;
}

static double score(const struct crps_quadrature_config *config, const struct outcome *outcome,
                    int64_t row, int64_t target)
{
    double y =
        fmin(fmax(outcome->target[row * outcome->n_targets + target], config->low), config->high);
    struct integrand of = {.shape = &outcome->shape,
                           .parameter = outcome_distribution(outcome, row, target)};
    double sum = integrate_from(&of, config->low, y, config->tolerance / 2);

    of.above = true;
    return sum + integrate_from(&of, y, config->high, config->tolerance / 2);
}

static bool crps_quadrature_measure(const void *config, const struct outcome *outcome,
                                    struct evaluation *evaluation, struct error *error)
{
    double sum = 0;

    for (int64_t i = 0; i < outcome->n; i++)
        for (int64_t target = 0; target < outcome->n_targets; target++)
            sum += score(config, outcome, i, target);
    return evaluation_add(evaluation, GOAL_MINIMIZE,
                          sum / (double)(outcome->n * outcome->n_targets), error,
                          "crps_quadrature");
}

const struct metric_kind metric_crps_quadrature = {
    .kind = {.name = "crps_quadrature",
             .help = "crps by numerical integration between limits, for figures that were worked "
                     "out so; crps is exact, and faster.",
             .config_size = sizeof(struct crps_quadrature_config),
             .settings = crps_quadrature_settings,
             .check = crps_quadrature_check},
    .regression = true,
    .needs = METRIC_NEEDS_DENSITY,
    .goal = GOAL_MINIMIZE,
    .measure = crps_quadrature_measure,
};
