/*
 * Every way of splitting gives each row a part first; lists, counts and the search for leaks are
 * made from that, so that parts are disjoint by construction.
 */
#include "worker/engine/dataset/split/split.h"

#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/split/groups.h"
#include "worker/engine/dataset/split/kinds.h"
#include "worker/engine/dataset/split/shares.h"

const char *const split_part_name[SPLIT_PART_COUNT] = {"train", "valid", "test"};

void split_plan_release(struct split_plan *plan)
{
    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        row_list_release(&plan->split.part[i]);
        row_list_release(&plan->rows.part[i]);
    }
    buffer_release(&plan->left_out);
    *plan = (struct split_plan){0};
}

#define LEFT_OUT ((int8_t)-2) /* of all parts, while others are being dealt out */

/* Groups with rows that no part has may be divided; NULL: no memory. */
static int8_t *groups_without_part(const struct splitting *at, const struct group_sizes *groups)
{
    int8_t *of_group = malloc((size_t)groups->names->n + 1);

    if (!of_group) {
        (void)split_no_memory(at->error);
        return NULL;
    }
    memset(of_group, SPLIT_TRAIN, (size_t)groups->names->n + 1);
    for (int64_t row = 0; row < at->dataset->n_rows; row++)
        if (at->part[row] == SPLIT_NO_PART)
            of_group[groups->of_row[row]] = SPLIT_NO_PART;
    return of_group;
}

/* Rows that lists left for training validate by a share: whole groups where there are some,
 * stretches of recordings where samples are windows. */
static bool take_valid(struct splitting *at)
{
    scoped(group_sizes_release) struct group_sizes groups = {0};
    scoped(memory_free) int8_t *of_group = NULL;
    scoped(row_list_release) struct row_list list = {0};
    double share[SPLIT_PART_COUNT];

    if (!split_valid_of_rest(&at->config->split))
        return true;
    if (!split_check_stratified(at))
        return false;
    split_rest_shares(at, share);
    for (int64_t row = 0; row < at->dataset->n_rows; row++) {
        int8_t *part = &at->part[row];

        *part = (int8_t)(*part == SPLIT_NO_PART ? LEFT_OUT
                         : *part == SPLIT_TRAIN ? SPLIT_NO_PART
                                                : *part);
    }
    if (dataset_split_group(at->dataset, &groups.names)) {
        if (!split_group_sizes(at, &groups) || !(of_group = groups_without_part(at, &groups)) ||
            !split_divide_groups(at, &groups, of_group, share))
            return false;
    } else if (split_in_blocks(at)) {
        split_cut_recordings(at, share);
    } else if (!split_all_rows(at, SPLIT_NO_PART, &list) ||
               !split_divide_rows(at, "valid", &list, share)) {
        return false;
    }
    for (int64_t row = 0; row < at->dataset->n_rows; row++)
        if (at->part[row] == LEFT_OUT)
            at->part[row] = SPLIT_NO_PART;
    return true;
}

/* ---- rows that data.where leaves out ----------------------------------------------------------*/

static bool leave_out(struct splitting *at, struct split_plan *plan)
{
    const struct dataset *dataset = at->dataset;
    scoped(where_release) struct where where = {0};

    if (at->config->where.n == 0)
        return true;
    if (!where_open(&at->config->where, dataset->where, dataset->n_where, &where, at->error))
        return false;
    for (int64_t row = 0; row < dataset->n_rows; row++)
        if (!where_keeps(&where, row)) {
            at->part[row] = SPLIT_LEFT_OUT;
            plan->n_left_out++;
        }
    return where_tell(&where, &plan->left_out, at->error);
}

/* A value that is written wrong, or missing, would take its rows out of all parts unseen. What
 * data.where leaves out is meant to be. */
static bool count_unnamed(const struct splitting *at, struct split_plan *plan)
{
    const struct dataset *dataset = at->dataset;
    scoped(memory_free) bool *seen = NULL;

    if (!split_by_column(&at->config->split) || at->said[0] || at->said[1] || at->said[2])
        return true;
    seen = calloc((size_t)dataset->split_values.n + 1, sizeof(*seen));
    if (!seen)
        return split_no_memory(at->error);
    for (int64_t row = 0; row < dataset->n_rows; row++) {
        int32_t value = dataset->split_value[row];

        if (at->part[row] != SPLIT_NO_PART)
            continue;
        if (plan->n_unnamed++ == 0)
            plan->unnamed = dataset->split_values.text[value];
        plan->n_unnamed_values += !seen[value];
        seen[value] = true;
    }
    return true;
}

/* Windows that were dealt out one by one do not ask what their rows are. */
static bool touches_none(const void *context, int64_t row)
{
    const struct splitting *at = context;
    struct row_span span = window_span(at->window, &at->dataset->series, row);

    for (int64_t i = 0; i < span.steps; i++)
        if (span.first + i >= span.low && span.first + i < span.high &&
            at->part[span.first + i] == SPLIT_LEFT_OUT)
            return false;
    return true;
}

/* ---- from parts to a plan ---------------------------------------------------------------------*/

/* Of single windows dealt out at random all rows are those of some window. */
static bool list_part(const struct splitting *at, int part, struct split_plan *plan)
{
    struct row_list *list = &plan->split.part[part], *rows = &plan->rows.part[part];

    if (!at->window)
        return split_all_rows(at, (int8_t)part, list);
    if (split_in_blocks(at) || !split_kind_of(&at->config->split)->single)
        return split_all_rows(at, (int8_t)part, rows) &&
               window_list(at->window, at->dataset, at->part, part, list, at->error);
    return split_all_rows(at, (int8_t)part, list) &&
           (plan->n_left_out == 0 || row_list_filter(list, touches_none, at, at->error)) &&
           window_rows(at->window, at->dataset, list, rows, at->error);
}

/* Adds how many samples there are, whatever the parts. */
static bool add_samples(const struct splitting *at, int64_t *n)
{
    scoped(row_list_release) struct row_list list = {0};

    if (at->window && !window_list(at->window, at->dataset, NULL, 0, &list, at->error))
        return false;
    *n += at->window ? list.n : at->dataset->n_rows;
    return true;
}

/* Samples of which no target is known are none (data.missing_targets); where rows without one were
 * refused there is nothing to look for. */
static bool drop_untold(const struct splitting *at, struct row_list *list)
{
    if (at->config->missing_targets == MISSING_TARGETS_REFUSE)
        return true;
    return window_truth_steps(at->window) > 1
               ? window_drop_untold(at->window, at->dataset, list, at->error)
               : dataset_drop_untold(at->dataset, list, at->error);
}

static bool make_lists(const struct splitting *at, struct split_plan *plan)
{
    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        struct row_list *list = &plan->split.part[i];
        bool wanted =
            i == SPLIT_TRAIN ||
            (at->said[i] && !(cJSON_IsNumber(at->said[i]) && at->said[i]->valuedouble == 0));

        if (!list_part(at, i, plan) || !drop_untold(at, list))
            return false;
        if (list->n == 0 && wanted)
            return error_set_at(at->error, ERROR_INVALID, "data.split", "the %s part %s",
                                split_part_name[i],
                                at->window ? "has no whole window" : "is empty");
        plan->n_unused -= list->n;
    }
    return add_samples(at, &plan->n_unused);
}

/* Rows without a target are in no part, whatever they were dealt to. */
static void forget_untold(const struct splitting *at, const struct split_plan *plan)
{
    if (at->window || at->config->missing_targets == MISSING_TARGETS_REFUSE)
        return;
    memset(at->part, SPLIT_NO_PART, (size_t)at->dataset->n_rows);
    for (int part = 0; part < SPLIT_PART_COUNT; part++)
        for (struct row_walk walk = {.list = &plan->split.part[part]}; row_walk(&walk);)
            at->part[walk.row] = (int8_t)part;
}

static bool count_groups(const struct splitting *at, struct split_plan *plan)
{
    const struct dictionary *names = &at->dataset->groups;
    const int32_t *of_row = at->dataset->group;
    scoped(memory_free) uint8_t *parts = NULL;

    if (!of_row)
        of_row = dataset_split_group(at->dataset, &names);
    if (!of_row)
        return true;
    parts = calloc((size_t)names->n + 1, 1);
    if (!parts)
        return split_no_memory(at->error);
    forget_untold(at, plan);
    for (int64_t row = 0; row < at->dataset->n_rows; row++)
        if (at->part[row] >= 0)
            parts[of_row[row]] |= (uint8_t)(1U << at->part[row]);
    for (int32_t i = 0; i < names->n; i++) {
        for (int part = 0; part < SPLIT_PART_COUNT; part++)
            plan->n_groups[part] += parts[i] >> part & 1;
        plan->n_shared_groups += (parts[i] & (parts[i] - 1)) != 0;
    }
    for (int64_t row = 0; plan->n_shared_groups > 0 && row < at->dataset->n_rows; row++)
        plan->n_shared_rows +=
            at->part[row] >= 0 && (parts[of_row[row]] & (parts[of_row[row]] - 1)) != 0;
    return true;
}

static bool check_leak(const struct splitting *at, const struct split_plan *plan)
{
    if (plan->n_shared_rows == 0 || at->config->allow_leak)
        return true;
    if (plan->n_shared_groups == 0)
        return error_set_at(at->error, ERROR_INVALID, "data.split",
                            "leaks: %lld rows lie in windows of several parts; deal out blocks "
                            "(data.split.windows), or say why in data.allow_leak",
                            (long long)plan->n_shared_rows);
    return error_set_at(at->error, ERROR_INVALID, "data.split",
                        "leaks: %lld of the %d groups of '%s' (%lld rows) lie in several parts; "
                        "split by group, or say why in data.allow_leak",
                        (long long)plan->n_shared_groups, at->dataset->groups.n,
                        at->config->group.n ? at->config->group.item[0] : "",
                        (long long)plan->n_shared_rows);
}

/* What windows share counts more than groups that they share, and is looked for in any case. */
static bool count_windows(const struct splitting *at, struct split_plan *plan)
{
    int64_t shared;

    if (!at->window)
        return true;
    if (!window_count_shared(at->window, at->dataset, &plan->split, &shared, at->error))
        return false;
    if (shared > plan->n_shared_rows)
        plan->n_shared_rows = shared;
    return true;
}

const struct split *split_fit_rows(const struct split_plan *plan)
{
    return plan->windows ? &plan->rows : &plan->split;
}

void split_forget_rows(struct split_plan *plan)
{
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        row_list_release(&plan->rows.part[i]);
}

bool split_stretches(const struct split_plan *plan, const struct dataset *dataset,
                     struct stretches *ret_stretches, struct error *error)
{
    const struct split *rows = split_fit_rows(plan);
    scoped(memory_free) uint8_t *mark = calloc((size_t)dataset->n_rows + 1, 1);
    bool shared = false;

    if (!mark)
        return split_no_memory(error);
    for (int part = 0; part < SPLIT_PART_COUNT; part++)
        for (struct row_walk walk = {.list = &rows->part[part]}; row_walk(&walk);) {
            uint8_t *at = &mark[walk.row];

            shared = shared || *at;
            *at |= (uint8_t)(1U << part);
        }
    if (shared)
        memset(mark, 0, (size_t)dataset->n_rows);
    return series_cut(&dataset->series, mark, ret_stretches, error);
}

bool split_make(const struct data_config *config, const char *cwd, const struct dataset *dataset,
                const struct window_config *window, uint64_t seed, struct split_plan *ret_plan,
                struct error *error)
{
    const struct split_config *split = &config->split;
    const struct split_kind *kind = split_kind_of(split);
    scoped(split_plan_release) struct split_plan plan = {0};
    scoped(memory_free) int8_t *part = malloc((size_t)dataset->n_rows + 1);
    struct splitting at = {.config = config,
                           .cwd = cwd,
                           .dataset = dataset,
                           .window = window,
                           .seed = split->seed >= 0 ? (uint64_t)split->seed : seed,
                           .part = part,
                           .said = {split->train, split->valid, split->test},
                           .error = error};

    if (!part)
        return split_no_memory(error);
    memset(part, SPLIT_NO_PART, (size_t)dataset->n_rows + 1);
    plan.by = kind->kind.name;
    plan.windows = window != NULL;
    plan.seed = at.seed;
    if ((window && !window_check_length(window, dataset, error)) || !kind->deal(&at) ||
        !take_valid(&at) || !leave_out(&at, &plan) || !count_unnamed(&at, &plan) ||
        !make_lists(&at, &plan) || !count_groups(&at, &plan) || !count_windows(&at, &plan) ||
        !check_leak(&at, &plan))
        return false;
    *ret_plan = plan;
    plan = (struct split_plan){0};
    return true;
}

bool split_sources(const struct data_config *config, const char *cwd, cJSON *list,
                   struct error *error)
{
    const cJSON *const said[] = {config->split.train, config->split.valid, config->split.test};
    scoped(buffer_release) struct buffer path = {0};

    for (int i = 0; split_kind_of(&config->split)->reads_files && i < SPLIT_PART_COUNT; i++) {
        cJSON *item;

        if (!cJSON_IsString(said[i]))
            continue;
        if (!data_path(cwd, said[i]->valuestring, &path, error))
            return false;
        item = cJSON_CreateString(path.data);
        if (!item || !cJSON_AddItemToArray(list, item))
            return split_no_memory(error);
    }
    return true;
}
