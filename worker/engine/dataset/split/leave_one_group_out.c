#include "worker/engine/dataset/split/kinds.h"

#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/split/groups.h"
#include "worker/engine/dataset/split/shares.h"

static bool by_leave_one_group_out(struct splitting *at)
{
    scoped(group_sizes_release) struct group_sizes groups = {0};
    scoped(memory_free) int8_t *of_group = NULL;
    int64_t fold = at->config->split.fold;
    double share[SPLIT_PART_COUNT];

    if (!split_group_sizes(at, &groups))
        return false;
    if (fold >= groups.names->n)
        return error_set_at(at->error, ERROR_INVALID, "data.split.fold",
                            "%lld is outside [0, %d]: there are %d groups", (long long)fold,
                            groups.names->n - 1, groups.names->n);
    of_group = malloc((size_t)groups.names->n + 1);
    if (!of_group)
        return split_no_memory(at->error);
    memset(of_group, SPLIT_NO_PART, (size_t)groups.names->n);
    of_group[fold] = SPLIT_TEST;
    split_rest_shares(at, share);
    return split_divide_groups(at, &groups, of_group, share);
}

const struct split_kind split_leave_one_group_out = {
    .kind = {.name = "leave_one_group_out", .help = "One group tests, all others train."},
    .reads = SPLIT_READS_GROUP | SPLIT_READS_FOLD,
    .check_part = split_check_fold,
    .deal = by_leave_one_group_out,
};
