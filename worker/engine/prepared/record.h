/*
 * The rows of a data set on their way from chunks of columns to arrays: records of one size, in
 * which each array that the data set will have finds its row.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_PREPARED_RECORD_H
#define NIGHTJAR_WORKER_ENGINE_PREPARED_RECORD_H

#include "common/error.h"
#include "worker/engine/dataset/roles.h"
#include "worker/engine/dataset/source/source.h"
#include "worker/engine/hdf5.h"
#include "worker/engine/prepared/texts.h"

#include <stdbool.h>
#include <stdint.h>

/* One array. Its values in a record are of its type already, codes not yet settled. */
struct record_field {
    char name[HDF5_NAME_SIZE];
    enum hdf5_type type;
    int64_t columns;
    int64_t offset;        /* bytes, in a record */
    const int64_t *column; /* borrowed: the file's columns, [columns]; NULL: row, or texts only */
    int64_t texts;         /* of codes: which texts; -1: none. Features: the first's */
    bool kept;             /* becomes an array; else it only serves on the way */
    bool apart;            /* is in no record */
};

#define RECORD_FIELDS_MAX 64

struct record_plan { /* all-zero is a valid empty one */
    const struct roles *roles;
    struct record_field field[RECORD_FIELDS_MAX];
    int n_fields;
    int64_t size; /* bytes of a record, a multiple of 8 */
    /* fields, by number; -1: none */
    int row, time, value, label, target, series, group, split_group, split_value, first_constant,
        first_id, first_where;
    struct texts *texts; /* owned, [n_texts] */
    int64_t n_texts;
    int64_t *texts_of_feature; /* owned, [n_features]; -1: numbers */
};
/* `targets_apart`: whoever imports takes them from the chunks. */
bool record_plan_init(struct record_plan *plan, const struct roles *roles, bool targets_apart,
                      struct error *error);
void record_plan_release(struct record_plan *plan);

/* Writes row i of the chunk to records + place[i]. `text`: [n_texts], merged. *largest:
 * [n_features], of whole numbers; it grows. INVALID, with row and column, where a value does not
 * fit. */
bool record_fill(const struct record_plan *plan, const char *path, const struct source_chunk *chunk,
                 const struct texts_chunk *text, const int64_t *place, char *records,
                 double *largest, struct error *error);

#endif
