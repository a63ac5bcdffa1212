#include "worker/engine/metric/ranking.h"

#include <stdlib.h>

#include "common/owner.h"

static int compare(const void *a, const void *b)
{
    double x = ((const struct ranked *)a)->score, y = ((const struct ranked *)b)->score;

    return (x > y) - (x < y);
}

bool ranking_measure(const struct outcome *outcome, const char *name,
                     double (*figure)(const struct ranked *row, int64_t n),
                     struct evaluation *evaluation, struct error *error)
{
    scoped(memory_free) struct ranked *row = calloc((size_t)outcome->n, sizeof(*row));
    int64_t k = outcome->n_classes, first = k == 2 ? 1 : 0;
    double sum = 0;

    if (!row)
        return error_set(error, ERROR_NO_MEMORY, "measuring %s", name);
    for (int64_t class = first; class < k; class ++) {
        for (int64_t i = 0; i < outcome->n; i++)
            row[i] = (struct ranked){.score = outcome->prediction[i * k + class],
                                     .positive = outcome->label[i] == class};
        qsort(row, (size_t)outcome->n, sizeof(*row), compare);
        sum += figure(row, outcome->n);
    }
    return evaluation_add(evaluation, GOAL_MAXIMIZE, sum / (double)(k - first), error, "%s", name);
}
