#include "worker/engine/dataset/split/groups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/split/shares.h"

void group_sizes_release(struct group_sizes *groups)
{
    free(groups->size);
    free(groups->order);
    *groups = (struct group_sizes){0};
}

bool split_group_sizes(const struct splitting *at, struct group_sizes *ret)
{
    struct row_run every = {.stride = 1};
    struct row_list list = {.run = &every, .n_runs = 1};

    ret->of_row = dataset_split_group(at->dataset, &ret->names);
    ret->size = calloc((size_t)ret->names->n + 1, sizeof(*ret->size));
    if (!ret->size)
        return split_no_memory(at->error);
    for (int64_t row = 0; row < at->dataset->n_rows; row++)
        ret->size[ret->of_row[row]]++;
    list.n = every.n = ret->names->n;
    return split_shuffle(at, "groups", &list, &ret->order, at->error);
}

/* The part that lacks most of its rows; an empty one first where the groups get scarce. */
static int neediest(const double wanted[SPLIT_PART_COUNT], const int64_t given[SPLIT_PART_COUNT],
                    int64_t groups_left)
{
    int best = -1, n_empty = 0;

    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        n_empty += wanted[i] > 0 && given[i] == 0;
    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        if (wanted[i] <= 0 || (groups_left <= n_empty && given[i] > 0))
            continue;
        if (best < 0 || wanted[i] - (double)given[i] > wanted[best] - (double)given[best])
            best = i;
    }
    return best;
}

#define BALANCE_PASSES 8
#define BALANCE_SWAPS 1000 /* groups; of more than that single moves come close enough */

struct sharing {
    const int64_t *size;
    int8_t *of_group;
    double wanted[SPLIT_PART_COUNT];                             /* rows */
    int64_t given[SPLIT_PART_COUNT], n_groups[SPLIT_PART_COUNT]; /* rows; groups */
    int64_t *movable;                                            /* borrowed: groups given here */
    int64_t n_movable, groups_left, unused;
    double spare; /* rows that the shares leave out */
};

/* Whether part `to` lacks more than `from` once that many rows went over. */
static bool is_better(const struct sharing *at, int from, int to, int64_t rows)
{
    double over = (double)at->given[from] - at->wanted[from];
    double under = at->wanted[to] - (double)at->given[to];

    return rows > 0 ? (double)rows < over + under - 1e-6 : (double)rows > over + under + 1e-6;
}

static void hand_over(struct sharing *at, int64_t group, int8_t to)
{
    int8_t from = at->of_group[group];

    at->given[from] -= at->size[group];
    at->n_groups[from]--;
    at->given[to] += at->size[group];
    at->n_groups[to]++;
    at->of_group[group] = to;
}

static bool try_moves(struct sharing *at, int64_t group)
{
    for (int to = 0; to < SPLIT_PART_COUNT; to++) {
        int8_t from = at->of_group[group];

        if (to == from || at->wanted[to] <= 0 || at->n_groups[from] == 1 ||
            !is_better(at, from, to, at->size[group]))
            continue;
        hand_over(at, group, (int8_t)to);
        return true;
    }
    return false;
}

static bool try_swaps(struct sharing *at, int64_t place)
{
    int64_t group = at->movable[place];

    for (int64_t i = place + 1; i < at->n_movable; i++) {
        int64_t other = at->movable[i], rows = at->size[group] - at->size[other];
        int8_t from = at->of_group[group], to = at->of_group[other];

        if (from == to || rows == 0 || !is_better(at, from, to, rows))
            continue;
        hand_over(at, group, to);
        hand_over(at, other, from);
        return true;
    }
    return false;
}

/* A big group that came late leaves its part far from its share; moves and swaps bring the shares
 * closer, and where all groups are alike nothing moves. */
static void balance(struct sharing *at)
{
    bool better = true;

    for (int pass = 0; pass < BALANCE_PASSES && better; pass++) {
        better = false;
        for (int64_t i = 0; i < at->n_movable; i++) {
            better = try_moves(at, at->movable[i]) || better;
            better = (at->n_movable <= BALANCE_SWAPS && try_swaps(at, i)) || better;
        }
    }
}

/* Gives a group to the part that needs it most, or to none where the shares leave rows out. */
static void give_group(struct sharing *at, int64_t group)
{
    int part = neediest(at->wanted, at->given, at->groups_left--);

    if (part < 0)
        return;
    if (at->given[part] > 0 &&
        at->spare - (double)at->unused > at->wanted[part] - (double)at->given[part]) {
        at->unused += at->size[group];
        return;
    }
    at->of_group[group] = (int8_t)part;
    at->given[part] += at->size[group];
    at->n_groups[part]++;
    at->movable[at->n_movable++] = group;
}

/* Gives whole groups to parts; of_group[i] other than SPLIT_NO_PART: group i is not to be divided.
 */
bool split_divide_groups(struct splitting *at, const struct group_sizes *groups, int8_t *of_group,
                         const double share[SPLIT_PART_COUNT])
{
    scoped(memory_free) int64_t *list = malloc(((size_t)groups->names->n + 1) * sizeof(*list));
    scoped(memory_free) int8_t *before = malloc((size_t)groups->names->n + 1);
    struct sharing sharing = {.size = groups->size, .of_group = of_group, .movable = list};
    double smallest = INFINITY, left_out = 1;
    int64_t n_rows = 0;

    if (!list || !before)
        return split_no_memory(at->error);
    for (int32_t i = 0; i < groups->names->n; i++) {
        before[i] = of_group[i];
        n_rows += before[i] == SPLIT_NO_PART ? groups->size[i] : 0;
        sharing.groups_left += before[i] == SPLIT_NO_PART;
    }
    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        sharing.wanted[i] = share[i] * (double)n_rows;
        left_out -= share[i];
        if (share[i] > 0)
            smallest = fmin(smallest, sharing.wanted[i]);
    }
    sharing.spare = left_out > 1e-9 ? left_out * (double)n_rows : -INFINITY;
    for (int pass = 0; pass < 2; pass++) /* what is bigger than a part goes first */
        for (int32_t i = 0; i < groups->names->n; i++) {
            int64_t group = groups->order[i];

            if (before[group] == SPLIT_NO_PART && ((double)groups->size[group] > smallest) == !pass)
                give_group(&sharing, group);
        }
    balance(&sharing);
    for (int64_t row = 0; row < at->dataset->n_rows; row++)
        if (at->part[row] == SPLIT_NO_PART)
            at->part[row] = of_group[groups->of_row[row]];
    return true;
}
