#include "worker/engine/dataset/split/kinds.h"

#include "worker/engine/dataset/split/values.h"

static bool by_column(struct splitting *at)
{
    return split_by_values(at, at->dataset->split_value, &at->dataset->split_values, "value");
}

static void check_part(const cJSON *said, const char *path, struct diagnostics *diagnostics)
{
    if (!split_is_values(said))
        diagnostics_add(diagnostics, path, "expected a list of values of the column");
}

static void check(const struct data_config *config, struct diagnostics *diagnostics)
{
    if (!config->split.column)
        diagnostics_add(diagnostics, "data.split.column", "is needed for a split by column");
}

const struct split_kind split_column = {
    .kind = {.name = "column", .help = "The values of a column."},
    .reads = SPLIT_READS_COLUMN,
    .check_part = check_part,
    .lists = split_always_lists,
    .check = check,
    .deal = by_column,
};
