#include "daemon/report/metric.h"

#include <stdio.h>
#include <string.h>

bool report_metric_minimizes(const char *name)
{
    static const char *const lower_is_better[] = {
        "loss",    "rmse",  "mse",    "mae",  "mape",    "error",      "deviance", "perplexity",
        "entropy", "brier", "regret", "time", "seconds", "divergence", "distance"};
    const char *dot = strrchr(name, '.');
    const char *last = dot ? dot + 1 : name;

    for (size_t i = 0; i < sizeof(lower_is_better) / sizeof(lower_is_better[0]); i++) {
        if (strcasestr(last, lower_is_better[i]))
            return true;
    }
    return false;
}

bool report_metric_better(const struct report_metric *metric, double a, double b)
{
    return metric->minimize ? a < b : a > b;
}

bool report_metric_read(const char *name, const char *goal, struct report_metric *ret_metric,
                        struct error *error)
{
    struct report_metric metric = {.minimize = report_metric_minimizes(name)};

    if (strlen(name) >= sizeof(metric.name))
        return error_set_at(error, ERROR_INVALID, "metric", "a name of over %zu bytes",
                            sizeof(metric.name) - 1);
    if (goal && strcmp(goal, "minimize") != 0 && strcmp(goal, "maximize") != 0)
        return error_set_at(error, ERROR_INVALID, "goal", "expected minimize or maximize, not '%s'",
                            goal);
    if (goal)
        metric.minimize = strcmp(goal, "minimize") == 0;
    (void)snprintf(metric.name, sizeof(metric.name), "%s", name);
    *ret_metric = metric;
    return true;
}

/* The first of evaluate.metrics of which there are values of the test rows. */
static bool choose_evaluated(struct store *store, const struct store_batch_head *head, char *name,
                             size_t size, bool *ret_found, struct error *error)
{
    const cJSON *item;

    *ret_found = false;
    cJSON_ArrayForEach(item, json_member(json_member(head->base, "evaluate"), "metrics"))
    {
        const char *text = cJSON_IsString(item) ? item->valuestring : json_text(item, "type", NULL);

        if (!text)
            continue;
        (void)snprintf(name, size, "test.%s", text);
        if (!store_has_metric(store, head->first, head->last, name, ret_found, error))
            return false;
        if (*ret_found)
            return true;
    }
    return true;
}

bool report_metric_choose(struct store *store, const struct store_batch_head *head,
                          struct report_metric *ret_metric, struct error *error)
{
    struct report_metric metric = {0};
    bool found;

    if (head->metric) {
        (void)snprintf(metric.name, sizeof(metric.name), "%s", head->metric);
        metric.minimize = head->minimize;
        *ret_metric = metric;
        return true;
    }
    if (!choose_evaluated(store, head, metric.name, sizeof(metric.name), &found, error))
        return false;
    if (!found && !store_first_metric(store, head->first, head->last, metric.name,
                                      sizeof(metric.name), error))
        return false;
    metric.minimize = report_metric_minimizes(metric.name);
    *ret_metric = metric;
    return true;
}
