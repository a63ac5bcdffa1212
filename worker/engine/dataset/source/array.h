/*
 * Files of arrays (npy, npz, HDF5) as columns. The first dimension counts entries and is the same
 * for all. An array of one dimension is a column, one of two dimensions is as many columns as it is
 * wide: x1, x2, ... Where there is an array of three dimensions (entries, steps, columns) every
 * entry is a series; the others then hold values of whole series.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_ARRAY_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_ARRAY_H

#include "worker/engine/dataset/source/source.h"

#define ARRAY_DIMENSIONS_MAX 3
#define ARRAY_TEXT_MAX 65536 /* bytes of one text */

enum array_type { ARRAY_REAL, ARRAY_INTEGER, ARRAY_TEXT };

struct array {
    char *name; /* owned */
    enum array_type type;
    int n_dimensions; /* from 1 */
    int64_t size[ARRAY_DIMENSIONS_MAX];
    size_t text_size; /* of a text: NUL-padded UTF-8 */
    void *context;    /* of whoever reads it; borrowed */
};

struct array_list {     /* all-zero is a valid empty one */
    struct array *item; /* owned */
    int64_t n;
};
void array_list_release(struct array_list *list);
/* NULL: no memory. */
struct array *array_list_add(struct array_list *list, const char *name);
/* Keeps those named, in that order (n == 0: all). INVALID at data.format.arrays. */
bool array_list_choose(struct array_list *list, const struct setting_texts *names, const char *path,
                       struct error *error);
/* Values of one entry. */
int64_t array_width(const struct array *array);

/* Entries first .. first + n - 1, row-major: double, int64_t or text_size bytes a value. */
typedef bool array_reader(const struct array *array, int64_t first, int64_t n, void *out,
                          struct error *error);

bool array_profile(const struct source *source, const struct array_list *list, array_reader *read,
                   struct table_profile *profile, struct error *error);
bool array_read(const struct source *source, const struct array_list *list, array_reader *read,
                const enum column_form *form, const struct source_sink *sink, struct error *error);

#endif
