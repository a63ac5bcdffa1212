/*
 * Rows by a rule: data.where, conditions as "rad <= 1.8" or "experiment == LOFT", all of which a
 * row has to meet to be in any part of the split. Rows are left out when parts are made, after they
 * were dealt out: so a row is in the same part whatever the conditions, numbers and ids of rows
 * stay what they are, nothing that is fitted sees a row that is left out, no window touches one,
 * and other conditions need no other import.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_WHERE_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_WHERE_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/spec/setting.h"
#include "worker/engine/dataset/dictionary.h"

#include <stdbool.h>
#include <stdint.h>

#define WHERE_MAX 16

enum where_operator { WHERE_LE, WHERE_GE, WHERE_NE, WHERE_EQ, WHERE_LT, WHERE_GT };

struct where_condition { /* all-zero is a valid empty one */
    char *column;        /* owned */
    enum where_operator operator;
    char *text;     /* owned: what it is compared with */
    bool is_number; /* and that as a number */
    double number;
    bool is_integer; /* a double would not tell all of them apart */
    int64_t integer;
};
void where_condition_release(struct where_condition *condition);
/* INVALID at "data.where" where it is none, or an order of texts. */
bool where_parse(const char *text, struct where_condition *ret, struct error *error);

/* The columns that conditions look at, each once, as a list for settings. Caller releases it with
 * where_columns_release(). */
bool where_columns(const struct setting_texts *where, struct setting_texts *ret,
                   struct error *error);
void where_columns_release(struct setting_texts *columns);

struct where_column {   /* of a data set */
    char *name;         /* owned */
    const double *real; /* [n_rows], NAN: missing; or one of the next two */
    const int64_t *integer;
    const int32_t *code; /* of the dictionary; -1: missing */
    struct dictionary dictionary;
};

struct where { /* conditions held against the columns of a data set; all-zero: every row is kept */
    struct where_condition condition[WHERE_MAX];
    const struct where_column *column[WHERE_MAX]; /* borrowed */
    bool *meets[WHERE_MAX];                       /* owned: by code, where a column has texts */
    int n;
    int64_t n_left_out[WHERE_MAX]; /* rows that the condition alone leaves out */
    int64_t n_rounded[WHERE_MAX];  /* rows whose number may be the condition's or one beside it */
};
bool where_open(const struct setting_texts *said, const struct where_column *column, int64_t n,
                struct where *ret, struct error *error);
void where_release(struct where *where);
/* A missing value meets no condition. Counts. */
bool where_keeps(struct where *where, int64_t row);
/* "rad <= 1.8: 10 rows do not, ..." INVALID where some rows could not be judged. */
bool where_tell(const struct where *where, struct buffer *ret, struct error *error);

#endif
