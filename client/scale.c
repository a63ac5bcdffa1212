#include "client/scale.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "rmse" is meant by "test.rmse" and by "rmse". */
static bool is_meant(const char *metric, const char *name, size_t size)
{
    size_t length = strlen(metric);

    return length >= size && strncmp(metric + length - size, name, size) == 0 &&
           (length == size || metric[length - size - 1] == '.');
}

/* *ret: 1 where nothing is said of the metric. */
static bool find(const struct arguments *arguments, const char *metric, double *ret,
                 struct error *error)
{
    const char *text;
    size_t at = 0;

    *ret = 1;
    while ((text = arguments_next(arguments, "scale", &at))) {
        const char *equals = strchr(text, '=');
        char *end = NULL;
        double factor = equals ? strtod(equals + 1, &end) : 0;

        if (!equals || equals == text || end == equals + 1 || *end || !isfinite(factor) ||
            factor == 0)
            return error_set(error, ERROR_INVALID,
                             "--scale: expected METRIC=FACTOR, as in rmse=1e5, not '%s'", text);
        if (is_meant(metric, text, (size_t)(equals - text)))
            *ret = factor;
    }
    return true;
}

static void multiply(cJSON *object, const char *name, double factor)
{
    cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    if (item && cJSON_IsNumber(item))
        cJSON_SetNumberValue(item, item->valuedouble * factor);
}

static bool rename_metric(cJSON *object, double factor, struct error *error)
{
    char text[256];

    (void)snprintf(text, sizeof(text), "%s x %g", json_text(object, "metric", ""), factor);
    cJSON_DeleteItemFromObjectCaseSensitive(object, "metric");
    return json_add_text(object, "metric", text) ||
           error_set(error, ERROR_NO_MEMORY, "printing a table");
}

bool scale_best(const struct arguments *arguments, cJSON *result, struct error *error)
{
    double factor;
    cJSON *row;

    if (!find(arguments, json_text(result, "metric", ""), &factor, error))
        return false;
    if (factor == 1)
        return true;
    cJSON_ArrayForEach(row, json_member(result, "rows"))
    {
        multiply(row, "value", factor);
    }
    return rename_metric(result, factor, error);
}

/* One metric of all rows, under the new name. */
static bool scale_column(cJSON *result, cJSON *name, double factor, struct error *error)
{
    char text[256];
    cJSON *row;

    (void)snprintf(text, sizeof(text), "%s x %g", name->valuestring, factor);
    cJSON_ArrayForEach(row, json_member(result, "rows"))
    {
        cJSON *metrics = cJSON_GetObjectItemCaseSensitive(row, "metrics");
        double value = json_number(metrics, name->valuestring, NAN);

        if (isfinite(value) && !json_add_number(metrics, text, value * factor))
            return error_set(error, ERROR_NO_MEMORY, "printing a table");
    }
    return cJSON_SetValuestring(name, text) ||
           error_set(error, ERROR_NO_MEMORY, "printing a table");
}

bool scale_compare(const struct arguments *arguments, cJSON *result, struct error *error)
{
    cJSON *name;

    cJSON_ArrayForEach(name, json_member(result, "metrics"))
    {
        double factor;

        if (!find(arguments, name->valuestring, &factor, error) ||
            (factor != 1 && !scale_column(result, name, factor, error)))
            return false;
    }
    return true;
}

static void scale_batch(cJSON *batch, double factor)
{
    static const char *const number[] = {"mean", "sd", "naive"};
    cJSON *configuration;

    cJSON_ArrayForEach(configuration, json_member(batch, "configurations"))
    {
        for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++)
            multiply(configuration, number[i], factor);
        multiply(cJSON_GetObjectItemCaseSensitive(configuration, "best"), "value", factor);
        multiply(cJSON_GetObjectItemCaseSensitive(configuration, "best"), "naive", factor);
    }
}

bool scale_report(const struct arguments *arguments, cJSON *result, struct error *error)
{
    cJSON *batch;

    cJSON_ArrayForEach(batch, json_member(result, "batches"))
    {
        double factor;

        if (!find(arguments, json_text(batch, "metric", ""), &factor, error))
            return false;
        if (factor == 1)
            continue;
        scale_batch(batch, factor);
        if (!rename_metric(batch, factor, error))
            return false;
    }
    return true;
}
