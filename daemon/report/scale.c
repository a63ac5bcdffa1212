#include "daemon/report/scale.h"

#include "common/owner.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

bool report_scale_read(const cJSON *params, const cJSON **ret_scale, struct error *error)
{
    const cJSON *scale = json_member(params, "scale"), *item;
    bool good = !scale || cJSON_IsObject(scale);

    cJSON_ArrayForEach(item, scale) good =
        good && cJSON_IsNumber(item) && isfinite(item->valuedouble) && item->valuedouble != 0;
    if (!good)
        return error_set_at(error, ERROR_INVALID, "scale",
                            "expected {metric: factor} with factors other than 0");
    *ret_scale = scale;
    return true;
}

/* "rmse" is meant by "test.rmse" and by "rmse". */
static bool is_meant(const char *metric, const char *name)
{
    size_t length = strlen(metric), size = strlen(name);

    return length >= size && strcmp(metric + length - size, name) == 0 &&
           (length == size || metric[length - size - 1] == '.');
}

double report_scale_factor(const cJSON *scale, const char *metric)
{
    const cJSON *item;
    double factor = 1;

    cJSON_ArrayForEach(item, scale)
    {
        if (is_meant(metric, item->string))
            factor = item->valuedouble;
    }
    return factor;
}

void report_scale_name(const cJSON *scale, const char *metric, char *ret_name, size_t size)
{
    double factor = report_scale_factor(scale, metric);
    char ending[32] = "";
    int room;

    if (factor != 1)
        (void)snprintf(ending, sizeof(ending), " x %g", factor);
    room = (int)(size - 1 - strlen(ending)); /* a number without its factor would be a wrong one */
    (void)snprintf(ret_name, size, "%.*s%s", room, metric, ending);
}

void report_scale_metric(const cJSON *scale, struct report_metric *metric)
{
    struct report_metric scaled = *metric;

    report_scale_name(scale, metric->name, scaled.name, sizeof(scaled.name));
    scaled.minimize = metric->minimize != (report_scale_factor(scale, metric->name) < 0);
    *metric = scaled;
}

bool report_scale_values(const cJSON *scale, cJSON **values, struct error *error)
{
    scoped(json_free) cJSON *scaled = cJSON_CreateObject();
    bool good = scaled != NULL;

    while (good && (*values)->child) {
        cJSON *item = cJSON_DetachItemViaPointer(*values, (*values)->child);
        char name[REPORT_SCALE_NAME];

        report_scale_name(scale, item->string, name, sizeof(name));
        if (cJSON_IsNumber(item))
            cJSON_SetNumberValue(item,
                                 item->valuedouble * report_scale_factor(scale, item->string));
        good = json_add_item(scaled, name, &item);
    }
    if (!good)
        return error_set(error, ERROR_NO_MEMORY, "scaling metrics");
    json_free(values);
    *values = take(&scaled);
    return true;
}
