/* Values that are written as text: what type they are, and how they become numbers and codes. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_CELL_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_CELL_H

#include "common/error.h"
#include "worker/engine/dataset/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cell { /* borrowed; not NUL-terminated */
    const char *text;
    size_t size;
};

struct cell_place {
    const char *path;
    const char *what; /* that line counts; NULL: "line" */
    int64_t line;
};

struct missing_texts {
    char *const *item; /* borrowed */
    size_t n;
    bool begins[256]; /* whether one of them begins with this byte; 0: one is empty */
};
struct missing_texts missing_texts_of(const struct table_format *format);
bool cell_is_missing(const struct cell *cell, const struct missing_texts *missing);

/* A date becomes what it is in seconds, written to `text`. INVALID where it is none. */
#define CELL_DATE_SIZE 40
bool cell_read_date(struct cell *cell, const struct cell_place *place, const char *column,
                    char text[CELL_DATE_SIZE], struct error *error);

/* Counts the value in its column's profile. */
void cell_look(const struct cell *cell, const struct missing_texts *missing, int64_t line,
               struct column_profile *column);
/* The same for numbers that never were texts. */
void column_look_real(struct column_profile *column, double value, int64_t row);
void column_look_integer(struct column_profile *column, int64_t value);
/* The type that fits all values counted. */
enum column_type column_type_of(const struct column_profile *column);

/* Puts the value at `row` of a column that has room, in the column's form. */
bool cell_store(const struct cell *cell, const struct missing_texts *missing,
                const struct cell_place *place, struct column *column, int64_t row,
                struct error *error);

#endif
