#include "worker/engine/dataset/split/kinds.h"

#include <stdlib.h>

#include "common/owner.h"
#include "worker/engine/dataset/split/groups.h"
#include "worker/engine/dataset/split/shares.h"

struct sized_group {
    int64_t group, size, place;
};

static int larger_first(const void *left, const void *right)
{
    const struct sized_group *a = left, *b = right;

    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    return a->place < b->place ? -1 : 1;
}

/* The largest group first, each to the fold with the fewest rows. */
static bool deal_groups(struct splitting *at, const struct group_sizes *groups, int8_t *of_group)
{
    const struct split_config *split = &at->config->split;
    size_t n = (size_t)groups->names->n;
    scoped(memory_free) struct sized_group *sized = calloc(n, sizeof(*sized));
    scoped(memory_free) int64_t *rows = calloc((size_t)split->folds, sizeof(*rows));

    if (!sized || !rows)
        return split_no_memory(at->error);
    for (size_t i = 0; i < n; i++)
        sized[i] =
            (struct sized_group){groups->order[i], groups->size[groups->order[i]], (int64_t)i};
    qsort(sized, n, sizeof(*sized), larger_first);
    for (size_t i = 0; i < n; i++) {
        int64_t lightest = 0;

        for (int64_t fold = 1; fold < split->folds; fold++)
            if (rows[fold] < rows[lightest])
                lightest = fold;
        rows[lightest] += sized[i].size;
        of_group[sized[i].group] = lightest == split->fold ? (int8_t)SPLIT_TEST : SPLIT_NO_PART;
    }
    return true;
}

static bool by_group_kfold(struct splitting *at)
{
    scoped(group_sizes_release) struct group_sizes groups = {0};
    scoped(memory_free) int8_t *of_group = NULL;
    double share[SPLIT_PART_COUNT];

    if (!split_group_sizes(at, &groups))
        return false;
    if (groups.names->n < at->config->split.folds)
        return error_set_at(at->error, ERROR_INVALID, "data.split.folds", "%lld folds of %d groups",
                            (long long)at->config->split.folds, groups.names->n);
    of_group = calloc((size_t)groups.names->n + 1, 1);
    if (!of_group)
        return split_no_memory(at->error);
    split_rest_shares(at, share);
    return deal_groups(at, &groups, of_group) && split_divide_groups(at, &groups, of_group, share);
}

const struct split_kind split_group_kfold = {
    .kind = {.name = "group_kfold", .help = "One of several folds of whole groups tests."},
    .reads = SPLIT_READS_GROUP | SPLIT_READS_FOLDS | SPLIT_READS_FOLD,
    .check_part = split_check_fold,
    .deal = by_group_kfold,
};
