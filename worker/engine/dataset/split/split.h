/*
 * Which rows are for training, validation and test: decided before anything is shuffled or fitted,
 * a function of the settings, the rows and the seed. Parts are disjoint; where data.group is named
 * no group lies in two parts, and windows of two parts have no row in common, unless allow_leak
 * says why.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SPLIT_SPLIT_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SPLIT_SPLIT_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/json.h"
#include "worker/engine/dataset/data.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/dataset/window.h"

#include <stdint.h>

struct split_plan {     /* all-zero is a valid empty one */
    struct split split; /* owned: samples */
    struct split rows;  /* owned: the rows they are made of, where they are windows; until
                           split_forget_rows() */
    bool windows;       /* samples are windows */
    const char *by;     /* static */
    uint64_t seed;      /* that decided */
    int64_t n_unused;   /* samples of no part */
    int64_t n_unnamed;  /* rows whose value of data.split.column should name their part, and
                           names none */
    int32_t n_unnamed_values;
    const char *unnamed;                /* borrowed from the data set: the first such value */
    int64_t n_left_out;                 /* rows, by data.where */
    struct buffer left_out;             /* owned: by which of its conditions, in words */
    int64_t n_groups[SPLIT_PART_COUNT]; /* of data.group (else data.split.group); 0: none named */
    int64_t n_shared_groups;            /* of data.group, in several parts: a leak */
    int64_t n_shared_rows;              /* of such groups, or of windows of several parts */
};
void split_plan_release(struct split_plan *plan);

/* Errors are at data.split...: a part that is empty, a value or row that is not there, a leak. */
bool split_make(const struct data_config *config, const char *cwd, const struct dataset *dataset,
                const struct window_config *window, uint64_t seed, struct split_plan *ret_plan,
                struct error *error);

/* The rows that anything may be fitted on: those of training, each once. */
const struct split *split_fit_rows(const struct split_plan *plan);

/* They are many, and not needed once all is fitted. */
void split_forget_rows(struct split_plan *plan);

/* What may look along recordings, now that parts are dealt out: no row of a part sees one of
 * another. Where windows of several parts share rows, which allow_leak admits, recordings stay
 * whole. */
bool split_stretches(const struct split_plan *plan, const struct dataset *dataset,
                     struct stretches *ret_stretches, struct error *error);

/* Replaces the file by {by, seed, rows, train:[row...], valid:[...], test:[...]}; of windows by
 * {by, ..., windows:{train:[[first, n, stride]...], ...}}. Durable. */
bool split_write(const struct split_plan *plan, const struct dataset *dataset, const char *path,
                 struct error *error);
struct split_stored {
    int64_t n_rows; /* of the data */
    bool windows;   /* parts list what windows predict, by rows of the data set; else rows by their
                       number in the file */
    struct split split; /* owned */
};
/* What split_write() wrote, as a text; CORRUPT where it is something else. */
bool split_read(const char *text, size_t size, struct split_stored *ret_stored,
                struct error *error);
void split_stored_release(struct split_stored *stored); /* all-zero is fine */
/* The fields of the event "split". */
cJSON *split_event(const struct split_plan *plan);

/* Files that the split reads: appends their paths. */
bool split_sources(const struct data_config *config, const char *cwd, cJSON *list,
                   struct error *error);

#endif
