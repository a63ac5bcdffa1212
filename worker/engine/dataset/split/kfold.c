#include "worker/engine/dataset/split/kinds.h"

#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/split/shares.h"

/* Rows are dealt to the folds like cards, class by class where stratified. */
static bool deal_rows(struct splitting *at, const struct row_list *list)
{
    const struct split_config *split = &at->config->split;
    int32_t n_passes = split->stratified ? at->dataset->classes.n : 1;
    scoped(memory_free) int64_t *order = NULL;
    int64_t dealt = 0;

    if (!split_shuffle(at, "rows", list, &order, at->error))
        return false;
    for (int32_t pass = 0; pass < n_passes; pass++)
        for (int64_t i = 0; i < list->n; i++)
            if ((!split->stratified || at->dataset->label[order[i]] == pass) &&
                dealt++ % split->folds == split->fold)
                at->part[order[i]] = SPLIT_TEST;
    return true;
}

/* A fold is a stretch of each recording. */
static void deal_stretches(struct splitting *at)
{
    const struct split_config *split = &at->config->split;
    const struct series *series = &at->dataset->series;

    for (int64_t i = 0; i < series->n; i++) {
        int64_t first = series->first[i], n = series->first[i + 1] - first;
        int64_t from = first + n * split->fold / split->folds;
        int64_t end = first + n * (split->fold + 1) / split->folds;

        memset(at->part + from, SPLIT_TEST, (size_t)(end - from));
    }
}

static bool has_no_part(const void *context, int64_t row)
{
    return ((const struct splitting *)context)->part[row] == SPLIT_NO_PART;
}

static bool by_kfold(struct splitting *at)
{
    scoped(row_list_release) struct row_list list = {0};
    double share[SPLIT_PART_COUNT];

    if (!split_check_stratified(at))
        return false;
    split_rest_shares(at, share);
    if (split_in_blocks(at)) {
        deal_stretches(at);
        split_cut_recordings(at, share);
        return true;
    }
    if (!split_all_samples(at, &list))
        return false;
    if (list.n < at->config->split.folds)
        return error_set_at(at->error, ERROR_INVALID, "data.split.folds", "%lld folds of %lld rows",
                            (long long)at->config->split.folds, (long long)list.n);
    return deal_rows(at, &list) && row_list_filter(&list, has_no_part, at, at->error) &&
           split_divide_rows(at, "valid", &list, share);
}

const struct split_kind split_kfold = {
    .kind = {.name = "kfold",
             .help = "One of several folds of rows, or of stretches of each recording, tests."},
    .reads = SPLIT_READS_STRATIFIED | SPLIT_READS_WINDOWS | SPLIT_READS_FOLDS | SPLIT_READS_FOLD,
    .single = true,
    .check_part = split_check_fold,
    .deal = by_kfold,
};
