/*
 * Lists of rows: those of a split's parts. Windows at a stride, stretches of recordings and whole
 * files are runs (first, stride, count), which weigh next to nothing however many rows they are;
 * rows that were dealt out one by one are written down.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_ROW_LIST_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_ROW_LIST_H

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

struct row_run {
    int64_t first, stride, n; /* rows first, first + stride, ...; n of them, at least 1 */
    int64_t before;           /* rows of the runs before this one */
};

struct row_list { /* all-zero: empty */
    int64_t *row; /* owned, [n]; NULL: as the runs have it */
    int64_t n;
    struct row_run *run; /* owned, [n_runs] */
    int64_t n_runs;
};
void row_list_release(struct row_list *list);

/* ---- making -----------------------------------------------------------------------------------*/

struct row_teller;
/* More rows of the list that is being made. */
void row_tell(struct row_teller *to, int64_t first, int64_t stride, int64_t n);
/* `tell` tells the rows of a list in their order; it is called twice, and says the same. */
bool row_list_make(void (*tell)(const void *context, struct row_teller *to), const void *context,
                   struct row_list *ret, struct error *error);
/* The rows whose byte has this value, ascending. */
bool row_list_of_bytes(const void *byte, int64_t n, uint8_t value, struct row_list *ret,
                       struct error *error);
/* Where the bytes from byte[from] on, up to `end`, first differ from it; else `end`. */
int64_t bytes_run_end(const void *byte, int64_t from, int64_t end);

/* Leaves only the rows that `keep` keeps. */
bool row_list_filter(struct row_list *list, bool (*keep)(const void *context, int64_t row),
                     const void *context, struct error *error);
/* Leaves the first n rows, of at least so many. */
void row_list_truncate(struct row_list *list, int64_t n);

/* ---- reading ----------------------------------------------------------------------------------*/

int64_t row_list_find(const struct row_list *list, int64_t i);
/* The i-th row. */
static inline int64_t row_list_at(const struct row_list *list, int64_t i)
{
    return list->row ? list->row[i] : row_list_find(list, i);
}

/* Of a list that ascends the first row that is not below `row`; -1: there is none. */
int64_t row_list_reach(const struct row_list *list, int64_t row);

/* Rows i .. i + n - 1. */
void row_list_copy(const struct row_list *list, int64_t i, int64_t n, int64_t *ret_row);

/* All of them, one after the other: for (struct row_walk at = {.list = list}; row_walk(&at);) */
struct row_walk {
    const struct row_list *list; /* borrowed */
    int64_t row;                 /* the current one */
    int64_t run, i;              /* what comes next: the i-th of the run, or of all rows */
};
static inline bool row_walk(struct row_walk *at)
{
    const struct row_list *list = at->list;

    if (list->row) {
        if (at->i >= list->n)
            return false;
        at->row = list->row[at->i++];
        return true;
    }
    if (at->run < list->n_runs && at->i >= list->run[at->run].n) {
        at->run++;
        at->i = 0;
    }
    if (at->run >= list->n_runs)
        return false;
    at->row = list->run[at->run].first + at->i++ * list->run[at->run].stride;
    return true;
}

/* All of them side by side, for whoever needs it so. */
struct row_array {
    const int64_t *row; /* [n]; the list's, or `own` */
    int64_t *own;       /* owned */
};
bool row_array_open(const struct row_list *list, struct row_array *ret, struct error *error);
void row_array_release(struct row_array *array);

/* Of equal lists that were made alike it is the same. */
uint64_t row_list_hash(const struct row_list *list);

#endif
