#include "worker/engine/dataset/split/kinds.h"

#include "common/owner.h"
#include "worker/engine/dataset/split/shares.h"

static bool by_fraction(struct splitting *at)
{
    scoped(row_list_release) struct row_list list = {0};
    double share[SPLIT_PART_COUNT];

    split_read_shares(at, share);
    if (!split_check_stratified(at))
        return false;
    if (split_in_blocks(at)) {
        split_cut_recordings(at, share);
        return true;
    }
    return split_all_samples(at, &list) && split_divide_rows(at, "rows", &list, share);
}

const struct split_kind split_fraction = {
    .kind = {.name = "fraction",
             .help = "Shares of the rows at random, or of each recording in time."},
    .reads = SPLIT_READS_STRATIFIED | SPLIT_READS_WINDOWS,
    .shares = true,
    .single = true,
    .check_part = split_check_share,
    .deal = by_fraction,
};
