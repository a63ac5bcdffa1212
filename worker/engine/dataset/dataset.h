/*
 * The rows of an experiment, typed and raw: features float32 row by row, labels int32, targets
 * double, ids as they were. Nothing is fitted here; transforms and batches are made from it
 * (transform/preparation.h, dataset/samples.h).
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_DATASET_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_DATASET_H

#include "common/error.h"
#include "worker/engine/dataset/data.h"
#include "worker/engine/dataset/dictionary.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/dataset/series.h"
#include "worker/engine/dataset/table.h"
#include "worker/engine/dataset/warning.h"

#include <stdbool.h>
#include <stdint.h>

struct feature {
    char *name; /* owned */
    bool categorical;
    struct dictionary dictionary; /* categorical: what the codes stand for */
    int64_t n_missing, missing_line;
};

struct dataset {
    char *path; /* owned: the source */
    int64_t n_rows;
    struct series series; /* rows are in its order where there are any */
    double *time;         /* owned, [n_rows]; NULL: no column holds it */
    int64_t *source_row;  /* owned, [n_rows]: the row's number in the file; NULL: the same */

    struct feature *feature; /* owned, [n_features] */
    int64_t n_features;
    float *value; /* owned, [n_rows][n_features]; missing: NAN; categorical: the code */

    enum task task;
    int32_t *label;            /* owned, [n_rows]; NULL in regression */
    struct dictionary classes; /* in order: by value where all are numbers, else by bytes */
    double *target;            /* owned, [n_rows][n_targets]; NULL in classification */
    char **target_name;        /* owned, [n_targets], or one in classification */
    int64_t n_targets;

    struct column *id; /* owned, [n_ids] */
    int64_t n_ids;
    uint64_t *row_id; /* owned, [n_rows]: the row's number, which is its identity for randomness */

    int32_t *group;           /* owned, [n_rows]; NULL: no group is named */
    struct dictionary groups; /* names; several columns joined by '/' */
    int32_t *split_group;     /* owned, [n_rows]; NULL: the same as group */
    struct dictionary split_groups;
    int32_t *split_value; /* owned, [n_rows]: of data.split.column; NULL: none is named */
    struct dictionary split_values;
};

int64_t dataset_file_row(const struct dataset *dataset, int64_t row);

/* The groups that data.split names, else those of data.group. */
const int32_t *dataset_split_group(const struct dataset *dataset,
                                   const struct dictionary **ret_names);

/* Errors name the setting (data.target) or file, line and column. */
bool dataset_import(const struct data_config *config, const char *cwd, struct dataset **ret_dataset,
                    struct warning_list *warnings, struct error *error);

/* New rows for a model: its features, by name, from `path`; no targets. Ids as in the config where
 * the file has them. */
struct feature_wish {
    const char *name;
    bool categorical;
};
bool dataset_import_new(const struct data_config *config, const char *path,
                        const struct feature_wish *wish, int64_t n_wishes,
                        struct dataset **ret_dataset, struct error *error);

void dataset_free(struct dataset **dataset);

/* The row's id (its number where the data have none), as a line of CSV begins. */
struct buffer;
bool dataset_write_id(const struct dataset *dataset, int64_t row, struct buffer *out,
                      struct error *error);
bool dataset_write_id_header(const struct dataset *dataset, struct buffer *out,
                             struct error *error);

#endif
