#include "worker/engine/sampling/order.h"
#include "worker/engine/sampling/sampling.h"

#include <stdlib.h>

#include "common/owner.h"

static const char *const by_names[] = {"undersample", "oversample", "weights", NULL};

static const struct setting balance_settings[] = {
    SETTING_CHOICE(struct balance_config, by, BALANCE_UNDERSAMPLE, by_names,
                   "undersample: rows of frequent classes are left out; oversample: rows of rare "
                   "ones come several times; weights: they count more in the loss."),
    {0},
};

const struct transform_kind transform_balance = {
    .kind = {.name = "balance",
             .help =
                 "All classes weigh the same in training; validation and test stay as they are.",
             .config_size = sizeof(struct balance_config),
             .settings = balance_settings},
};

const void *sampling_find(const struct kind_choices *prepare, const struct transform_kind *kind)
{
    for (size_t i = 0; i < prepare->n; i++)
        if (prepare->item[i].kind == &kind->kind)
            return prepare->item[i].config;
    return NULL;
}

static bool count(const int32_t *label, int64_t n_classes, const struct row_list *rows,
                  int64_t **ret, struct error *error)
{
    *ret = calloc((size_t)n_classes + 1, sizeof(**ret));
    if (!*ret)
        return error_set(error, ERROR_NO_MEMORY, "balancing classes");
    for (struct row_walk at = {.list = rows}; row_walk(&at);)
        (*ret)[label[at.row]]++;
    return true;
}

static int64_t choose_size(const int64_t *count, int64_t n_classes, bool most)
{
    int64_t size = 0;

    for (int64_t i = 0; i < n_classes; i++)
        if (count[i] > 0 && (size == 0 || (most ? count[i] > size : count[i] < size)))
            size = count[i];
    return size;
}

bool sampling_balance(bool oversample, const uint64_t *row_id, const int32_t *label,
                      int64_t n_classes, uint64_t seed, const struct row_list *rows,
                      struct row_list *ret, struct error *error)
{
    scoped(memory_free) int64_t *members = NULL, *row = NULL;
    int64_t size, n = 0;

    if (!count(label, n_classes, rows, &members, error))
        return false;
    size = choose_size(members, n_classes, oversample);
    row = calloc((size_t)(size * n_classes) + 1, sizeof(*row));
    if (!row)
        return error_set(error, ERROR_NO_MEMORY, "balancing classes");
    for (int64_t class = 0; class < n_classes; class ++) {
        scoped(memory_free) int64_t *ordered = NULL;
        int64_t found;

        if (!sampling_order(row_id, label, class, seed, rows, &ordered, &found, error))
            return false;
        for (int64_t i = 0; found > 0 && i < size; i++)
            row[n++] = ordered[i % found];
    }
    sampling_sort(row, n);
    *ret = (struct row_list){.row = take(&row), .n = n};
    return true;
}

bool sampling_weights(const int32_t *label, int64_t n_classes, int64_t n_samples,
                      const struct row_list *rows, double **ret, struct error *error)
{
    scoped(memory_free) int64_t *members = NULL;
    scoped(memory_free) double *weight = calloc((size_t)n_samples + 1, sizeof(*weight));
    int64_t present = 0;

    if (!weight)
        return error_set(error, ERROR_NO_MEMORY, "balancing classes");
    if (!count(label, n_classes, rows, &members, error))
        return false;
    for (int64_t i = 0; i < n_classes; i++)
        present += members[i] > 0;
    for (int64_t i = 0; i < n_samples; i++)
        weight[i] = 1;
    /* the others judge: a weighted validation loss would choose another epoch */
    for (struct row_walk at = {.list = rows}; row_walk(&at);)
        weight[at.row] = (double)rows->n / ((double)present * (double)members[label[at.row]]);
    *ret = take(&weight);
    return true;
}
