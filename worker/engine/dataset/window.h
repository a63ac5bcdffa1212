/*
 * Windows: slices of recordings as samples. A window is a view, and no value is copied but into its
 * batch.
 *
 * A window's sample number is the row that it predicts, so that labels, targets and ids of windows
 * are those of rows: the window's last row plus the horizon, or its first where labels are taken
 * from there; where each step has a label, the last row that a step predicts. A window lies in one
 * segment of a recording, and of a split in rows of one part.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_WINDOW_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_WINDOW_H

#include "common/error.h"
#include "common/spec/setting.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/transform/apply.h"
#include "worker/engine/transform/transform.h"

#include <stdbool.h>
#include <stdint.h>

enum window_label {
    WINDOW_LABEL_FIRST,
    WINDOW_LABEL_LAST,
    WINDOW_LABEL_MAJORITY,
    WINDOW_LABEL_EACH
};
enum window_short { WINDOW_SHORT_DROP, WINDOW_SHORT_KEEP };
enum window_edges { WINDOW_EDGES_DROP, WINDOW_EDGES_REPEAT, WINDOW_EDGES_MASK };

struct window_config {
    struct transform_config base; /* nothing of it is set */
    int64_t length, stride, offset, horizon;
    int label, edges; /* enum window_label, enum window_edges */
    int shorter;      /* enum window_short: what becomes of a segment without a whole window */
};

/* The window that the spec's "prepare" asks for; NULL: none. */
const struct window_config *window_find(const struct kind_choices *prepare);
/* INVALID where there are two, or one of rows that do not follow one another. */
bool window_check(const struct kind_choices *prepare, const struct data_config *config,
                  struct error *error);

/* Whether each window begins where the one before it ends. */
static inline bool window_follows(const struct window_config *window)
{
    return window->stride == window->length;
}

/* Whether something in "prepare" goes along recordings, before there are windows. */
bool window_goes_along(const struct kind_choices *prepare);

/* The first row of the window that predicts `row`; it may lie before its segment. */
static inline int64_t window_first(const struct window_config *window, int64_t row)
{
    return window->label == WINDOW_LABEL_FIRST ? row : row - window->horizon - window->length + 1;
}

/* Targets of a window: one, or one for each of its steps. */
static inline int64_t window_truth_steps(const struct window_config *window)
{
    return window && window->label == WINDOW_LABEL_EACH ? window->length : 1;
}
/* Which rows the steps of the window of `row` predict, those left out that would lie before its
 * segment: step s the row behind it by the horizon. */
struct truth_span window_truth(const struct window_config *window, const struct series *series,
                               int64_t row);

/* What the window that predicts `row` sees. What lies outside of its segment is the segment's
 * nearest row, or where edges are masked not there: the rows that are come first. */
struct row_span window_span(const struct window_config *window, const struct series *series,
                            int64_t row);

/* Samples whose rows, those of the window and the one predicted, all are of part `which` (part:
 * [n_rows]): one window every `stride` rows of a segment, from its row `offset` on; of a segment
 * that is too short one of all its rows where those are kept. */
bool window_list(const struct window_config *window, const struct dataset *dataset,
                 const int8_t *part, int which, struct row_list *ret_list, struct error *error);
/* The rows that lie in a listed window, ascending, each once. */
bool window_rows(const struct window_config *window, const struct dataset *dataset,
                 const struct row_list *list, struct row_list *ret_rows, struct error *error);
/* Where each step has a label, windows whose steps predict every row that has a window, at most
 * `stride` rows from one to the next. */
bool window_cover(const struct window_config *window, const struct dataset *dataset,
                  struct row_list *ret_list, struct error *error);
/* Leaves out of the list the windows of which no target is known. */
bool window_drop_untold(const struct window_config *window, const struct dataset *dataset,
                        struct row_list *list, struct error *error);
/* INVALID where not one segment is long enough for a window. */
bool window_check_length(const struct window_config *window, const struct dataset *dataset,
                         struct error *error);
/* [n_rows], owned by the caller: the class that most rows of the window have, that of the last of
 * them where several are; of samples that are no whole windows the row's own. */
bool window_majority(const struct window_config *window, const struct dataset *dataset,
                     int32_t **ret_label, struct error *error);

/* Rows that train and valid or test share, whether predicted or looked at: a leak. */
bool window_count_shared(const struct window_config *window, const struct dataset *dataset,
                         const struct split *split, int64_t *ret_shared, struct error *error);

#endif
