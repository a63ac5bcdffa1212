/*
 * Which targets stand out, where a batch varies nothing but the target (a probe of each output):
 * those whose score is worse than the median of all by more than so many robust deviations, the
 * median distance from the median times 1.4826, which for a normal distribution is the standard
 * deviation (Iglewicz and Hoaglin: "How to detect and handle outliers", 1993).
 */
#include "daemon/report/summary.h"

#include "common/owner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TARGETS_LEAST 5
#define TOLD_MOST 5
#define NORMAL_DEVIATION 1.4826
#define DEVIATIONS 3.5
#define SHARE 0.05 /* of the median: less is no reason to look */

/* Of the honest numbers. */
static bool counts(const struct summary_group *group)
{
    return group->n > 0 && cJSON_GetArraySize(group->marks) == 0 && isfinite(summary_mean(group));
}

static bool varies_the_target_alone(const struct summary *summary)
{
    const cJSON *parameters = summary->n > 0 ? summary->group[0].parameters : NULL;

    return parameters && cJSON_GetArraySize(parameters) == 1 &&
           strcmp(parameters->child->string, "data.target") == 0;
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* Sorts. */
static double median(double *value, size_t n)
{
    qsort(value, n, sizeof(*value), by_value);
    return n % 2 ? value[n / 2] : (value[n / 2 - 1] + value[n / 2]) / 2;
}

/* What all of them score, and how far from that one has to be to stand out. */
static bool measure(const struct summary *summary, size_t *ret_n, double *ret_median,
                    double *ret_far, struct error *error)
{
    scoped(memory_free) double *value = calloc(summary->n + 1, sizeof(*value));
    size_t n = 0;

    if (!value)
        return error_set(error, ERROR_NO_MEMORY, "reporting");
    for (size_t i = 0; i < summary->n; i++)
        if (counts(&summary->group[i]))
            value[n++] = summary_mean(&summary->group[i]);
    *ret_n = n;
    if (n < TARGETS_LEAST)
        return true;
    *ret_median = median(value, n);
    for (size_t i = 0; i < n; i++)
        value[i] = fabs(value[i] - *ret_median);
    *ret_far = fmax(DEVIATIONS * NORMAL_DEVIATION * median(value, n), SHARE * fabs(*ret_median));
    return true;
}

static const char *name_of(const struct summary_group *group)
{
    const cJSON *value = group->parameters->child;

    if (cJSON_IsArray(value) && cJSON_GetArraySize(value) == 1)
        value = value->child;
    return cJSON_IsString(value) ? value->valuestring : group->name;
}

bool summary_outliers(const struct summary *summary, cJSON *list, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    double middle = 0, far = 0, sign = summary->metric.minimize ? 1 : -1;
    size_t n = 0, found = 0;

    if (!varies_the_target_alone(summary))
        return true;
    if (!measure(summary, &n, &middle, &far, error))
        return false;
    for (size_t i = 0; n >= TARGETS_LEAST && i < summary->n; i++) {
        const struct summary_group *group = &summary->group[i];
        double mean = summary_mean(group);

        if (!counts(group) || !(sign * (mean - middle) > far) || ++found > TOLD_MOST)
            continue;
        if (!buffer_append_format(&text, error, "%s%s (%.4g)", found > 1 ? ", " : "",
                                  name_of(group), mean))
            return false;
    }
    if (found == 0)
        return true;
    if (!buffer_append_format(&text, error, "%s stand%s out: the median %s of %zu targets is %.4g",
                              found > TOLD_MOST ? " and others" : "", found == 1 ? "s" : "",
                              summary->metric.name, n, middle))
        return false;
    return cJSON_AddItemToArray(list, cJSON_CreateString(text.data)) ||
           error_set(error, ERROR_NO_MEMORY, "reporting");
}
