#include "daemon/report/metric.h"

#include <stdio.h>
#include <string.h>

/* The name proper, without its part ("test.") and what it is of ("[iris.a]"). */
static size_t proper_name(const char *name, const char **ret_start)
{
    size_t length = strcspn(name, "[");
    const char *dot = memrchr(name, '.', length);

    *ret_start = dot ? dot + 1 : name;
    return length - (size_t)(*ret_start - name);
}

bool report_metric_minimizes(const char *name)
{
    static const char *const lower_is_better[] = {"loss",
                                                  "rmse",
                                                  "mse",
                                                  "mae",
                                                  "mape",
                                                  "error",
                                                  "deviance",
                                                  "perplexity",
                                                  "entropy",
                                                  "brier",
                                                  "regret",
                                                  "time",
                                                  "seconds",
                                                  "divergence",
                                                  "distance",
                                                  "crps",
                                                  "nll",
                                                  "pinball",
                                                  "exoplanet_numerator"};
    static const char *const whole[] = {"ece", "width"}; /* parts of too many other words */
    const char *start;
    size_t length = proper_name(name, &start);
    char proper[sizeof(((struct report_metric *)0)->name)];

    (void)snprintf(proper, sizeof(proper), "%.*s", (int)length, start);
    for (size_t i = 0; i < sizeof(lower_is_better) / sizeof(lower_is_better[0]); i++) {
        if (strcasestr(proper, lower_is_better[i]))
            return true;
    }
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        if (strcasecmp(proper, whole[i]) == 0)
            return true;
    }
    return false;
}

bool report_metric_better(const struct report_metric *metric, double a, double b)
{
    return metric->minimize ? a < b : a > b;
}

/* Which direction of a metric is better: of the sweep's own as it says, else as those that reported
 * it say, else by its name. */
static bool find_direction(struct store *store, const struct store_batch_head *head, int64_t first,
                           int64_t last, struct report_metric *metric, struct error *error)
{
    bool said;

    if (head->metric && strcmp(head->metric, metric->name) == 0) {
        metric->minimize = head->minimize;
        return true;
    }
    if (!store_metric_goal(store, first, last, metric->name, &said, &metric->minimize, error))
        return false;
    if (!said)
        metric->minimize = report_metric_minimizes(metric->name);
    return true;
}

static bool read_goal(const char *goal, bool *ret_minimize, struct error *error)
{
    *ret_minimize = strcmp(goal, "minimize") == 0;
    return *ret_minimize || strcmp(goal, "maximize") == 0 ||
           error_set_at(error, ERROR_INVALID, "goal", "expected minimize or maximize, not '%s'",
                        goal);
}

bool report_metric_read(struct store *store, const struct store_batch_head *head,
                        const struct store_ids *ids, const char *name, const char *goal,
                        struct report_metric *ret_metric, struct error *error)
{
    struct report_metric metric = {0};

    if (name && strlen(name) >= sizeof(metric.name))
        return error_set_at(error, ERROR_INVALID, "metric", "a name of over %zu bytes",
                            sizeof(metric.name) - 1);
    if (!name || !*name) {
        if (!report_metric_choose(store, head, &metric, error))
            return false;
    } else {
        (void)snprintf(metric.name, sizeof(metric.name), "%s", name);
        if (!find_direction(store, head, ids->item[0], ids->item[ids->n - 1], &metric, error))
            return false;
    }
    if (goal && !read_goal(goal, &metric.minimize, error))
        return false;
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

static bool choose_name(struct store *store, const struct store_batch_head *head, char *name,
                        size_t size, struct error *error)
{
    bool found;

    if (head->metric) {
        (void)snprintf(name, size, "%s", head->metric);
        return true;
    }
    return choose_evaluated(store, head, name, size, &found, error) &&
           (found || store_first_metric(store, head->first, head->last, name, size, error));
}

bool report_metric_choose(struct store *store, const struct store_batch_head *head,
                          struct report_metric *ret_metric, struct error *error)
{
    struct report_metric metric = {0};

    if (!choose_name(store, head, metric.name, sizeof(metric.name), error) ||
        !find_direction(store, head, head->first, head->last, &metric, error))
        return false;
    *ret_metric = metric;
    return true;
}
