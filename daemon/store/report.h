/* What the reports read. SQL stays in report.c. */
#ifndef NIGHTJAR_DAEMON_STORE_REPORT_H
#define NIGHTJAR_DAEMON_STORE_REPORT_H

#include "daemon/store/store.h"

struct store_batch_head {
    int64_t id, first, last;
    int64_t created_ms, ended_ms; /* ended 0: not yet */
    char *name;                   /* owned */
    char *question, *expectation; /* owned; NULL: none */
    char *metric;                 /* owned: sweep.goal; NULL: none */
    bool minimize;                /* of metric */
    cJSON *base;                  /* owned */
    cJSON *sweep;                 /* owned; NULL: none */
    char *broken;                 /* owned: why its rest was held; NULL: it was not */
};
void store_batch_head_release(struct store_batch_head *head);
bool store_batch_head(struct store *store, int64_t batch, struct store_batch_head *ret_head,
                      struct error *error); /* NOT_FOUND */

bool store_batch_of(struct store *store, int64_t experiment, int64_t *ret_batch,
                    struct error *error); /* NOT_FOUND */
/* {state: n} of one batch; caller owns. */
bool store_batch_counts(struct store *store, int64_t batch, cJSON **ret_counts,
                        struct error *error);
/* Appends {time, text} for each note about the batch itself. */
bool store_batch_notes(struct store *store, int64_t batch, cJSON *list, struct error *error);
/* Parameters as people read them: labels instead of labelled values. `text` NULL: {}. */
bool store_readable_parameters(const char *text, cJSON **ret_parameters, struct error *error);

/* Batches that are not ended, or were made or ended since then. */
bool store_recent_batches(struct store *store, int64_t since_ms, struct store_ids *ret_ids,
                          struct error *error);

struct store_batch_tally {
    int64_t first, last, failures; /* experiments */
};
bool store_batch_tally(struct store *store, int64_t batch, struct store_batch_tally *ret_tally,
                       struct error *error); /* NOT_FOUND */

struct store_outcome { /* texts are borrowed for the visit */
    int64_t id, batch, seed, replicate, runs;
    enum experiment_state state;
    enum experiment_verdict verdict;
    const char *name, *configuration;
    const char *parameters, *marks, *message; /* NULL: none; the first two are JSON */
    double value, naive;                      /* of the metric asked for; NaN: none */
    double wall_s, cpu_s;                     /* of all its runs */
    double wasted_s;                          /* of runs that came to nothing */
    int64_t started_ms, ended_ms;             /* of its first and its last run; 0: not yet */
};
typedef bool store_outcome_visit(const struct store_outcome *outcome, void *context,
                                 struct error *error);
/* Every experiment from `first` to `last`, in order. The visit must not ask for outcomes. */
bool store_outcomes(struct store *store, int64_t first, int64_t last, const char *metric,
                    store_outcome_visit *visit, void *context, struct error *error);

/* Whether any of them has a value of it. */
bool store_has_metric(struct store *store, int64_t first, int64_t last, const char *metric,
                      bool *ret_has, struct error *error);
/* Which direction of it is better, as the first of them says that says it. */
bool store_metric_goal(struct store *store, int64_t first, int64_t last, const char *metric,
                       bool *ret_said, bool *ret_minimize, struct error *error);
/* The one reported first as final, else the one reported first; "" where there is none. */
bool store_first_metric(struct store *store, int64_t first, int64_t last, char *ret_metric,
                        size_t size, struct error *error);
/* The spec in force; caller owns. NOT_FOUND. */
bool store_spec(struct store *store, int64_t experiment, cJSON **ret_spec, struct error *error);
/* {name: value} of all results of one experiment; caller owns. */
bool store_results(struct store *store, int64_t experiment, cJSON **ret_results,
                   struct error *error);
/* What runs of a range warned of, and what they noted, in the order of their ids; no text twice of
 * one. The text is borrowed for the visit. */
typedef bool store_text_visit(const char *text, int64_t experiment, void *context,
                              struct error *error);
bool store_warnings(struct store *store, int64_t first, int64_t last, store_text_visit *visit,
                    void *context, struct error *error);
bool store_remarks(struct store *store, int64_t first, int64_t last, store_text_visit *visit,
                   void *context, struct error *error);
/* What people noted about experiments of a range, grouped by text: appends {text, count,
 * experiments, links?} to `list`, at most `limit` of them with at most 20 ids each. */
bool store_notes(struct store *store, int64_t first, int64_t last, int64_t limit, cJSON *list,
                 struct error *error);
/* What of a batch was dropped when the time of its sweep was used up, in the same way: one text or
 * none. */
bool store_dropped(struct store *store, int64_t batch, cJSON *list, struct error *error);

/* ---- the journal ---- */

/* Appends, the newest first, at most `limit` hits {batch, matches: [{where, text, experiment?,
 * count?}]} whose texts have all the words in them; at most 50 matches each. `experiment` is the
 * first of the `count` that have this text. */
bool store_search(struct store *store, const cJSON *words, int64_t limit, cJSON *hits,
                  struct error *error);
/* Appends {id or batch, by} for what a batch belongs together with, at most 50: what its notes
 * point at ("note"), whose notes point at it ("noted"), what it waited for ("after"), and what
 * waited for it ("before"). */
bool store_links(struct store *store, const struct store_batch_head *head, cJSON *list,
                 struct error *error);

/* What `why` tells of one in line. */
struct store_place {
    struct scheduler_candidate candidate;
    int64_t blocked; /* dependencies that are still to end */
    int64_t before;  /* in line before it */
    int64_t retries_left;
    int64_t not_before_ms; /* 0: at once */
};
bool store_place(struct store *store, int64_t experiment, struct store_place *ret_place,
                 struct error *error);
/* Appends a sentence for each dependency that is still to end or has failed; at most 20. */
bool store_explain_dependencies(struct store *store, int64_t experiment, cJSON *reasons,
                                struct error *error);
/* The first of the range that is in line; 0: none. */
bool store_first_queued(struct store *store, int64_t first, int64_t last, int64_t *ret_id,
                        struct error *error);

#endif
