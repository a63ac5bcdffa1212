/*
 * One way of splitting: it gives each row a part. Lists, counts and the search for leaks are made
 * from that by split.c, whatever the way.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SPLIT_KIND_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SPLIT_KIND_H

#include "common/error.h"
#include "worker/engine/dataset/data.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/dataset/window.h"

#include <stdbool.h>
#include <stdint.h>

#define SPLIT_NO_PART ((int8_t)-1)
#define SPLIT_LEFT_OUT ((int8_t)-3) /* by data.where, once all have their parts */

struct splitting {
    const struct data_config *config;
    const char *cwd;
    const struct dataset *dataset;
    const struct window_config *window; /* NULL: the samples are rows */
    uint64_t seed;
    int8_t *part;                        /* [n_rows]: of enum split_part, or SPLIT_NO_PART */
    const cJSON *said[SPLIT_PART_COUNT]; /* borrowed from the config; NULL: left out */
    struct error *error;
};

enum split_reads { /* settings of data.split that not every kind reads */
                   SPLIT_READS_GROUP = 1,
                   SPLIT_READS_COLUMN = 2,
                   SPLIT_READS_STRATIFIED = 4,
                   SPLIT_READS_WINDOWS = 8,
                   SPLIT_READS_FOLDS = 16,
                   SPLIT_READS_FOLD = 32,
};

struct split_kind {
    struct kind kind;
    unsigned reads;   /* of enum split_reads; a kind that reads "group" needs one */
    bool shares;      /* the parts' shares add up to 1 at most */
    bool single;      /* without blocks single samples are dealt out, not rows */
    bool names_files; /* the column that decides is the one that names the rows' files */
    bool reads_files; /* a part is a file, which the run depends on */
    /* What is wrong with what is said of a part; where folds decide of validation alone. */
    void (*check_part)(const cJSON *said, const char *path, struct diagnostics *diagnostics);
    /* Whether parts are lists, so that a share of what they leave may validate; NULL: never. */
    bool (*lists)(const struct split_config *split);
    void (*check)(const struct data_config *config, struct diagnostics *diagnostics); /* or NULL */
    /* Gives at->part to rows, all of which have none before. */
    bool (*deal)(struct splitting *at);
};

extern const struct kind_registry split_registry;

/* For the kinds' checks. */
bool split_is_share(const cJSON *said);  /* a number from 0 to 1 */
bool split_is_values(const cJSON *said); /* a list of texts, numbers or booleans, or one of them */
bool split_is_names(const cJSON *said);  /* a list of texts, or one */
bool split_always_lists(const struct split_config *split);
void split_check_share(const cJSON *said, const char *path, struct diagnostics *diagnostics);
/* The share of what folds leave. */
void split_check_fold(const cJSON *said, const char *path, struct diagnostics *diagnostics);

#endif
