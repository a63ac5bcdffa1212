/* Whole groups, dealt out so that the parts come close to their shares of the rows. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SPLIT_GROUPS_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SPLIT_GROUPS_H

#include "worker/engine/dataset/split/kind.h"

struct group_sizes {
    const int32_t *of_row;
    const struct dictionary *names;
    int64_t *size;  /* owned: rows of each group */
    int64_t *order; /* owned: the groups as the seed shuffles them */
};
void group_sizes_release(struct group_sizes *groups);
bool split_group_sizes(const struct splitting *at, struct group_sizes *ret);

/* Gives whole groups to parts; of_group[i] other than SPLIT_NO_PART: group i is not to be
 * divided. */
bool split_divide_groups(struct splitting *at, const struct group_sizes *groups, int8_t *of_group,
                         const double share[SPLIT_PART_COUNT]);

#endif
