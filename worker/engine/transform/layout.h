/* The columns that a transform sees: their names, and where they come from. */
#ifndef NIGHTJAR_WORKER_ENGINE_TRANSFORM_LAYOUT_H
#define NIGHTJAR_WORKER_ENGINE_TRANSFORM_LAYOUT_H

#include "common/error.h"
#include "common/spec/setting.h"

#include <stdbool.h>
#include <stdint.h>

struct layout_column {
    char *name;       /* owned */
    int64_t feature;  /* that it is made of */
    bool categorical; /* values are 0 .. n_categories - 1, and -1 for an unknown one */
    int64_t n_categories;
    int64_t n_tokens; /* > 0: values are 0 .. n_tokens - 1, names and no numbers */
    bool may_miss;    /* a feature that is missing is missing here too */
};

struct layout {
    int64_t steps; /* of a sample; 1: rows */
    int64_t width;
    struct layout_column *column; /* owned, [width] */
};
void layout_release(struct layout *layout);

/* Appends a column; its name is copied. */
bool layout_add(struct layout *layout, const struct layout_column *column, struct error *error);

/* Keeps these columns, ascending. */
void layout_keep(struct layout *layout, const int64_t *column, int64_t n);

enum layout_sort { LAYOUT_NUMBERS, LAYOUT_CATEGORIES, LAYOUT_ANY }; /* tokens are neither */

/* Which columns `names` means, ascending; none named: all of the sort. A name may end with * (what
 * begins so), or be two names with .. between (from one to the other). INVALID, at path.columns,
 * where there is no such column, or one of another sort. Caller owns *ret. */
bool layout_select(const struct layout *layout, const struct setting_texts *names,
                   enum layout_sort sort, const char *path, int64_t **ret, int64_t *ret_n,
                   struct error *error);

#endif
