/* Shares of rows, of stretches of recordings, and of samples. */
#include "worker/engine/dataset/split/shares.h"

#include <math.h>
#include <stdlib.h>

#include "common/owner.h"
#include "common/random.h"

bool split_no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "splitting the rows");
}

/* Shares of the parts; what is left out of a split with shares goes to training. */
void split_read_shares(const struct splitting *at, double share[SPLIT_PART_COUNT])
{
    bool none = !at->said[0] && !at->said[1] && !at->said[2];
    double others = 0;

    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        share[i] = at->said[i] ? at->said[i]->valuedouble : none && i != SPLIT_TRAIN ? 0.15 : 0;
        others += i == SPLIT_TRAIN ? 0 : share[i];
    }
    if (!at->said[SPLIT_TRAIN])
        share[SPLIT_TRAIN] = 1 - others;
}

void split_rest_shares(const struct splitting *at, double share[SPLIT_PART_COUNT])
{
    share[SPLIT_VALID] = at->said[SPLIT_VALID] ? at->said[SPLIT_VALID]->valuedouble : 0;
    share[SPLIT_TRAIN] = 1 - share[SPLIT_VALID];
    share[SPLIT_TEST] = 0;
}

/* Puts list[0..n) into the order that the seed gives. */
bool split_shuffle(const struct splitting *at, const char *purpose, const int64_t *list, int64_t n,
                   int64_t **ret, struct error *error)
{
    int64_t *order = calloc((size_t)n + 1, sizeof(*order));

    if (!order)
        return split_no_memory(error);
    for (int64_t i = 0; i < n; i++)
        order[i] = list[random_permute(at->seed, 0, random_purpose("split", purpose), (uint64_t)n,
                                       (uint64_t)i)];
    *ret = order;
    return true;
}

/* Cuts list[0..n) by shares. `carry` keeps what rounding left, so that strata add up. */
static void cut(struct splitting *at, const int64_t *list, int64_t n,
                const double share[SPLIT_PART_COUNT], double carry[SPLIT_PART_COUNT])
{
    bool whole = share[SPLIT_TRAIN] + share[SPLIT_VALID] + share[SPLIT_TEST] > 1 - 1e-9;
    int64_t from = 0;

    for (int i = SPLIT_PART_COUNT - 1; i >= 0; i--) {
        double wanted = share[i] * (double)n + carry[i];
        int64_t count = (int64_t)floor(wanted + 0.5);

        count = count < 0 ? 0 : count;
        if (count > n - from || (whole && i == SPLIT_TRAIN))
            count = n - from;
        carry[i] = wanted - (double)count;
        for (int64_t j = from; j < from + count; j++)
            at->part[list[j]] = (int8_t)i;
        from += count;
    }
}

/* ---- stretches of recordings ------------------------------------------------------------------*/

bool split_in_blocks(const struct splitting *at)
{
    return at->window && at->config->split.windows == SPLIT_WINDOWS_BLOCKS;
}

/* Cuts rows first .. first + n - 1 that have no part yet, in time training before validation before
 * test. `carry` keeps what rounding left. */
static void cut_stretch(struct splitting *at, int64_t first, int64_t end,
                        const double share[SPLIT_PART_COUNT], double carry[SPLIT_PART_COUNT])
{
    int64_t n = 0, given = 0, count[SPLIT_PART_COUNT] = {0};
    int part = 0;

    for (int64_t row = first; row < end; row++)
        n += at->part[row] == SPLIT_NO_PART;
    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        double wanted = share[i] * (double)n + carry[i];

        count[i] = (int64_t)floor(wanted + 0.5);
        count[i] = count[i] < 0 ? 0 : count[i] > n - given ? n - given : count[i];
        carry[i] = wanted - (double)count[i];
        given += count[i];
    }
    for (int64_t row = first; row < end && part < SPLIT_PART_COUNT; row++) {
        if (at->part[row] != SPLIT_NO_PART)
            continue;
        while (part < SPLIT_PART_COUNT && count[part] == 0)
            part++;
        if (part < SPLIT_PART_COUNT) {
            at->part[row] = (int8_t)part;
            count[part]--;
        }
    }
}

void split_cut_recordings(struct splitting *at, const double share[SPLIT_PART_COUNT])
{
    const struct series *series = &at->dataset->series;
    double carry[SPLIT_PART_COUNT] = {0};

    for (int64_t i = 0; i < series->n; i++)
        cut_stretch(at, series->first[i], series->first[i + 1], share, carry);
}

/* ---- shares of samples ------------------------------------------------------------------------*/

/* Gives the rows of list[0..n) to parts; in each class alike where stratified. */
bool split_divide_rows(struct splitting *at, const char *purpose, const int64_t *list, int64_t n,
                       const double share[SPLIT_PART_COUNT])
{
    const struct dataset *dataset = at->dataset;
    scoped(memory_free) int64_t *order = NULL, *stratum = NULL;
    double carry[SPLIT_PART_COUNT] = {0};

    if (!split_shuffle(at, purpose, list, n, &order, at->error))
        return false;
    if (!at->config->split.stratified) {
        cut(at, order, n, share, carry);
        return true;
    }
    stratum = malloc((size_t)(n + 1) * sizeof(*stratum));
    if (!stratum)
        return split_no_memory(at->error);
    for (int32_t k = 0; k < dataset->classes.n; k++) {
        int64_t size = 0;

        for (int64_t i = 0; i < n; i++)
            if (dataset->label[order[i]] == k)
                stratum[size++] = order[i];
        cut(at, stratum, size, share, carry);
    }
    return true;
}

bool split_all_rows(const struct splitting *at, int8_t of_part, int64_t **ret, int64_t *ret_n)
{
    int64_t *list = malloc((size_t)(at->dataset->n_rows + 1) * sizeof(*list));

    if (!list)
        return split_no_memory(at->error);
    *ret_n = 0;
    for (int64_t row = 0; row < at->dataset->n_rows; row++)
        if (at->part[row] == of_part)
            list[(*ret_n)++] = row;
    *ret = list;
    return true;
}

bool split_check_stratified(const struct splitting *at)
{
    if (at->config->split.stratified && split_in_blocks(at))
        return error_set_at(at->error, ERROR_INVALID, "data.split.stratified",
                            "recordings are cut into stretches, whose classes are as they come");
    if (at->config->split.stratified && at->dataset->task != TASK_CLASSIFICATION)
        return error_set_at(at->error, ERROR_INVALID, "data.split.stratified",
                            "is for classification");
    return true;
}

/* What single samples are dealt out of: all rows, or the predicted rows of all windows. */
bool split_all_samples(struct splitting *at, int64_t **ret, int64_t *ret_n)
{
    struct row_list list;

    if (!at->window)
        return split_all_rows(at, SPLIT_NO_PART, ret, ret_n);
    if (!window_list(at->window, at->dataset, NULL, 0, &list, at->error))
        return false;
    *ret = list.row;
    *ret_n = list.n;
    return true;
}
