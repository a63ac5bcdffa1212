/*
 * Butterworth's band-pass as a cascade of biquads, each in the transposed direct form II:
 *   y = b0 x + s1; s1 = b1 x - a1 y + s2; s2 = b2 x - a2 y
 * State: (sections, then b0 b1 b2 a1 a2 of each). A filter begins at rest in the first value, so
 * that a constant does not ring. A missing value stays missing, and the filter begins anew behind
 * it.
 *
 * The analog prototype's poles lie on the unit circle; to a band they go in pairs, and by the
 * bilinear transform, with frequencies warped beforehand, into the z plane. Each section has a pair
 * of conjugate poles and zeros at 1 and -1, and a gain of 1 in the middle of the band.
 */
#include "worker/engine/transform/kinds.h"

#include <complex.h>
#include <math.h>

#define ORDER_MAX 8
#define SECTION 5

struct band_pass_config {
    struct transform_config base;
    double low, high, rate;
    int64_t order;
};

static const struct setting band_pass_settings[] = {
    TRANSFORM_SETTINGS(struct band_pass_config),
    SETTING_REAL(struct band_pass_config, low, 1, 0, 1e9, SETTING_OPEN_LOW, "Hz",
                 "Where the band begins."),
    SETTING_REAL(struct band_pass_config, high, 40, 0, 1e9, SETTING_OPEN_LOW, "Hz",
                 "Where it ends; below half the rate."),
    SETTING_REAL(struct band_pass_config, rate, 0, 0, 1e9, 0, "1/s",
                 "Steps in a second; 0: data.rate."),
    SETTING_INTEGER(struct band_pass_config, order, 4, 1, ORDER_MAX, "",
                    "Poles of each edge of the band."),
    {0},
};

static bool check_band(const struct band_pass_config *band, double rate, const char *path,
                       struct error *error)
{
    if (band->low < band->high && band->high < rate / 2)
        return true;
    return error_set_at(error, ERROR_INVALID, path,
                        "low (%g) has to be below high (%g), and that below half the rate (%g)",
                        band->low, band->high, rate / 2);
}

/* A rate that data.rate has to tell is known when it is fitted. */
static bool check(const void *config, const char *path, struct error *error)
{
    const struct band_pass_config *band = config;

    return check_band(band, band->rate > 0 ? band->rate : (double)INFINITY, path, error);
}

static void put_section(double complex one, double complex other, double middle, double *section)
{
    double complex z = cexp(I * middle);
    double a1 = -creal(one + other), a2 = creal(one * other);
    double gain = cabs((1 + a1 / z + a2 / (z * z)) / (1 - 1 / (z * z)));

    section[0] = gain;
    section[1] = 0;
    section[2] = -gain;
    section[3] = a1;
    section[4] = a2;
}

static double complex digital(double complex analog)
{
    return (2 + analog) / (2 - analog);
}

/* What one pole of the prototype becomes, s^2 - pole width s + center^2 = 0, as far as that is not
 * for its conjugate to say. Returns how many sections. */
static int64_t put_pole(double complex prototype, double width, double center, double middle,
                        double *section)
{
    double complex half = prototype * width / 2, root = csqrt(half * half - center * center);
    const double complex pole[] = {half + root, half - root};
    int64_t n = 0;

    if (fabs(cimag(prototype)) < 1e-9 && width / 2 >= center) { /* both are real */
        put_section(digital(pole[0]), digital(pole[1]), middle, section);
        return 1;
    }
    for (int i = 0; i < 2; i++)
        if (cimag(pole[i]) > 0) {
            double complex z = digital(pole[i]);

            put_section(z, conj(z), middle, section + SECTION * n++);
        }
    return n;
}

/* ret: [1 + SECTION * order] */
static void design(const struct band_pass_config *config, double rate, double *ret)
{
    double low = 2 * tan(M_PI * config->low / rate);
    double high = 2 * tan(M_PI * config->high / rate);
    double center = sqrt(low * high), middle = 2 * atan(center / 2);
    int64_t n = 0;

    for (int64_t i = 0; i < config->order; i++) {
        double angle = M_PI * (double)(2 * i + config->order + 1) / (double)(2 * config->order);

        n += put_pole(cexp(I * angle), high - low, center, middle, ret + 1 + SECTION * n);
    }
    ret[0] = (double)n;
}

static bool choose_rate(const struct fitting *fitting, double *ret, struct error *error)
{
    const struct band_pass_config *config = fitting->config;

    *ret = config->rate > 0 ? config->rate : fitting->rate;
    if (*ret == 0)
        return error_set_at(
            error, ERROR_INVALID, fitting->path,
            "rate is left out, and data.rate does not say how many of these steps a "
            "second has");
    if (fitting->rate > 0 && *ret != fitting->rate)
        warning_add(fitting->warnings, fitting->path, *ret,
                    "the rate is %g where data.rate is %g: the band lies elsewhere if that is "
                    "right",
                    *ret, fitting->rate);
    return check_band(config, *ret, fitting->path, error);
}

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct band_pass_config *config = fitting->config;
    double rate;

    if (!choose_rate(fitting, &rate, error) ||
        !transform_give_state(fitting->transform, 1 + SECTION * config->order, error))
        return false;
    for (int64_t i = 0; i < fitting->transform->n_columns; i++)
        design(config, rate, transform_state(fitting->transform, i));
    return true;
}

static void pass(const double *section, double *x, int64_t n)
{
    double b0 = section[0], b1 = section[1], b2 = section[2], a1 = section[3], a2 = section[4];
    double rest = x[0] * (b0 + b1 + b2) / (1 + a1 + a2); /* what a constant settles at */
    double s2 = b2 * x[0] - a2 * rest, s1 = b1 * x[0] - a1 * rest + s2;

    for (int64_t i = 0; i < n; i++) {
        double in = x[i], out = b0 * in + s1;

        s1 = b1 * in - a1 * out + s2;
        s2 = b2 * in - a2 * out;
        x[i] = out;
    }
}

static void map(const double *state, int64_t n_state, double *x, int64_t n)
{
    (void)n_state;
    for (int64_t first = 0, end; first < n; first = end + 1) {
        for (end = first; end < n && !isnan(x[end]);)
            end++;
        for (int64_t i = 0; i < (int64_t)state[0] && end > first; i++)
            pass(state + 1 + SECTION * i, x + first, end - first);
    }
}

const struct transform_kind transform_band_pass = {
    .kind = {.name = "band_pass",
             .help = "Butterworth's filter: what is slower or faster than the band goes. It looks "
                     "only back, and takes no missing values: impute goes before it.",
             .config_size = sizeof(struct band_pass_config),
             .settings = band_pass_settings,
             .check = check},
    .along = true,
    .needs_values = true,
    .n_state = TRANSFORM_STATE_VARIES,
    .fit = fit,
    .map = map,
};
