#include "worker/engine/dataset/split/kinds.h"

#include <math.h>
#include <stdlib.h>

#include "common/owner.h"
#include "worker/engine/dataset/split/shares.h"

static int by_number(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

/* Rows before a time are for training, those behind another for test; rows of one time stay
 * together. */
static bool by_time(struct splitting *at)
{
    const double *time = at->dataset->time;
    int64_t n = at->dataset->n_rows;
    scoped(memory_free) double *sorted = malloc((size_t)(n + 1) * sizeof(*sorted));
    double share[SPLIT_PART_COUNT], sum = 0, limit[SPLIT_PART_COUNT];

    if (!sorted)
        return split_no_memory(at->error);
    for (int64_t row = 0; row < n; row++)
        sorted[row] = time ? time[row] : (double)dataset_file_row(at->dataset, row);
    qsort(sorted, (size_t)n, sizeof(*sorted), by_number);
    split_read_shares(at, share);
    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        int64_t end = (int64_t)floor((sum += share[i]) * (double)n + 0.5);

        limit[i] = end >= n ? (double)INFINITY : sorted[end];
    }
    for (int64_t row = 0; row < n; row++) {
        double when = time ? time[row] : (double)dataset_file_row(at->dataset, row);

        for (int i = SPLIT_PART_COUNT - 1; i >= 0; i--)
            if (when < limit[i])
                at->part[row] = (int8_t)i;
    }
    return true;
}

static void check(const struct data_config *config, struct diagnostics *diagnostics)
{
    if (!config->time)
        diagnostics_add(diagnostics, "data.time", "is needed for a split by time");
}

const struct split_kind split_time = {
    .kind = {.name = "time",
             .help = "Shares of the rows by their time: the earliest train, the latest test."},
    .shares = true,
    .check_part = split_check_share,
    .check = check,
    .deal = by_time,
};
