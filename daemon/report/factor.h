/*
 * A swept parameter with the values of each of its settings, over the configurations of a summary.
 *
 * A setting's mean is that of its configurations' means. The standard error of a difference of two
 * of them is s sqrt(v1 + v2). In a full grid with replicates, s is pooled over the replicates of
 * each configuration, since both settings saw the same other settings, and v is sum(1 / n) / m^2
 * over the m configurations of a setting with n replicates each. Everywhere else the other
 * parameters differ by chance as well: a configuration counts once, however often it ran, s is
 * pooled over the configurations of each setting, and v is 1 / m.
 *
 * Best and worst are the ends of k settings. Where none matters, one in 20 such comparisons finds a
 * difference, whatever k is (interval_of_pairs).
 */
#ifndef NIGHTJAR_DAEMON_REPORT_FACTOR_H
#define NIGHTJAR_DAEMON_REPORT_FACTOR_H

#include "daemon/report/summary.h"

#define FACTOR_LEVELS_LIMIT 20
#define FACTOR_LEVEL_TEXT 64

struct factor_moments { /* updated value by value (Welford) */
    size_t n;
    double mean, squares; /* of deviations from the mean */
};

struct factor_level {
    const cJSON *value;           /* borrowed */
    char text[FACTOR_LEVEL_TEXT]; /* the value, as far as it fits */
    size_t n;                     /* what counts: replicates in a full grid, else configurations */
    double variance;              /* of the mean, in units of s^2: v of above */
    struct factor_moments over;   /* its configurations' means */
    size_t replicates;            /* of all of them */
    double inverse;               /* sum of 1 / n over them */
    double best;                  /* the best of their means */
    bool marked;
    char mark[32];
};

struct factor {
    const char *name; /* borrowed */
    struct factor_level level[FACTOR_LEVELS_LIMIT];
    size_t n;
    double spread;  /* s of above; NaN: too few values */
    size_t freedom; /* of it */
    bool overflow;  /* more settings than can be told in a sentence */
};

/* Borrows from the summary. `honest`: configurations that carry a mark are left out. `full_grid`:
 * what factor_full_grid said of the same configurations. */
bool factor_read(const struct summary *summary, const char *name, bool honest, bool full_grid,
                 struct factor *ret_factor, struct error *error);
/* Every combination of the settings that there are, each with a value. */
bool factor_full_grid(const struct summary *summary, bool honest, bool *ret_full,
                      struct error *error);
/* Whether there is anything to compare. */
bool factor_comparable(const struct factor *factor);
/* By how many standard errors the ends of a comparable factor differ where none of its settings
 * matters: by more in one batch of 20. */
double factor_limit(const struct factor *factor);
/* Whether the best and the worst setting of a comparable factor differ by more than that. */
bool factor_differs(const struct summary *summary, const struct factor *factor,
                    const struct factor_level **ret_best, const struct factor_level **ret_worst,
                    double *ret_error);

#endif
