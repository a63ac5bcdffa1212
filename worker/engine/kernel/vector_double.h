/*
 * Functions of doubles in vectors, included by vector_kernels.h for each instruction set, which
 * defines
 *
 *   DOUBLES, DOUBLE_LANES   a vector of so many doubles
 *   d_set d_add d_sub d_mul d_div d_max d_min d_fma (a b + c) d_fnma (c - a b) d_round d_absolute
 *   d_power (x 2^n) d_log d_load d_store
 *
 * exp: x = n ln 2 + r, |r| <= ln 2 / 2, and the Taylor series of exp r to r^13, whose rest is below
 * 1e-17. log (1 + t), 0 <= t <= 1: twice the series of atanh s, s = t / (2 + t) <= 1/3, to s^35.
 */
INLINE DOUBLES double_exp_of(DOUBLES x)
{
    static const double factor[] = {/* 1 / k!, k = 13 .. 0 */
                                    1.0 / 6227020800,
                                    1.0 / 479001600,
                                    1.0 / 39916800,
                                    1.0 / 3628800,
                                    1.0 / 362880,
                                    1.0 / 40320,
                                    1.0 / 5040,
                                    1.0 / 720,
                                    1.0 / 120,
                                    1.0 / 24,
                                    1.0 / 6,
                                    1.0 / 2,
                                    1.0,
                                    1.0};
    DOUBLES n, r, sum;

    /* beyond these exp is 0 or infinite; the bounds come first so that NaN passes */
    x = d_max(d_set(-746.0), d_min(d_set(710.0), x));
    n = d_round(d_mul(x, d_set(0x1.71547652b82fep+0)));
    r = d_fnma(n, d_set(0x1.abc9e3b39803fp-56), d_fnma(n, d_set(0x1.62e42fefa39efp-1), x));
    sum = d_set(factor[0]);
    for (size_t k = 1; k < sizeof(factor) / sizeof(*factor); k++)
        sum = d_fma(sum, r, d_set(factor[k]));
    return d_power(sum, n);
}

INLINE DOUBLES double_log1p_of(DOUBLES t)
{
    DOUBLES s = d_div(t, d_add(d_set(2.0), t)), square = d_mul(s, s), sum = d_set(1.0 / 35);

    for (int k = 33; k > 0; k -= 2)
        sum = d_fma(sum, square, d_set(1.0 / k));
    return d_mul(d_add(s, s), sum);
}

INLINE DOUBLES double_softplus_of(DOUBLES x)
{
    DOUBLES zero = d_set(0.0);

    return d_add(d_max(zero, x), double_log1p_of(double_exp_of(d_sub(zero, d_absolute(x)))));
}

/* y[n] = of(x[n]); the last ones go by way of a vector of their own. */
#define DOUBLE_FUNCTION(name, of)                                      \
    VECTOR_ISA static void name(double *y, const double *x, int64_t n) \
    {                                                                  \
        int64_t i = 0;                                                 \
                                                                       \
        for (; i + DOUBLE_LANES <= n; i += DOUBLE_LANES)               \
            d_store(y + i, of(d_load(x + i)));                         \
        if (i < n) {                                                   \
            double rest[DOUBLE_LANES] = {0};                           \
                                                                       \
            memcpy(rest, x + i, (size_t)(n - i) * sizeof(*rest));      \
            d_store(rest, of(d_load(rest)));                           \
            memcpy(y + i, rest, (size_t)(n - i) * sizeof(*rest));      \
        }                                                              \
    }

DOUBLE_FUNCTION(vector_exp_double, double_exp_of)
DOUBLE_FUNCTION(vector_softplus_double, double_softplus_of)
DOUBLE_FUNCTION(vector_log_double, d_log)
