/*
 * Tables: what is known about the columns of a source (a profile), and columns in memory, as they
 * are wanted. How they get here: source/source.h.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_TABLE_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_TABLE_H

#include "common/error.h"
#include "common/spec/setting.h"
#include "worker/engine/dataset/dictionary.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum table_header { TABLE_HEADER_AUTO, TABLE_HEADER_YES, TABLE_HEADER_NO };

struct table_format {
    char delimiter;           /* 0: tab where the name ends in .tsv or .tsv.gz, else a comma */
    enum table_header header; /* auto: there is one where no field of the first record is a number
                                 or empty and all are different */
    int64_t skip;             /* lines before the first record */
    struct setting_texts missing; /* borrowed: texts that stand for a missing value; n == 0: "" NA
                                     N/A NaN nan null NULL None ? */
    struct setting_texts dates;   /* borrowed: columns whose texts are dates */
    bool joined;                  /* which may be those of another table that is joined */
    struct setting_texts
        names; /* borrowed: of the columns, instead of the header's; n == 0: none */
    struct setting_texts lacking; /* borrowed: of those what new rows may lack, all together: their
                                     targets */
};
/* INVALID where the format names columns, and not as many as the file has. */
bool table_check_names(const struct table_format *format, const char *path, int64_t n_columns,
                       struct error *error);
/* How the format names the next of so many columns; NULL: it names none. *at: 0 at first. */
const char *table_next_name(const struct table_format *format, int64_t n_columns, size_t *at);

enum column_type {
    COLUMN_INTEGER, /* all values fit into int64_t and print as they were written */
    COLUMN_REAL,
    COLUMN_TEXT,
};

#define COLUMN_DISTINCT_MAX 20

struct column_profile {
    char *name; /* owned */
    enum column_type type;
    int64_t n_missing, missing_line; /* how many; where the first one stands */
    /* borrowed: of several files the one where that is; NULL: there is one */
    const char *missing_file, *text_file;
    bool missing_in_row; /* missing_line is a row's number, whatever the format counts */
    int64_t n_special, special_line;   /* inf and nan in a column of numbers */
    int64_t n_overflow, overflow_line; /* digits beyond the range of double */
    int64_t n_plain;                   /* values that are numbers */
    int64_t n_text, text_line;         /* values that are none */
    int64_t distinct[COLUMN_DISTINCT_MAX],
        n_distinct;      /* of integers; more than the maximum: many */
    bool fraction;       /* some number is no integer, or is not written as one (007, +1, 1.0) */
    bool aside;          /* no feature unless it is named: a key, a label */
    bool date;           /* texts are dates, and values seconds since 1970 */
    bool numbers_series; /* 0, 1, ... of the format's own making */
    bool names_file;     /* which of several files a row is from */
    bool of_series;      /* one value for each series instead of one for each row */
};

struct table_profile {             /* all-zero is a valid empty one */
    struct column_profile *column; /* owned */
    int64_t n_columns, n_rows;
    int64_t n_series; /* 0: the format knows none */
    bool header;      /* the first record is one */
};
void table_profile_release(struct table_profile *profile);
/* Where the column's first missing value stands: "line 5", "line 5 of b.csv". Returns `to`. */
const char *column_missing_place(const struct column_profile *column, char *to, size_t size);
/* NULL-safe look-up; -1: no such column. */
int64_t table_profile_find(const struct table_profile *profile, const char *name);

enum column_form {
    FORM_SKIP,
    FORM_REAL,    /* double; missing: NAN. INVALID where a value is no finite number */
    FORM_INTEGER, /* int64_t; none may be missing */
    FORM_TEXT,    /* code of a dictionary; missing: -1 */
};

struct column {
    char *name; /* owned */
    enum column_form form;
    double *real; /* owned, [n_rows], as are the next two: the one of the form */
    int64_t *integer;
    int32_t *code;
    struct dictionary dictionary;
};

struct table {             /* all-zero is a valid empty one */
    struct column *column; /* owned; columns as in the file */
    int64_t n_columns, n_rows;
};
void table_release(struct table *table);
/* Room for n values; false: no memory (the column is to be released all the same). */
bool column_init(struct column *column, enum column_form form, const char *name, int64_t n);
void column_release(struct column *column);

#endif
