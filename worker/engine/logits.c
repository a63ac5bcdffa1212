#include "worker/engine/logits.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/owner.h"
#include "worker/engine/report.h"

#define RANGE_MIN 1.0

void logits_release(struct logits *logits)
{
    free(logits->count);
    *logits = (struct logits){0};
}

bool logits_init(struct logits *logits, int64_t n_outputs, struct error *error)
{
    *logits = (struct logits){
        .n_outputs = n_outputs,
        .range = RANGE_MIN,
        .count = calloc((size_t)n_outputs * 2 * LOGITS_BINS, sizeof(*logits->count)),
    };
    return logits->count || error_set(error, ERROR_NO_MEMORY, "counting outputs");
}

/* Twice the range: two bins become one. */
static void widen(struct logits *logits)
{
    logits->range *= 2;
    for (int64_t i = 0; i < logits->n_outputs * 2; i++) {
        int64_t *bin = logits->count + i * LOGITS_BINS, wide[LOGITS_BINS] = {0};

        for (int k = 0; k < LOGITS_BINS; k++)
            wide[(LOGITS_BINS / 2 + k) / 2] += bin[k];
        memcpy(bin, wide, sizeof(wide));
    }
}

static void count(struct logits *logits, int64_t output, bool own, double value)
{
    int64_t *bin = logits->count + (2 * output + !own) * LOGITS_BINS;

    if (!isfinite(value))
        return;
    while (value < -logits->range || value >= logits->range)
        widen(logits);
    bin[(int)floor((value + logits->range) / (2 * logits->range) * LOGITS_BINS)]++;
}

/* The class that output k speaks for. */
static int64_t class_of(int64_t n_outputs, int64_t k)
{
    return n_outputs == 1 ? 1 : k;
}

void logits_add(struct logits *logits, const struct tensor *y, const struct sample_set *set,
                const int64_t *row, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const struct truth_span truth = sample_truth(set, row[i]);

        for (int64_t at = 0; at < truth.n; at++) {
            int32_t label = set->label[truth.first + at];
            const real *output = y->data + ((truth.step + at) * n + i) * y->width;

            for (int64_t k = 0; label >= 0 && k < logits->n_outputs; k++)
                count(logits, k, label == class_of(logits->n_outputs, k), (double)output[k]);
        }
    }
}

static bool add_columns(const struct logits *logits, cJSON *columns)
{
    bool added = cJSON_AddItemToArray(columns, cJSON_CreateString("output")) &&
                 cJSON_AddItemToArray(columns, cJSON_CreateString("of rows"));

    for (int k = 0; added && k < LOGITS_BINS; k++) {
        char edge[32];

        (void)snprintf(edge, sizeof(edge), "%.3g+",
                       -logits->range + 2 * logits->range * k / LOGITS_BINS);
        added = cJSON_AddItemToArray(columns, cJSON_CreateString(edge));
    }
    return added;
}

static bool add_row(const struct logits *logits, const struct sample_set *set, int64_t i,
                    cJSON *rows)
{
    cJSON *row = cJSON_CreateArray();
    bool added =
        cJSON_AddItemToArray(rows, row) &&
        cJSON_AddItemToArray(
            row, cJSON_CreateString(set->class_name[class_of(logits->n_outputs, i / 2)])) &&
        cJSON_AddItemToArray(row, cJSON_CreateString(i % 2 ? "others" : "its own"));

    for (int k = 0; added && k < LOGITS_BINS; k++)
        added = cJSON_AddItemToArray(
            row, cJSON_CreateNumber((double)logits->count[i * LOGITS_BINS + k]));
    return added;
}

bool logits_report(const struct logits *logits, const struct sample_set *set, const char *part,
                   int64_t epoch, struct error *error)
{
    scoped(json_free) cJSON *fields = cJSON_CreateObject();
    cJSON *columns = NULL, *rows = NULL;
    char name[64];
    bool made;

    (void)snprintf(name, sizeof(name), "%s.logits[%" PRId64 "]", part, epoch);
    made = fields && json_add_text(fields, "name", name) &&
           json_add_integer(fields, "step", epoch) &&
           (columns = json_add_array(fields, "columns")) &&
           (rows = json_add_array(fields, "rows")) && add_columns(logits, columns);
    for (int64_t i = 0; made && i < logits->n_outputs * 2; i++)
        made = add_row(logits, set, i, rows);
    if (!made)
        return error_set(error, ERROR_NO_MEMORY, "reporting %s", name);
    return report_event("table", &fields, error);
}
