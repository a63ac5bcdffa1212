/*
 * Experiments of a batch, grouped by configuration: what a report says of them.
 *
 * What differs in its resources alone is another configuration here, where nothing was swept: the
 * key that the store has is blind to them, for it tells what fails alike.
 *
 * A configuration's score is the mean over its replicates that are done, each seed once; `sd` is
 * the sample deviation (n - 1). Marks such as LEAK are the union over all its experiments.
 */
#ifndef NIGHTJAR_DAEMON_REPORT_SUMMARY_H
#define NIGHTJAR_DAEMON_REPORT_SUMMARY_H

#include "daemon/report/metric.h"
#include "daemon/report/texts.h"

struct summary_group {
    uint64_t key;       /* hash of configuration and parameters, and of resources that differ */
    uint64_t resources; /* hash, once a second one had the same key; 0: nobody has asked yet */
    cJSON *parameters;  /* owned: readable */
    cJSON *marks;       /* owned: a list, no text twice */
    cJSON *ids;         /* owned: at most 100 */
    char name[128];     /* of its first experiment */
    double *value;      /* owned: of those that are done, a seed once */
    size_t n, capacity;
    double naive; /* the mean of theirs: each may have rows of its own; NaN: none */
    double naive_sum;
    size_t n_naive; /* of those n, that have one */
    double wall_s;  /* of those n, in all their runs */
    int64_t best_id;
    double best_value, best_naive; /* naive NaN: none */
};

struct summary {
    struct report_metric metric;   /* as it is shown, as are all values */
    struct report_metric reported; /* as the store has it */
    double factor;                 /* between the two */
    const char *learner;           /* borrowed: the sweep's method, where it learns; NULL: none */
    struct summary_group *group;   /* owned */
    size_t n, capacity;
    size_t *slot; /* owned: index + 1 of the group, by key; 0: free */
    size_t n_slots;
    struct texts failures;
    double wall_s, cpu_s, wasted_s;
    double done_wall_s;           /* of those that are done */
    int64_t started_ms, ended_ms; /* of the first and the last of its runs; 0: none */
    int64_t done, waiting, live;
};

void summary_release(struct summary *summary);
/* `scale`: see scale.h; NULL: numbers as they are. */
bool summary_make(struct store *store, const struct store_batch_head *head, const cJSON *scale,
                  struct summary *ret_summary, struct error *error);
/* Best first; those without a score last. */
void summary_sort(struct summary *summary);
double summary_mean(const struct summary_group *group); /* NaN: n == 0 */
double summary_sd(const struct summary_group *group);   /* NaN: n < 2 */
double summary_half(const struct summary_group *group); /* of the mean's 95 % interval; alike */
/* "split=group units=32" */
bool summary_label(const struct summary_group *group, struct buffer *out, struct error *error);

/* finding.c: appends sentences about each swept parameter to `list`: whether its settings differ by
 * more than chance may; of a method that learns, what was best of two of them. */
bool summary_find(const struct summary *summary, cJSON *list, struct error *error);
/* curve.c: appends a sentence about more training rows than were tried, where a batch varies their
 * number and nothing else. */
bool summary_extrapolate(const struct summary *summary, cJSON *list, struct error *error);
/* outlier.c: appends a sentence about targets that score worse than the others, where a batch
 * varies the target and nothing else. */
bool summary_outliers(const struct summary *summary, cJSON *list, struct error *error);
/* next.c: appends what to try next to `list`, for a batch that has ended. Wants the groups sorted.
 */
bool summary_suggest(struct store *store, const struct summary *summary, int64_t batch, cJSON *list,
                     struct error *error);

#endif
