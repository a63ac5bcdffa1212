/* Distributions: against the requirements' check values, numeric integration, and themselves. */
#include "tests/unit/engine/fixture.h"

#include "worker/engine/distribution.h"

#define NORMAL DISTRIBUTION_NORMAL
#define LOG_NORMAL DISTRIBUTION_LOG_NORMAL

static void assert_close(double value, double expected, double off)
{
    if (!(fabs(value - expected) <= off))
        fail_msg("%.12g is not %.12g", value, expected);
}

static double single_crps(enum distribution_family family, double y, double mu, double sigma)
{
    const struct distribution_shape shape = {.family = family, .n = 1};
    const double parameter[] = {1, mu, sigma};

    return distribution_crps(&shape, parameter, y);
}

static void scores_of_one_density_have_their_check_values(void **state)
{
    (void)state;
    assert_close(single_crps(NORMAL, 0.5, 0, 1), 0.33140353, 1e-8);
    assert_close(single_crps(LOG_NORMAL, 3, 0.1, 0.9), 1.13552645, 1e-8);
    assert_close(single_crps(LOG_NORMAL, 60, 4.2, 0.3), 5.64492464, 1e-8);
    assert_close(single_crps(LOG_NORMAL, 120, 4.5, 0.5), 17.88072112, 1e-8);
    assert_true(isnan(single_crps(LOG_NORMAL, 0, 0.1, 0.9)));
}

static const struct distribution_shape three = {.family = LOG_NORMAL, .n = 3};
static const double mixture[] = {0.3, 0.5, 0.2, 3.5, 4.3, 5, 0.2, 0.35, 0.5};

static void scores_of_a_mixture_have_their_check_values(void **state)
{
    (void)state;
    assert_close(distribution_crps(&three, mixture, 20), 32.46371931, 1e-8);
    assert_close(distribution_crps(&three, mixture, 75), 11.73787316, 1e-8);
    assert_close(distribution_crps(&three, mixture, 200), 95.62878273, 1e-8);
}

/* CRPS is the integral of (share below x - [x >= y])^2. */
static double integrated(const struct distribution_shape *shape, const double *parameter, double y,
                         double low, double high)
{
    const int steps = 200000;
    double step = (high - low) / steps, sum = 0;

    for (int i = 0; i < steps; i++) {
        double x = low + (i + 0.5) * step;
        double off = distribution_below(shape, parameter, x) - (x >= y);

        sum += off * off * step;
    }
    return sum;
}

static void closed_forms_agree_with_integrals(void **state)
{
    const struct distribution_shape two = {.family = NORMAL, .n = 2};
    const double parameter[] = {0.4, 0.6, -1, 2, 0.5, 1.5};

    (void)state;
    for (double y = -2; y < 5; y += 1.7)
        assert_close(distribution_crps(&two, parameter, y), integrated(&two, parameter, y, -20, 25),
                     1e-4);
    assert_close(distribution_crps(&three, mixture, 75), integrated(&three, mixture, 75, 0, 2000),
                 1e-2);
}

static void likelihood_has_its_check_value(void **state)
{
    const struct distribution_shape two = {.family = NORMAL, .n = 2};
    const struct distribution_shape of_log = {.family = LOG_NORMAL, .n = 2};
    const double parameter[] = {0.4, 0.6, 0, 0.5, 1, 0.25};
    const double far[] = {0.5, 0.5, 0, 1, 1e-3, 1e-3};

    (void)state;
    assert_close(distribution_nll(&two, parameter, 0.3), 0.16509300, 1e-8);
    /* that of the logarithm, and the logarithm */
    assert_close(distribution_nll(&of_log, parameter, exp(0.3)), 0.16509300 + 0.3, 1e-8);
    assert_true(isfinite(distribution_nll(&two, far, 500))); /* log-sum-exp: no 0 is taken */
    assert_true(isinf(distribution_nll(&of_log, parameter, -1)));
}

static void quantiles_invert_the_share_below(void **state)
{
    const double quantile[] = {1, 2, 4};
    const double level[] = {0.1, 0.5, 0.9};
    const struct distribution_shape some = {
        .family = DISTRIBUTION_QUANTILES, .n = 3, .level = level};

    (void)state;
    for (double q = 0.01; q < 1; q += 0.07)
        assert_close(distribution_below(&three, mixture, distribution_quantile(&three, mixture, q)),
                     q, 1e-12);
    for (double q = 0.1; q < 0.85; q += 0.1)
        assert_close(distribution_below(&some, quantile, distribution_quantile(&some, quantile, q)),
                     q, 1e-12);
    assert_close(distribution_mean(&some, quantile), 2, 1e-12);
    assert_close(distribution_mean(&three, mixture),
                 0.3 * exp(3.52) + 0.5 * exp(4.3 + 0.35 * 0.35 / 2) + 0.2 * exp(5.125), 1e-9);
    assert_true(isnan(distribution_sd(&some, quantile)));
    /* beyond the outer ones there is nothing */
    assert_close(distribution_quantile(&some, quantile, 0.01), 1, 0);
    assert_close(distribution_quantile(&some, quantile, 0.99), 4, 0);
    assert_close(distribution_below(&some, quantile, 0.99), 0, 0);
    assert_close(distribution_below(&some, quantile, 4), 1, 0);
    assert_true(distribution_reaches(&some, (1 - 0.8) / 2)); /* rounded to below 0.1 */
    assert_false(distribution_reaches(&some, 0.05));
    assert_false(distribution_reaches(&some, 0.95));
    assert_true(distribution_reaches(&three, 0.001));
}

/* Twice the integral of the pinball loss over the levels. */
static double integrated_pinball(const struct distribution_shape *shape, const double *value,
                                 double y)
{
    const int points = 100000;
    double sum = 0;

    for (int i = 0; i < points; i++) {
        double level = (i + 0.5) / points;
        double off = y - distribution_quantile(shape, value, level);

        sum += 2 * (off >= 0 ? level : level - 1) * off / points;
    }
    return sum;
}

static void score_of_quantiles_is_the_integral_of_their_pinball_loss(void **state)
{
    const double level[] = {0.05, 0.3, 0.35, 0.9};
    const double values[][4] = {{1, 2, 4, 4.5}, {-3, 1, 1, 2}, {2, 2, 2, 2}};

    (void)state;
    for (int64_t n = 1; n <= 4; n++) {
        const struct distribution_shape shape = {
            .family = DISTRIBUTION_QUANTILES, .n = n, .level = level};

        for (int k = 0; k < 3; k++)
            for (double y = -4.1; y < 6; y += 0.3) {
                double score = distribution_crps(&shape, values[k], y);

                assert_close(score, integrated_pinball(&shape, values[k], y), 1e-4);
                assert_close(score, integrated(&shape, values[k], y, -5, 7), 1e-3);
            }
    }
    assert_close(
        distribution_crps(
            &(struct distribution_shape){.family = DISTRIBUTION_QUANTILES, .n = 1, .level = level},
            values[0], 3.5),
        2.5, 1e-15); /* of a single one its distance */
}

/* A score is least for what is true: few levels, though extreme, do not look better than many. */
static void score_of_many_quantiles_is_that_of_their_distribution(void **state)
{
    const struct distribution_shape normal = {.family = NORMAL, .n = 1};
    const double standard[] = {1, 0, 1}, outer_level[] = {0.05, 0.95};
    double level[99], value[99], outer_value[2], of_many = 0, of_outer = 0;
    const struct distribution_shape many = {
        .family = DISTRIBUTION_QUANTILES, .n = 99, .level = level};
    const struct distribution_shape outer = {
        .family = DISTRIBUTION_QUANTILES, .n = 2, .level = outer_level};

    (void)state;
    for (int i = 0; i < 99; i++) {
        level[i] = (i + 1) / 100.0;
        value[i] = distribution_quantile(&normal, standard, level[i]);
    }
    for (int i = 0; i < 2; i++)
        outer_value[i] = distribution_quantile(&normal, standard, outer_level[i]);
    for (double y = -2; y <= 2; y += 0.5) {
        double exact = distribution_crps(&normal, standard, y);

        assert_close(distribution_crps(&many, value, y), exact, 0.01 * exact);
    }
    for (int i = 0; i < 99; i++) {
        of_many += distribution_crps(&many, value, value[i]) / 99;
        of_outer += distribution_crps(&outer, outer_value, value[i]) / 99;
    }
    assert_true(of_outer > of_many);
}

static void spread_is_that_of_the_squares(void **state)
{
    const struct distribution_shape shapes[] = {{.family = NORMAL, .n = 2},
                                                {.family = LOG_NORMAL, .n = 2}};
    const double parameter[] = {0.4, 0.6, 1, 2, 0.5, 0.25};

    (void)state;
    for (int s = 0; s < 2; s++) {
        double mean = 0, square = 0, h = 1e-4;

        for (double q = h / 2; q < 1; q += h) { /* the integral over the quantiles */
            double y = distribution_quantile(&shapes[s], parameter, q);

            mean += h * y;
            square += h * y * y;
        }
        assert_close(distribution_mean(&shapes[s], parameter), mean, 2e-3);
        assert_close(distribution_sd(&shapes[s], parameter), sqrt(square - mean * mean), 1e-2);
    }
    /* a single log-normal: sqrt(exp(s^2) - 1) exp(m + s^2 / 2) */
    assert_close(distribution_sd(&(struct distribution_shape){.family = LOG_NORMAL, .n = 1},
                                 (const double[]){1, 3, 0.9}),
                 sqrt(expm1(0.81)) * exp(3 + 0.405), 1e-9);
}

static void fitted_distributions_are_those_of_the_values(void **state)
{
    const double value[] = {1, exp(1), exp(2), -5};
    const double level[] = {0.25, 0.5};
    const struct distribution_shape quantiles = {
        .family = DISTRIBUTION_QUANTILES, .n = 2, .level = level};
    double parameter[9];

    (void)state;
    assert_true(distribution_fit(&three, value, 4, parameter));
    assert_close(parameter[0], 1.0 / 3, 1e-15);
    assert_close(parameter[4], 1, 1e-12);
    assert_close(parameter[7], sqrt(2.0 / 3), 1e-12);
    assert_true(distribution_fit(&quantiles, value, 3, parameter));
    assert_close(parameter[1], exp(1), 1e-12);
    assert_close(parameter[0], (1 + exp(1)) / 2, 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_of_one_density_have_their_check_values),
        cmocka_unit_test(scores_of_a_mixture_have_their_check_values),
        cmocka_unit_test(closed_forms_agree_with_integrals),
        cmocka_unit_test(likelihood_has_its_check_value),
        cmocka_unit_test(quantiles_invert_the_share_below),
        cmocka_unit_test(score_of_quantiles_is_the_integral_of_their_pinball_loss),
        cmocka_unit_test(score_of_many_quantiles_is_that_of_their_distribution),
        cmocka_unit_test(spread_is_that_of_the_squares),
        cmocka_unit_test(fitted_distributions_are_those_of_the_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
