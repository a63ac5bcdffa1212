#include "worker/engine/metric/bootstrap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/owner.h"
#include "common/random.h"
#include "worker/engine/report.h"

#define WORK_MAX 20000000 /* rows times draws */
#define TIMES_MIN 20
#define TAIL 0.025

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return isnan(x) - isnan(y) ? isnan(x) - isnan(y) : (x > y) - (x < y);
}

struct draw { /* owned */
    int64_t *row;
    double *prediction;
};

static void draw_release(struct draw *draw)
{
    free(draw->row);
    free(draw->prediction);
}

static void fill(const struct bootstrap *bootstrap, int64_t number, int64_t width,
                 struct draw *draw)
{
    uint32_t purpose = random_purpose("bootstrap", "test");

    for (int64_t i = 0; i < bootstrap->n; i++) {
        int64_t at = (int64_t)random_below(bootstrap->seed, (uint64_t)i, (uint64_t)number, purpose,
                                           (uint64_t)bootstrap->n);

        draw->row[i] = bootstrap->row[at];
        memcpy(draw->prediction + i * width, bootstrap->prediction + at * width,
               (size_t)width * sizeof(double));
    }
}

/* ret_value: [n_values][times] */
static bool draw_all(const struct bootstrap *bootstrap, int64_t times, int64_t n_values,
                     double *ret_value, struct error *error)
{
    int64_t width = metric_width(bootstrap->set, bootstrap->shape);
    size_t n = (size_t)bootstrap->n;
    scoped(draw_release) struct draw draw = {
        .row = calloc(n, sizeof(int64_t)),
        .prediction = calloc(n * (size_t)width, sizeof(double)),
    };

    if (!draw.row || !draw.prediction)
        return error_set(error, ERROR_NO_MEMORY, "drawing rows again");
    for (int64_t number = 0; number < times; number++) {
        scoped(evaluation_release) struct evaluation drawn = {0};

        fill(bootstrap, number, width, &draw);
        if (!metric_evaluate(bootstrap->metrics, bootstrap->set, bootstrap->shape, draw.row,
                             bootstrap->n, draw.prediction, NULL, &drawn, error))
            return false;
        for (int64_t i = 0; i < n_values; i++)
            ret_value[i * times + number] = drawn.value[i].value;
    }
    return true;
}

static bool add_row(cJSON *rows, const struct metric_value *value, double *drawn, int64_t times)
{
    double cell[3] = {value->value};
    int64_t low = (int64_t)(TAIL * (double)times);
    cJSON *row;

    qsort(drawn, (size_t)times, sizeof(*drawn), compare);
    cell[1] = drawn[low];
    cell[2] = drawn[times - 1 - low];
    row = cJSON_CreateDoubleArray(cell, 3);
    return cJSON_AddItemToArray(rows, row) &&
           cJSON_InsertItemInArray(row, 0, cJSON_CreateString(value->name));
}

bool bootstrap_report(const struct bootstrap *bootstrap, const struct evaluation *evaluation,
                      const char *part, struct error *error)
{
    static const char *const columns[] = {"metric", "value", "low", "high"};
    int64_t most = WORK_MAX / bootstrap->n, n_values = evaluation->n_values;
    int64_t times = most < bootstrap->times ? most : bootstrap->times;
    scoped(json_free) cJSON *fields = cJSON_CreateObject();
    scoped(memory_free) double *value = NULL;
    cJSON *rows = NULL, *names = cJSON_CreateArray();
    char name[64];

    times = times < TIMES_MIN ? TIMES_MIN : times;
    value = calloc((size_t)(n_values * times) + 1, sizeof(*value));
    (void)snprintf(name, sizeof(name), "%s.intervals", part);
    for (int i = 0; names && i < 4; i++)
        if (!cJSON_AddItemToArray(names, cJSON_CreateString(columns[i])))
            return error_set(error, ERROR_NO_MEMORY, "drawing rows again");
    if (!value || !json_add_text(fields, "name", name) ||
        !json_add_item(fields, "columns", &names) || !(rows = json_add_array(fields, "rows")))
        return error_set(error, ERROR_NO_MEMORY, "drawing rows again");
    if (!draw_all(bootstrap, times, n_values, value, error))
        return false;
    for (int64_t i = 0; i < n_values; i++)
        if (!add_row(rows, &evaluation->value[i], value + i * times, times))
            return error_set(error, ERROR_NO_MEMORY, "drawing rows again");
    return report_event("table", &fields, error);
}

bool bootstrap_balance(const struct sample_set *set, const int64_t *row, int64_t n, uint64_t seed,
                       int64_t **ret_at, int64_t *ret_n, struct error *error)
{
    scoped(memory_free) int64_t *count = calloc((size_t)set->n_classes, sizeof(*count));
    scoped(memory_free) int64_t *left = calloc((size_t)set->n_classes, sizeof(*left));
    scoped(memory_free) int64_t *at = calloc((size_t)n + 1, sizeof(*at));
    scoped(permutation_release) struct permutation permutation = {0};
    int64_t least = n, found = 0;

    if (!count || !left || !at)
        return error_set(error, ERROR_NO_MEMORY, "balancing rows");
    for (int64_t i = 0; i < n; i++)
        count[set->label[row[i]]]++;
    for (int64_t k = 0; k < set->n_classes; k++)
        if (count[k] > 0 && count[k] < least)
            least = count[k];
    for (int64_t k = 0; k < set->n_classes; k++)
        left[k] = least;
    if (n > 0) {
        if (!permutation_init(&permutation, (uint64_t)n, error))
            return false;
        permutation_draw(&permutation, seed, 0, random_purpose("balance", "test"));
        permutation_range(&permutation, 0, (size_t)n, (uint64_t *)at);
    }
    for (int64_t i = 0; i < n; i++) /* those that are taken move to the front */
        if (left[set->label[row[at[i]]]]-- > 0)
            at[found++] = at[i];
    *ret_at = take(&at);
    *ret_n = found;
    return true;
}
