#include "worker/engine/sampling/order.h"
#include "worker/engine/sampling/sampling.h"

#include <math.h>
#include <stdlib.h>

#include "common/owner.h"

static const char *const by_names[] = {"random", "stratified", "stride", "head", "group", NULL};

static const struct setting subset_settings[] = {
    SETTING_CHOICE(
        struct subset_config, by, SUBSET_RANDOM, by_names,
        "random: any rows; stratified: with the classes' shares, each rounded; stride: every so "
        "many-th; head: the first ones; group: whole groups (data.group), as many as do "
        "not exceed the rows, but one. Smaller subsets lie in larger ones, but for "
        "stride."),
    SETTING_INTEGER(struct subset_config, rows, 0, 0, 1e12, "rows",
                    "How many training rows stay; 0: as share has it."),
    SETTING_REAL(struct subset_config, share, 1, 0, 1, SETTING_OPEN_LOW, "",
                 "Which share of the training rows stays."),
    SETTING_INTEGER(struct subset_config, offset, 0, 0, 1e12, "rows",
                    "The first row that stays, for stride."),
    {0},
};

const struct transform_kind transform_subset = {
    .kind = {.name = "subset",
             .help = "Training sees only some of its rows. What they cover is told.",
             .config_size = sizeof(struct subset_config),
             .settings = subset_settings},
};

static int64_t wanted(const struct subset_config *config, int64_t n)
{
    int64_t rows = config->rows > 0 ? config->rows : (int64_t)llround(config->share * (double)n);

    rows = rows > 0 ? rows : 1;
    return rows < n ? rows : n;
}

/* The list becomes row[0..n), which it owns from here on. */
static void take_rows(struct row_list *rows, int64_t *row, int64_t n)
{
    row_list_release(rows);
    *rows = (struct row_list){.row = row, .n = n};
}

static bool take_stride(const struct subset_config *config, struct row_list *rows,
                        struct error *error)
{
    int64_t most = wanted(config, rows->n), stride = rows->n / most, n = 0;
    int64_t *row = calloc((size_t)most + 1, sizeof(*row));

    if (!row)
        return error_set(error, ERROR_NO_MEMORY, "choosing training rows");
    for (int64_t i = config->offset; i < rows->n && n < most; i += stride)
        row[n++] = row_list_at(rows, i);
    take_rows(rows, row, n);
    return true;
}

/* Of each class the share that the whole has, so that a larger subset has no fewer of any. */
static bool take_stratified(const struct subset_config *config, const uint64_t *row_id,
                            const int32_t *label, int64_t n_classes, uint64_t seed,
                            struct row_list *rows, struct error *error)
{
    double share = rows->n > 0 ? (double)wanted(config, rows->n) / (double)rows->n : 0;
    int64_t n = 0;
    scoped(memory_free) int64_t *kept = calloc((size_t)rows->n + 1, sizeof(*kept));

    if (!kept)
        return error_set(error, ERROR_NO_MEMORY, "choosing training rows");
    for (int64_t class = 0; class < n_classes; class ++) {
        scoped(memory_free) int64_t *ordered = NULL;
        int64_t members, take_n;

        if (!sampling_order(row_id, label, class, seed, rows, &ordered, &members, error))
            return false;
        take_n = (int64_t)llround(share * (double)members);
        for (int64_t i = 0; i < take_n; i++)
            kept[n++] = ordered[i];
    }
    sampling_sort(kept, n);
    take_rows(rows, take(&kept), n);
    return true;
}

static bool take_random(const struct subset_config *config, const uint64_t *row_id, uint64_t seed,
                        struct row_list *rows, struct error *error)
{
    scoped(memory_free) int64_t *ordered = NULL;
    int64_t n = wanted(config, rows->n), all;

    if (!sampling_order(row_id, NULL, 0, seed, rows, &ordered, &all, error))
        return false;
    sampling_sort(ordered, n);
    take_rows(rows, take(&ordered), n);
    return true;
}

struct chosen {
    const int32_t *group;
    const bool *stays; /* [n_groups] */
};

static bool is_chosen(const void *context, int64_t row)
{
    const struct chosen *chosen = context;

    return chosen->stays[chosen->group[row]];
}

/* Groups in an order of their own, until the next one would be too much. */
static bool take_groups(const struct subset_config *config, const struct subset_keys *keys,
                        uint64_t seed, struct row_list *rows, struct error *error)
{
    size_t n_groups = (size_t)keys->n_groups;
    scoped(memory_free) int64_t *size = calloc(n_groups + 1, sizeof(*size)), *order = NULL;
    scoped(memory_free) bool *stays = calloc(n_groups + 1, sizeof(*stays));
    struct row_run run = {.stride = 1, .n = keys->n_groups};
    const struct row_list every = {.run = &run, .n_runs = 1, .n = keys->n_groups};
    const struct chosen chosen = {.group = keys->group, .stays = stays};
    int64_t left = wanted(config, rows->n), n, taken = 0;

    if (!size || !stays)
        return error_set(error, ERROR_NO_MEMORY, "choosing training rows");
    for (struct row_walk at = {.list = rows}; row_walk(&at);)
        size[keys->group[at.row]]++;
    if (!sampling_order(NULL, NULL, 0, seed, &every, &order, &n, error))
        return false;
    for (int64_t i = 0; i < n && (taken == 0 || size[order[i]] <= left); i++) {
        stays[order[i]] = true;
        left -= size[order[i]];
        taken += size[order[i]] > 0;
    }
    return row_list_filter(rows, is_chosen, &chosen, error);
}

bool sampling_subset(const struct subset_config *config, const struct subset_keys *keys,
                     uint64_t seed, struct row_list *rows, struct error *error)
{
    if (rows->n == 0)
        return true;
    switch ((enum subset_by)config->by) {
    case SUBSET_RANDOM:
        return take_random(config, keys->row_id, seed, rows, error);
    case SUBSET_STRATIFIED:
        if (!keys->label)
            return error_set_at(error, ERROR_INVALID, "prepare",
                                "a stratified subset needs classes");
        return take_stratified(config, keys->row_id, keys->label, keys->n_classes, seed, rows,
                               error);
    case SUBSET_STRIDE:
        return take_stride(config, rows, error);
    case SUBSET_HEAD:
        row_list_truncate(rows, wanted(config, rows->n));
        return true;
    case SUBSET_GROUP:
        if (!keys->group)
            return error_set_at(error, ERROR_INVALID, "prepare",
                                "a subset by group needs groups: name them in data.group");
        return take_groups(config, keys, seed, rows, error);
    }
    return true;
}
