#include "daemon/report/outcome.h"

#include "common/owner.h"

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "reporting");
}

static bool add_copy(cJSON *object, const char *name, const cJSON *value)
{
    cJSON *copy = cJSON_Duplicate(value, true);

    return copy && json_add_item(object, name, &copy);
}

bool outcome_add_head(struct store *store, const struct store_batch_head *head,
                      const struct summary *summary, cJSON *batch, struct error *error)
{
    cJSON *counts;

    if (!store_batch_counts(store, head->id, &counts, error))
        return false;
    return (json_add_integer(batch, "id", head->id) && json_add_text(batch, "name", head->name) &&
            (head->question ? json_add_text(batch, "question", head->question)
                            : cJSON_AddNullToObject(batch, "question") != NULL) &&
            (head->expectation ? json_add_text(batch, "expectation", head->expectation)
                               : cJSON_AddNullToObject(batch, "expectation") != NULL) &&
            json_add_integer(batch, "first", head->first) &&
            json_add_integer(batch, "last", head->last) &&
            json_add_number(batch, "created", (double)head->created_ms / 1000) &&
            (head->ended_ms ? json_add_number(batch, "ended", (double)head->ended_ms / 1000)
                            : cJSON_AddNullToObject(batch, "ended") != NULL) &&
            json_add_item(batch, "counts", &counts) &&
            (*summary->metric.name ? json_add_text(batch, "metric", summary->metric.name)
                                   : cJSON_AddNullToObject(batch, "metric") != NULL) &&
            json_add_text(batch, "goal", summary->metric.minimize ? "minimize" : "maximize")) ||
           no_memory(error);
}

static bool is_wanted(const struct summary_group *group, enum outcome_marks marks)
{
    bool marked = cJSON_GetArraySize(group->marks) > 0;

    return group->n > 0 && (marks == OUTCOME_ANY || marked == (marks == OUTCOME_MARKED));
}

bool outcome_add_best(cJSON *batch, const char *name, const struct summary *summary,
                      enum outcome_marks marks, struct error *error)
{
    const struct summary_group *best = NULL;
    cJSON *object;

    for (size_t i = 0; i < summary->n; i++) {
        const struct summary_group *group = &summary->group[i];

        if (is_wanted(group, marks) &&
            (!best || report_metric_better(&summary->metric, group->best_value, best->best_value)))
            best = group;
    }
    if (!best)
        return cJSON_AddNullToObject(batch, name) || no_memory(error);
    object = json_add_object(batch, name);
    return (object && json_add_integer(object, "id", best->best_id) &&
            json_add_number(object, "value", best->best_value) &&
            json_add_number(object, "naive", best->best_naive) &&
            add_copy(object, "parameters", best->parameters) &&
            add_copy(object, "marks", best->marks)) ||
           no_memory(error);
}
