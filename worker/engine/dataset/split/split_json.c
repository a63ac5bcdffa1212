/* A split as JSON: its lists for those who read them, its counts for whoever watches. */
#include "worker/engine/dataset/split/split.h"

#include "common/hash.h"
#include "common/owner.h"

static bool add_run(cJSON *runs, int64_t first, int64_t n, int64_t stride)
{
    cJSON *run = cJSON_CreateDoubleArray((double[]){(double)first, (double)n, (double)stride}, 3);

    return run && cJSON_AddItemToArray(runs, run);
}

/* Steps of a list: [first, how many, from one to the next]. */
static bool add_runs(cJSON *object, const char *name, const struct row_list *list)
{
    cJSON *runs = json_add_array(object, name);

    for (int64_t i = 0; runs && i < list->n_runs; i++)
        if (!add_run(runs, list->run[i].first, list->run[i].n, list->run[i].stride))
            return false;
    for (int64_t i = 0; runs && list->row && i < list->n;) {
        int64_t n = 1, step = i + 1 < list->n ? list->row[i + 1] - list->row[i] : 1;

        while (i + n < list->n && list->row[i + n] - list->row[i + n - 1] == step)
            n++;
        if (!add_run(runs, list->row[i], n, step))
            return false;
        i += n;
    }
    return runs != NULL;
}

static bool add_windows(cJSON *object, const struct split_plan *plan)
{
    cJSON *windows = json_add_object(object, "windows");

    for (int i = 0; windows && i < SPLIT_PART_COUNT; i++)
        if (!add_runs(windows, split_part_name[i], &plan->split.part[i]))
            return false;
    return windows != NULL;
}

static bool add_rows(cJSON *object, const char *name, const struct dataset *dataset,
                     const struct row_list *list)
{
    cJSON *rows = json_add_array(object, name);

    for (struct row_walk walk = {.list = list}; rows && row_walk(&walk);) {
        cJSON *row = cJSON_CreateNumber((double)dataset_file_row(dataset, walk.row));

        if (!row || !cJSON_AddItemToArray(rows, row))
            return false;
    }
    return rows != NULL;
}

/* Of splits into the same samples it is the same. */
static bool add_hash(cJSON *object, const struct split_plan *plan)
{
    uint64_t part[SPLIT_PART_COUNT];
    char text[HASH_TEXT_SIZE];

    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        part[i] = row_list_hash(&plan->split.part[i]);
    return json_add_text(object, "hash", hash_text(part, sizeof(part), text));
}

cJSON *split_json(const struct split_plan *plan, const struct dataset *dataset)
{
    scoped(json_free) cJSON *object = cJSON_CreateObject();

    if (!json_add_text(object, "by", plan->by) ||
        !json_add_integer(object, "seed", (int64_t)plan->seed) ||
        !json_add_integer(object, "rows", dataset->n_rows) ||
        !json_add_integer(object, "shared_groups", plan->n_shared_groups) ||
        !add_hash(object, plan))
        return NULL;
    if (plan->windows)
        return add_windows(object, plan) ? take(&object) : NULL;
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (!add_rows(object, split_part_name[i], dataset, &plan->split.part[i]))
            return NULL;
    return take(&object);
}

cJSON *split_event(const struct split_plan *plan)
{
    scoped(json_free) cJSON *object = cJSON_CreateObject();
    cJSON *groups;

    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (!json_add_integer(object, split_part_name[i], plan->split.part[i].n))
            return NULL;
    if (!json_add_text(object, "by", plan->by) ||
        !json_add_integer(object, "unused", plan->n_unused) || !add_hash(object, plan))
        return NULL;
    if (plan->n_groups[SPLIT_TRAIN] == 0)
        return take(&object);
    groups = json_add_object(object, "groups");
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (!json_add_integer(groups, split_part_name[i], plan->n_groups[i]))
            return NULL;
    return take(&object);
}
