/*
 * What a column is like, found in one pass and bounded memory: exact counts, range, mean and
 * deviation; quantiles and a histogram from the rows that are sampled (all of them where the table
 * is small).
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SUMMARY_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SUMMARY_H

#include "common/error.h"
#include "worker/engine/dataset/dictionary.h"
#include "worker/engine/dataset/source/source.h"

#include <stdbool.h>
#include <stdint.h>

#define SUMMARY_BINS 24
#define SUMMARY_TEXTS_MAX 10000 /* different texts that are counted */

struct column_summary {
    int64_t n, n_missing; /* values */
    /* of numbers */
    double mean, square; /* square: sum of squared deviations */
    double minimum, maximum;
    double last; /* of the row before; NAN: none */
    double largest_step;
    int64_t largest_step_row;
    /* of texts */
    struct dictionary texts;
    int64_t *count; /* owned, of each text */
    int32_t count_room;
    bool many_texts; /* more than are counted */
};

struct table_summary {             /* all-zero is a valid empty one */
    struct column_summary *column; /* owned, [n_columns] */
    int64_t n_columns;
    /* Sampled rows, in no order: value[column][i], texts by their code in the summary (-1: missing
     * or not counted). */
    double **sample; /* owned, each too */
    int64_t n_sampled, room;
};

/* NO_MEMORY. The source has been profiled. */
bool summary_init(struct table_summary *summary, const struct source *source, struct error *error);
void summary_release(struct table_summary *summary);
/* Chunks of the source in order; texts are coded as the summary's dictionaries have them. */
bool summary_add(struct table_summary *summary, const struct source *source,
                 const struct source_chunk *chunk, struct error *error);

double summary_deviation(const struct column_summary *column);
/* Sorted values of a sampled column without those that are missing; *ret_n of them. NULL: no
 * memory. Caller owns. */
double *summary_sorted(const struct table_summary *summary, int64_t column, int64_t *ret_n);
double summary_quantile(const double *sorted, int64_t n, double share); /* NAN where n is 0 */
/* Shares of the sorted values between their 0.5 % and 99.5 % quantiles. */
void summary_histogram(const double *sorted, int64_t n, double ret_share[SUMMARY_BINS]);
/* The share of a column's variance that lies between the groups of its rows (of: for each sampled
 * row its group, below 0: none): 1: it tells the group. NAN where there is nothing to tell. */
double summary_between(const struct table_summary *summary, int64_t column, const double *of,
                       int32_t n_groups);
/* Whether a row is among the sample, which has room for it while n_sampled < room. */
bool summary_is_sampled(const struct table_summary *summary, const struct source *source,
                        int64_t row);

#endif
