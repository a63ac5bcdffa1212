/*
 * A swept parameter with the values of each of its settings, over the configurations of a summary.
 *
 * The standard error of a difference of two means is s sqrt(1/n1 + 1/n2). In a full grid with
 * replicates, s is pooled over the replicates of each configuration, since both settings saw the
 * same other settings. Everywhere else the other parameters differ by chance as well, and s is
 * pooled over all values of each setting.
 */
#ifndef NIGHTJAR_DAEMON_REPORT_FACTOR_H
#define NIGHTJAR_DAEMON_REPORT_FACTOR_H

#include "daemon/report/summary.h"

#define FACTOR_LEVELS_LIMIT 20
#define FACTOR_LEVEL_TEXT 64

struct factor_level {
    const cJSON *value;           /* borrowed */
    char text[FACTOR_LEVEL_TEXT]; /* the value, as far as it fits */
    size_t n;
    double mean, squares; /* of deviations from the mean; updated value by value (Welford) */
    bool marked;
    char mark[32];
};

struct factor {
    const char *name; /* borrowed */
    struct factor_level level[FACTOR_LEVELS_LIMIT];
    size_t n;
    bool honest;   /* configurations that carry a mark are left out */
    bool overflow; /* more settings than can be told in a sentence */
};

/* Borrows from the summary. */
bool factor_read(const struct summary *summary, const char *name, bool honest,
                 struct factor *ret_factor, struct error *error);
/* Every combination of the settings that there are, each with a value. */
bool factor_full_grid(const struct summary *summary, bool *ret_full, struct error *error);
/* s of above; NaN: too few values. */
double factor_spread(const struct summary *summary, const struct factor *factor, bool full_grid);
/* The standard error of the difference of their means. */
double factor_error(double spread, const struct factor_level *a, const struct factor_level *b);
/* n > 0. */
void factor_ends(const struct summary *summary, const struct factor *factor,
                 const struct factor_level **ret_best, const struct factor_level **ret_worst);

#endif
