/* Shares of rows, of stretches of recordings, and of samples. */
#include "worker/engine/dataset/split/shares.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

bool split_shuffle(const struct splitting *at, const char *purpose, const struct row_list *list,
                   int64_t **ret, struct error *error)
{
    scoped(permutation_release) struct permutation permutation = {0};
    scoped(memory_free) int64_t *order = calloc((size_t)list->n + 1, sizeof(*order));

    if (!order)
        return split_no_memory(error);
    if (list->n > 0) {
        if (!permutation_init(&permutation, (uint64_t)list->n, error))
            return false;
        permutation_draw(&permutation, at->seed, 0, random_purpose("split", purpose));
        permutation_range(&permutation, 0, (size_t)list->n, (uint64_t *)order);
    }
    for (int64_t i = 0; i < list->n; i++)
        order[i] = row_list_at(list, order[i]);
    *ret = take(&order);
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

/* Gives the first n of the rows from *row on that have no part to one; so many there are. */
static void give(struct splitting *at, int64_t *row, int64_t n, int part)
{
    while (n > 0) {
        int64_t end = bytes_run_end(at->part, *row, *row + n);

        if (at->part[*row] == SPLIT_NO_PART) {
            memset(at->part + *row, part, (size_t)(end - *row));
            n -= end - *row;
        }
        *row = end;
    }
}

/* Cuts the rows first .. end - 1 that have no part yet, in time training before validation before
 * test. `carry` keeps what rounding left. */
static void cut_stretch(struct splitting *at, int64_t first, int64_t end,
                        const double share[SPLIT_PART_COUNT], double carry[SPLIT_PART_COUNT])
{
    int64_t n = 0, given = 0, row = first;

    for (int64_t from = first, to; from < end; from = to) {
        to = bytes_run_end(at->part, from, end);
        n += at->part[from] == SPLIT_NO_PART ? to - from : 0;
    }
    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        double wanted = share[i] * (double)n + carry[i];
        int64_t count = (int64_t)floor(wanted + 0.5);

        count = count < 0 ? 0 : count > n - given ? n - given : count;
        carry[i] = wanted - (double)count;
        given += count;
        give(at, &row, count, i);
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

bool split_divide_rows(struct splitting *at, const char *purpose, const struct row_list *list,
                       const double share[SPLIT_PART_COUNT])
{
    const struct dataset *dataset = at->dataset;
    scoped(memory_free) int64_t *order = NULL, *stratum = NULL;
    double carry[SPLIT_PART_COUNT] = {0};

    if (!split_shuffle(at, purpose, list, &order, at->error))
        return false;
    if (!at->config->split.stratified) {
        cut(at, order, list->n, share, carry);
        return true;
    }
    stratum = malloc((size_t)(list->n + 1) * sizeof(*stratum));
    if (!stratum)
        return split_no_memory(at->error);
    for (int32_t k = 0; k < dataset->classes.n; k++) {
        int64_t size = 0;

        for (int64_t i = 0; i < list->n; i++)
            if (dataset->label[order[i]] == k)
                stratum[size++] = order[i];
        cut(at, stratum, size, share, carry);
    }
    return true;
}

bool split_all_rows(const struct splitting *at, int8_t of_part, struct row_list *ret)
{
    return row_list_of_bytes(at->part, at->dataset->n_rows, (uint8_t)of_part, ret, at->error);
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

bool split_all_samples(const struct splitting *at, struct row_list *ret)
{
    return at->window ? window_list(at->window, at->dataset, NULL, 0, ret, at->error)
                      : split_all_rows(at, SPLIT_NO_PART, ret);
}
