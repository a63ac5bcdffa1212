#include "worker/engine/dataset/split/kinds.h"

#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/split/groups.h"
#include "worker/engine/dataset/split/shares.h"
#include "worker/engine/dataset/split/values.h"

static bool by_group_shares(struct splitting *at)
{
    scoped(group_sizes_release) struct group_sizes groups = {0};
    scoped(memory_free) int8_t *of_group = NULL;
    double share[SPLIT_PART_COUNT];

    if (!split_group_sizes(at, &groups))
        return false;
    of_group = malloc((size_t)groups.names->n + 1);
    if (!of_group)
        return split_no_memory(at->error);
    memset(of_group, SPLIT_NO_PART, (size_t)groups.names->n + 1);
    split_read_shares(at, share);
    return split_divide_groups(at, &groups, of_group, share);
}

static bool by_group(struct splitting *at)
{
    const struct dictionary *names;
    const int32_t *of_row = dataset_split_group(at->dataset, &names);

    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (at->said[i] && !cJSON_IsNumber(at->said[i]))
            return split_by_values(at, of_row, names, "group");
    return by_group_shares(at);
}

static bool lists(const struct split_config *split)
{
    return (split->train && !cJSON_IsNumber(split->train)) ||
           (split->test && !cJSON_IsNumber(split->test));
}

static void check_part(const cJSON *said, const char *path, struct diagnostics *diagnostics)
{
    if (!split_is_share(said) && !split_is_values(said))
        diagnostics_add(diagnostics, path,
                        "expected a share of the rows from 0 to 1, or a list of groups");
}

const struct split_kind split_group = {
    .kind = {.name = "group", .help = "Whole groups, listed or by shares of the rows."},
    .reads = SPLIT_READS_GROUP,
    .shares = true,
    .check_part = check_part,
    .lists = lists,
    .deal = by_group,
};
