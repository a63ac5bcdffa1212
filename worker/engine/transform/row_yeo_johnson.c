/*
 * Yeo and Johnson's power transform (yeo_johnson.h) with an exponent for each sample: the one that
 * makes the sample's own values, of the chosen columns in all of its steps, most like a normal
 * distribution. Nothing is learnt from other samples.
 *
 * The likelihood is -n/2 log var(y) + (k - 1) sum sign(x) log(1 + |x|); its maximum is looked for
 * by Brent's method (Algorithms for Minimization without Derivatives, 1973, chapter 5).
 */
#include "worker/engine/transform/kinds.h"
#include "worker/engine/transform/yeo_johnson.h"

#include <math.h>
#include <string.h>

#define GOLDEN 0.3819660112501051 /* (3 - sqrt 5) / 2 */
#define FARTHEST 100.0            /* an exponent */
#define KEPT 7.0 /* powers of e^-7 are a thousandth: three of a float's seven digits are spent */
#define CLOSE_ENOUGH 1e-9
#define MOST_STEPS 100

struct row_yeo_johnson_config {
    struct transform_config base;
};

static const struct setting row_yeo_johnson_settings[] = {
    TRANSFORM_SETTINGS(struct row_yeo_johnson_config),
    {0},
};

static bool fit(struct fitting *fitting, struct error *error)
{
    return transform_give_state(fitting->transform, 0, error);
}

/* The values of one sample, where they lie in a block. */
struct sample {
    const struct transform *transform;
    struct block *block;
    int64_t number;
};

static double *steps_of(const struct sample *sample, int64_t i)
{
    return block_column(sample->block, sample->transform->column[i]) +
           sample->number * sample->block->steps;
}

/* What is made small: the negative likelihood by value, but for a constant. */
static double cost(const struct sample *sample, double k, double tilt)
{
    double mean = 0, squares = 0, n = 0;

    for (int64_t i = 0; i < sample->transform->n_columns; i++) {
        const double *x = steps_of(sample, i);

        for (int64_t t = 0; t < sample->block->steps; t++) {
            double y, distance;

            if (isnan(x[t]))
                continue;
            y = yeo_johnson(k, x[t]);
            distance = y - mean;
            mean += distance / ++n;
            squares += distance * (y - mean);
        }
    }
    return n / 2 * log(squares / n) - (k - 1) * tilt;
}

/* The exponents that overflow nothing and keep values apart, and the sum of sign(x) log(1 + |x|).
 * Far below 0 all positive values become 1 / |k|, as far above 2 all negative ones become one:
 * a variance of rounding errors, which would look like the best of all. False: the values are all
 * the same, and any exponent is as good. */
static bool look(const struct sample *sample, double *ret_low, double *ret_high, double *ret_tilt)
{
    double least = (double)INFINITY, most = -(double)INFINITY;
    double positive = (double)INFINITY, negative = -(double)INFINITY; /* the nearest to 0 */

    *ret_tilt = 0;
    for (int64_t i = 0; i < sample->transform->n_columns; i++) {
        const double *x = steps_of(sample, i);

        for (int64_t t = 0; t < sample->block->steps; t++) {
            least = fmin(least, x[t]);
            most = fmax(most, x[t]);
            positive = x[t] > 0 ? fmin(positive, x[t]) : positive;
            negative = x[t] < 0 ? fmax(negative, x[t]) : negative;
            *ret_tilt += isnan(x[t]) ? 0 : copysign(log1p(fabs(x[t])), x[t]);
        }
    }
    *ret_low = least < 0 ? fmax(-FARTHEST, 2 - YEO_JOHNSON_HIGHEST / log1p(-least)) : -FARTHEST;
    if (most > 0)
        *ret_low = fmax(*ret_low, -KEPT / log1p(positive));
    *ret_high = most > 0 ? fmin(FARTHEST, YEO_JOHNSON_HIGHEST / log1p(most)) : FARTHEST;
    if (least < 0)
        *ret_high = fmin(*ret_high, 2 + KEPT / log1p(-negative));
    return most > least;
}

struct search {          /* the best three exponents so far */
    double low, high;    /* the maximum lies between */
    double x, w, v;      /* in their order */
    double fx, fw, fv;   /* their costs */
    double step, before; /* the last two */
};

/* A parabola through the three, where it promises more than a golden section. */
static double next_step(const struct search *at, double close)
{
    double middle = (at->low + at->high) / 2;
    double r = (at->x - at->w) * (at->fx - at->fv), q = (at->x - at->v) * (at->fx - at->fw);
    double p = (at->x - at->v) * q - (at->x - at->w) * r;

    q = 2 * (q - r);
    p = q > 0 ? -p : p;
    q = fabs(q);
    if (fabs(at->before) > close && fabs(p) < fabs(0.5 * q * at->before) &&
        p > q * (at->low - at->x) && p < q * (at->high - at->x))
        return p / q;
    return GOLDEN * ((at->x < middle ? at->high : at->low) - at->x);
}

static void take(struct search *at, double u, double fu)
{
    if (fu <= at->fx) {
        *(u < at->x ? &at->high : &at->low) = at->x;
        at->v = at->w, at->fv = at->fw;
        at->w = at->x, at->fw = at->fx;
        at->x = u, at->fx = fu;
        return;
    }
    *(u < at->x ? &at->low : &at->high) = u;
    if (fu <= at->fw || at->w == at->x) {
        at->v = at->w, at->fv = at->fw;
        at->w = u, at->fw = fu;
    } else if (fu <= at->fv || at->v == at->x || at->v == at->w) {
        at->v = u, at->fv = fu;
    }
}

static double best_exponent(const struct sample *sample)
{
    struct search at = {0};
    double tilt;

    if (!look(sample, &at.low, &at.high, &tilt))
        return 1;
    at.x = at.w = at.v = at.low + GOLDEN * (at.high - at.low);
    at.fx = at.fw = at.fv = cost(sample, at.x, tilt);
    for (int i = 0; i < MOST_STEPS; i++) {
        double close = CLOSE_ENOUGH * fmax(1, fabs(at.x)), step;

        if (fabs(at.x - (at.low + at.high) / 2) <= 2 * close - (at.high - at.low) / 2)
            break;
        step = next_step(&at, close);
        at.before = at.step;
        at.step = fabs(step) >= close ? step : copysign(close, step);
        take(&at, at.x + at.step, cost(sample, at.x + at.step, tilt));
    }
    return at.x;
}

static void apply(const struct transform *transform, const struct block *in, struct block *out)
{
    memcpy(out->value, in->value, (size_t)(block_rows(in) * in->width) * sizeof(*out->value));
    for (int64_t number = 0; number < out->n; number++) {
        const struct sample sample = {.transform = transform, .block = out, .number = number};
        double k = best_exponent(&sample);

        for (int64_t i = 0; i < transform->n_columns; i++) {
            double *x = steps_of(&sample, i);

            for (int64_t t = 0; t < out->steps; t++)
                x[t] = yeo_johnson(k, x[t]);
        }
    }
}

const struct transform_kind transform_row_yeo_johnson = {
    .kind = {.name = "row_yeo_johnson",
             .help = "Yeo and Johnson's power transform with an exponent for each sample, that "
                     "makes its own values, of all columns and steps, most like a normal "
                     "distribution.",
             .config_size = sizeof(struct row_yeo_johnson_config),
             .settings = row_yeo_johnson_settings},
    .sort = LAYOUT_NUMBERS,
    .n_state = 0,
    .fit = fit,
    .apply = apply,
};
