/* Which columns are what: the settings of "data" held against the columns that a file has. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_ROLES_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_ROLES_H

#include "common/error.h"
#include "worker/engine/dataset/data.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/dataset/table.h"

#include <stdbool.h>
#include <stdint.h>

struct roles { /* all-zero is a valid empty one; numbers are those of the file's columns */
    const struct table_profile *profile; /* borrowed */
    enum column_form *form;              /* owned, [profile->n_columns] */
    bool *categorical;                   /* owned, [profile->n_columns] */
    int64_t *feature, *target, *id, *group, *split_group, *series, *constant, *where; /* owned */
    int64_t n_features, n_targets, n_ids, n_groups, n_split_groups, n_series, n_constant, n_where;
    int64_t split_column; /* -1: none */
    int64_t time;         /* -1: none, or the row's number */
    bool by_time;         /* rows follow one another in time */
    enum task task;
};
void roles_release(struct roles *roles);

bool roles_resolve(const struct data_config *config, const struct table_profile *profile,
                   const char *path, struct roles *ret_roles, struct error *error);
/* For new rows: the wished features, ids where the file has them, nothing else. */
bool roles_resolve_new(const struct data_config *config, const struct table_profile *profile,
                       const char *path, const struct feature_wish *wish, int64_t n_wishes,
                       struct roles *ret_roles, struct error *error);

#endif
