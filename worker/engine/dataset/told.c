#include "worker/engine/dataset/told.h"

#include <math.h>

bool sample_truth_is_known(const struct sample_set *set, int64_t entry)
{
    if (set->label)
        return set->label[entry] >= 0;
    for (int64_t k = 0; set->target && k < set->n_targets; k++)
        if (isnan(sample_target(set, entry)[k]))
            return false;
    return true;
}

struct telling {
    const struct sample_set *set;
    const struct row_list *samples;
};

/* Rows of samples that follow one another are one run. */
static void tell_rows(const void *context, struct row_teller *to)
{
    const struct telling *telling = context;
    int64_t from = 0, end = 0;

    for (struct row_walk at = {.list = telling->samples}; row_walk(&at);) {
        const struct truth_span truth = sample_truth(telling->set, at.row);

        if (truth.first > end) {
            row_tell(to, from, 1, end - from);
            from = truth.first;
        }
        if (truth.first + truth.n > end)
            end = truth.first + truth.n;
    }
    row_tell(to, from, 1, end - from);
}

static bool is_known(const void *context, int64_t row)
{
    return sample_truth_is_known(context, row);
}

bool told_list(const struct sample_set *set, const struct row_list *samples,
               struct row_list *ret_rows, struct error *error)
{
    const struct telling telling = {.set = set, .samples = samples};

    return row_list_make(tell_rows, &telling, ret_rows, error) &&
           ((!set->label && !set->target) || row_list_filter(ret_rows, is_known, set, error));
}

bool told_open(const struct sample_set *set, const struct row_list *samples, struct told *ret,
               struct error *error)
{
    *ret = (struct told){.rows = samples};
    if (!set->truth)
        return true;
    ret->rows = &ret->own;
    return told_list(set, samples, &ret->own, error);
}

void told_release(struct told *told)
{
    row_list_release(&told->own);
}
