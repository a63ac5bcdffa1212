/*
 * The rows of an experiment, typed and raw: features float32 row by row, labels int32, targets
 * double, ids as they were. They lie in one read-only mapping (prepared/view.h), which processes
 * share. Nothing is fitted here; transforms and batches are made from it
 * (transform/preparation.h, dataset/samples.h).
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_DATASET_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_DATASET_H

#include "common/error.h"
#include "common/hash.h"
#include "worker/engine/dataset/data.h"
#include "worker/engine/dataset/dictionary.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/dataset/series.h"
#include "worker/engine/dataset/table.h"
#include "worker/engine/dataset/warning.h"
#include "worker/engine/dataset/where.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct feature {
    char *name; /* owned */
    bool categorical;
    struct dictionary dictionary; /* categorical: what the codes stand for */
    int64_t n_missing;
    char *missing_place; /* owned: of the first one, such as "line 5"; NULL: not known */
};

struct id {                 /* one column of ids */
    char *name;             /* owned */
    const int64_t *integer; /* [n_rows]; NULL: texts */
    const int32_t *code;    /* [n_rows] of the dictionary; -1: missing */
    struct dictionary dictionary;
};

/* Arrays are [n_rows], of the mapping unless it says otherwise. */
struct dataset {
    char *path; /* owned: the source */
    int64_t n_rows;
    struct series series;      /* rows are in its order where there are any */
    const double *time;        /* NULL: no column holds it */
    const int64_t *source_row; /* the row's number in the file; NULL: the same */

    struct feature *feature; /* owned, [n_features] */
    int64_t n_features;
    const float *value; /* [n_rows][n_features]; missing: NAN; categorical: the code */

    enum task task;
    const int32_t *label;      /* -1: missing; NULL in regression */
    struct dictionary classes; /* in order: by value where all are numbers, else by bytes */
    const double *target;      /* [n_rows][n_targets], or of each recording where its rows have the
                                  same; missing: NAN; NULL in classification */
    bool of_series;            /* the latter */
    char **target_name;        /* owned, [n_targets], or one in classification */
    int64_t n_targets;

    struct id *id; /* owned, [n_ids] */
    int64_t n_ids;

    struct where_column *where; /* owned, [n_where]: what data.where looks at */
    int64_t n_where;

    const int32_t *group;       /* NULL: no group is named */
    struct dictionary groups;   /* names; several columns joined by '/' */
    const int32_t *split_group; /* NULL: the same as group */
    struct dictionary split_groups;
    const int32_t *split_value; /* of data.split.column; NULL: none is named */
    struct dictionary split_values;

    char key[HASH_TEXT_SIZE]; /* names content and settings; "": not known */
    char *folder;             /* owned: where they are prepared; NULL: in memory */
    void *mapping;            /* owned; NULL: the arrays are somebody else's */
    size_t mapping_bytes;
    bool locked; /* `lock` says that the file is in use */
    int lock;    /* owned */
};

/* The kernel may have the memory of the rows that were read so far; they are read again from the
 * file where they are looked at. For who goes through all of them: memory stays what it is. */
void dataset_forget_pages(const struct dataset *dataset);

/* The row of `target` that is the row's. */
static inline int64_t dataset_target_row(const struct dataset *dataset, int64_t row)
{
    return dataset->of_series ? series_of(&dataset->series, row) : row;
}
static inline const double *dataset_target(const struct dataset *dataset, int64_t row)
{
    return dataset->target + dataset_target_row(dataset, row) * dataset->n_targets;
}
static inline int64_t dataset_target_rows(const struct dataset *dataset)
{
    return dataset->of_series ? dataset->series.n : dataset->n_rows;
}

int64_t dataset_file_row(const struct dataset *dataset, int64_t row);

/* Whether the row has a class, or all targets. */
bool dataset_is_told(const struct dataset *dataset, int64_t row);
/* Leaves out of the list the rows that have no target (data.missing_targets). */
bool dataset_drop_untold(const struct dataset *dataset, struct row_list *list, struct error *error);

/* The groups that data.split names, else those of data.group. */
const int32_t *dataset_split_group(const struct dataset *dataset,
                                   const struct dictionary **ret_names);

/* In memory. Errors name the setting (data.target) or file, line and column. */
bool dataset_import(const struct data_config *config, const char *cwd, struct dataset **ret_dataset,
                    struct warning_list *warnings, struct error *error);

/* An error that comes of reading the source is the spec's; false. */
bool dataset_blame_source(struct error *error);

/* New rows for a model: its features, by name, from `path`; no targets. Ids as in the config where
 * the file has them. `cwd`: from where the paths of joined tables are seen. */
struct feature_wish {
    const char *name;
    bool categorical;
};
bool dataset_import_new(const struct data_config *config, const char *cwd, const char *path,
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
