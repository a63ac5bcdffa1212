#include "daemon/report/summary.h"

#include "common/hash.h"
#include "common/owner.h"
#include "common/spec/spec.h"
#include "daemon/report/interval.h"
#include "daemon/report/scale.h"
#include "daemon/sampler/sampler.h"
#include "daemon/store/report.h"
#include "daemon/tally.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_IDS_LIMIT 100

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "reporting");
}

void summary_release(struct summary *summary)
{
    for (size_t i = 0; i < summary->n; i++) {
        struct summary_group *group = &summary->group[i];

        json_free(&group->parameters);
        json_free(&group->marks);
        json_free(&group->ids);
        free(group->value);
    }
    texts_release(&summary->failures);
    free(summary->group);
    free(summary->slot);
    *summary = (struct summary){0};
}

/* ---- finding the group ---- */

static size_t slot_of(const struct summary *summary, uint64_t key)
{
    size_t i;

    assert(summary->n_slots);
    i = key % summary->n_slots;
    while (summary->slot[i] && summary->group[summary->slot[i] - 1].key != key)
        i = (i + 1) % summary->n_slots;
    return i;
}

static bool grow(struct summary *summary, struct error *error)
{
    size_t capacity = summary->capacity ? 2 * summary->capacity : 64;
    struct summary_group *group = realloc(summary->group, capacity * sizeof(*group));

    if (!group)
        return no_memory(error);
    summary->group = group;
    summary->capacity = capacity;
    free(summary->slot);
    summary->n_slots = 2 * capacity + 1;
    summary->slot = calloc(summary->n_slots, sizeof(*summary->slot));
    if (!summary->slot)
        return no_memory(error);
    for (size_t i = 0; i < summary->n; i++)
        summary->slot[slot_of(summary, summary->group[i].key)] = i + 1;
    return true;
}

static uint64_t key_of(const struct store_outcome *outcome)
{
    const char *parameters = outcome->parameters ? outcome->parameters : "";

    return hash_bytes(outcome->configuration, strlen(outcome->configuration)) * 31 +
           hash_bytes(parameters, strlen(parameters));
}

static bool add_group(struct summary *summary, const struct store_outcome *outcome, uint64_t key,
                      struct error *error)
{
    struct summary_group group = {.key = key, .naive = NAN, .best_naive = NAN};

    if (summary->n == summary->capacity && !grow(summary, error))
        return false;
    if (!store_readable_parameters(outcome->parameters, &group.parameters, error))
        return false;
    (void)snprintf(group.name, sizeof(group.name), "%s", outcome->name);
    group.marks = cJSON_CreateArray();
    group.ids = cJSON_CreateArray();
    summary->group[summary->n] = group;
    summary->slot[slot_of(summary, key)] = ++summary->n;
    return (group.marks && group.ids) || no_memory(error);
}

/* One more than the index of the group; 0: there is none. */
static size_t place_of(const struct summary *summary, uint64_t key)
{
    return summary->n_slots ? summary->slot[slot_of(summary, key)] : 0;
}

static uint64_t hash_resources(const struct resources_config *resources)
{
    const double value[] = {resources->cpus, (double)resources->memory, (double)resources->gpus,
                            resources->time, (double)resources->log,    resources->grace};

    return hash_bytes(value, sizeof(value)) | 1; /* never 0 */
}

static void config_release(struct common_config *config)
{
    settings_release(common_settings, config);
}

static bool read_resources(struct store *store, int64_t experiment, uint64_t *ret_hash,
                           struct error *error)
{
    scoped(config_release) struct common_config config = {0};
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *spec = NULL;

    if (!store_spec(store, experiment, &spec, error))
        return false;
    if (!spec_parse_common(spec, &config, &diagnostics) && diagnostics.n == 0)
        return no_memory(error);
    *ret_hash = hash_resources(&config.resources);
    return true;
}

struct making {
    struct store *store;
    struct summary *summary;
    struct tally tally; /* of values, by group and seed */
};

static void making_release(struct making *making)
{
    tally_release(&making->tally);
}

/* The stored configuration is blind to resources. A swept one is among the parameters, and the
 * first of a key is not asked for its own before there is a second one. */
static bool tell_apart(const struct making *making, const struct store_outcome *outcome,
                       uint64_t *key, struct error *error)
{
    size_t place = place_of(making->summary, *key);
    struct summary_group *first;
    uint64_t resources;

    if (!place || outcome->parameters)
        return true;
    first = &making->summary->group[place - 1];
    if (!first->resources &&
        !read_resources(making->store, (int64_t)cJSON_GetNumberValue(first->ids->child),
                        &first->resources, error))
        return false;
    if (!read_resources(making->store, outcome->id, &resources, error))
        return false;
    if (resources != first->resources)
        *key = *key * 31 + resources;
    return true;
}

static bool find_group(const struct making *making, const struct store_outcome *outcome,
                       struct summary_group **ret_group, struct error *error)
{
    struct summary *summary = making->summary;
    uint64_t key = key_of(outcome);
    size_t place;

    if (!tell_apart(making, outcome, &key, error))
        return false;
    place = place_of(summary, key);
    if (!place) {
        if (!add_group(summary, outcome, key, error))
            return false;
        place = summary->n;
    }
    *ret_group = &summary->group[place - 1];
    return true;
}

/* ---- adding one experiment ---- */

static bool has_text(const cJSON *list, const char *text)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, list)
    {
        if (cJSON_IsString(item) && strcmp(item->valuestring, text) == 0)
            return true;
    }
    return false;
}

static bool add_marks(struct summary_group *group, const char *marks, struct error *error)
{
    scoped(json_free) cJSON *list = NULL;
    const cJSON *mark;

    if (!marks)
        return true;
    if (!json_parse(marks, strlen(marks), &list, error))
        return error_wrap(error, "stored marks");
    cJSON_ArrayForEach(mark, list)
    {
        if (cJSON_IsString(mark) && !has_text(group->marks, mark->valuestring) &&
            !cJSON_AddItemToArray(group->marks, cJSON_CreateString(mark->valuestring)))
            return no_memory(error);
    }
    return true;
}

/* The same under the same seed is no other measurement: the first that is done counts. */
static bool counts(struct making *making, const struct summary_group *group,
                   const struct store_outcome *outcome, bool *ret_counts, struct error *error)
{
    const uint64_t measured[] = {group->key, (uint64_t)outcome->seed};
    int64_t before;

    *ret_counts = outcome->state == EXPERIMENT_DONE && !isnan(outcome->value);
    if (!*ret_counts)
        return true;
    if (!tally_add(&making->tally, hash_bytes(measured, sizeof(measured)), &before, error))
        return false;
    *ret_counts = before == 0;
    return true;
}

static bool add_value(struct making *making, struct summary_group *group,
                      const struct store_outcome *outcome, struct error *error)
{
    const struct summary *summary = making->summary;
    bool new;

    if (!counts(making, group, outcome, &new, error))
        return false;
    if (!new)
        return true;
    if (group->n == group->capacity) {
        size_t capacity = group->capacity ? 2 * group->capacity : 4;
        double *value = realloc(group->value, capacity * sizeof(*value));

        if (!value)
            return no_memory(error);
        group->value = value;
        group->capacity = capacity;
    }
    if (group->n == 0 ||
        report_metric_better(&summary->metric, outcome->value, group->best_value)) {
        group->best_id = outcome->id;
        group->best_value = outcome->value;
        group->best_naive = outcome->naive;
    }
    if (!isnan(outcome->naive)) {
        group->naive_sum += outcome->naive;
        group->naive = group->naive_sum / (double)++group->n_naive;
    }
    group->value[group->n++] = outcome->value;
    group->wall_s += outcome->wall_s;
    return true;
}

static bool add_id(cJSON *list, int64_t id, int limit, struct error *error)
{
    if (cJSON_GetArraySize(list) >= limit)
        return true;
    return cJSON_AddItemToArray(list, cJSON_CreateNumber((double)id)) || no_memory(error);
}

static bool add_failure(struct summary *summary, const struct store_outcome *outcome,
                        struct error *error)
{
    const char *message =
        outcome->message ? outcome->message : experiment_verdict_text(outcome->verdict);

    return texts_add(&summary->failures, message, outcome->id, error);
}

static bool add_outcome(const struct store_outcome *outcome, void *context, struct error *error)
{
    struct making *making = context;
    struct summary *summary = making->summary;
    struct summary_group *group;

    summary->wall_s += outcome->wall_s;
    summary->cpu_s += outcome->cpu_s;
    summary->wasted_s += outcome->wasted_s;
    if (outcome->started_ms && (!summary->started_ms || outcome->started_ms < summary->started_ms))
        summary->started_ms = outcome->started_ms;
    if (outcome->ended_ms > summary->ended_ms)
        summary->ended_ms = outcome->ended_ms;
    if (outcome->state == EXPERIMENT_DONE) {
        summary->done++;
        summary->done_wall_s += outcome->wall_s;
    }
    summary->waiting += outcome->state == EXPERIMENT_QUEUED || outcome->state == EXPERIMENT_HELD;
    summary->live += experiment_state_live(outcome->state);
    return find_group(making, outcome, &group, error) &&
           add_id(group->ids, outcome->id, GROUP_IDS_LIMIT, error) &&
           add_marks(group, outcome->marks, error) && add_value(making, group, outcome, error) &&
           (outcome->state != EXPERIMENT_FAILED || add_failure(summary, outcome, error));
}

static bool add_scaled(const struct store_outcome *outcome, void *context, struct error *error)
{
    const struct making *making = context;
    struct store_outcome scaled = *outcome;

    scaled.value *= making->summary->factor;
    scaled.naive *= making->summary->factor;
    return add_outcome(&scaled, context, error);
}

bool summary_make(struct store *store, const struct store_batch_head *head, const cJSON *scale,
                  struct summary *ret_summary, struct error *error)
{
    const struct sampler_kind *method = head->sweep ? sampler_of(head->sweep) : NULL;
    scoped(summary_release) struct summary summary = {
        .learner = method && method->improve ? method->kind.name : NULL};
    scoped(making_release) struct making making = {store, &summary, {0}};

    if (!report_metric_choose(store, head, &summary.reported, error))
        return false;
    summary.factor = report_scale_factor(scale, summary.reported.name);
    summary.metric = summary.reported;
    report_scale_metric(scale, &summary.metric);
    if (!store_outcomes(store, head->first, head->last, summary.reported.name, add_scaled, &making,
                        error))
        return false;
    *ret_summary = summary;
    summary = (struct summary){0};
    return true;
}

/* ---- figures ---- */

double summary_mean(const struct summary_group *group)
{
    double sum = 0;

    for (size_t i = 0; i < group->n; i++)
        sum += group->value[i];
    return group->n ? sum / (double)group->n : NAN;
}

double summary_sd(const struct summary_group *group)
{
    double mean = summary_mean(group), squares = 0;

    if (group->n < 2)
        return NAN;
    for (size_t i = 0; i < group->n; i++)
        squares += (group->value[i] - mean) * (group->value[i] - mean);
    return sqrt(squares / (double)(group->n - 1));
}

double summary_half(const struct summary_group *group)
{
    return interval_half(group->n, summary_sd(group));
}

static int compare(const struct summary_group *a, const struct summary_group *b, int direction)
{
    double x = summary_mean(a), y = summary_mean(b);

    if (isnan(x) || isnan(y))
        return isnan(x) - isnan(y);
    return direction * ((x > y) - (x < y));
}

static int lowest_first(const void *a, const void *b)
{
    return compare(a, b, 1);
}

static int highest_first(const void *a, const void *b)
{
    return compare(a, b, -1);
}

void summary_sort(struct summary *summary)
{
    if (summary->n)
        qsort(summary->group, summary->n, sizeof(*summary->group),
              summary->metric.minimize ? lowest_first : highest_first);
    /* slots point nowhere now; nothing is added after this */
    summary->n_slots = 0;
}

/* ---- words ---- */

bool summary_label(const struct summary_group *group, struct buffer *out, struct error *error)
{
    const cJSON *item;

    if (!group->parameters || !group->parameters->child)
        return buffer_append_text(out, group->name, error);
    cJSON_ArrayForEach(item, group->parameters)
    {
        if (!buffer_append_format(out, error, "%s%s=", out->size ? " " : "",
                                  spec_short_name(group->parameters, item->string)))
            return false;
        if (!(cJSON_IsString(item) ? buffer_append_text(out, item->valuestring, error)
                                   : json_print(item, out, error)))
            return false;
    }
    return true;
}
