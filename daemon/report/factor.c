#include "daemon/report/factor.h"

#include "common/owner.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool text_of(const cJSON *value, char *ret_text, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};

    if (cJSON_IsString(value)) {
        (void)snprintf(ret_text, FACTOR_LEVEL_TEXT, "%s", value->valuestring);
        return true;
    }
    if (!json_print(value, &text, error))
        return false;
    (void)snprintf(ret_text, FACTOR_LEVEL_TEXT, "%s", text.data);
    return true;
}

/* *ret_level NULL: there are too many. */
static bool level_of(struct factor *factor, const cJSON *value, struct factor_level **ret_level,
                     struct error *error)
{
    struct factor_level *level = factor->level;

    while (level < factor->level + factor->n && !cJSON_Compare(level->value, value, true))
        level++;
    factor->overflow = level == factor->level + FACTOR_LEVELS_LIMIT;
    *ret_level = factor->overflow ? NULL : level;
    if (factor->overflow || level < factor->level + factor->n)
        return true;
    level->value = value;
    factor->n++;
    return text_of(value, level->text, error);
}

static void add_value(struct factor_level *level, double value)
{
    double deviation = value - level->mean;

    level->n++;
    level->mean += deviation / (double)level->n;
    level->squares += deviation * (value - level->mean);
}

bool factor_read(const struct summary *summary, const char *name, bool honest,
                 struct factor *ret_factor, struct error *error)
{
    struct factor *factor = ret_factor;

    *factor = (struct factor){.name = name, .honest = honest};
    for (size_t i = 0; i < summary->n; i++) {
        const struct summary_group *group = &summary->group[i];
        const cJSON *value = json_member(group->parameters, name);
        struct factor_level *level;

        if (!value || group->n == 0 || (honest && group->marks->child))
            continue;
        if (!level_of(factor, value, &level, error))
            return false;
        if (!level)
            return true;
        for (size_t j = 0; j < group->n; j++)
            add_value(level, group->value[j]);
        if (group->marks->child && !level->marked) {
            level->marked = true;
            (void)snprintf(level->mark, sizeof(level->mark), " [%s]",
                           group->marks->child->valuestring);
        }
    }
    return true;
}

/* NaN: too few values. */
static double spread_over_replicates(const struct summary *summary, bool honest)
{
    double squares = 0;
    size_t freedom = 0;

    for (size_t i = 0; i < summary->n; i++) {
        const struct summary_group *group = &summary->group[i];
        double sd = summary_sd(group);

        if (group->n < 2 || (honest && group->marks->child))
            continue;
        squares += sd * sd * (double)(group->n - 1);
        freedom += group->n - 1;
    }
    return freedom >= 2 ? sqrt(squares / (double)freedom) : NAN;
}

static double spread_over_levels(const struct factor *factor)
{
    double squares = 0;
    size_t freedom = 0;

    for (size_t i = 0; i < factor->n; i++) {
        squares += factor->level[i].squares;
        freedom += factor->level[i].n - 1;
    }
    return freedom >= 2 ? sqrt(squares / (double)freedom) : NAN;
}

double factor_spread(const struct summary *summary, const struct factor *factor, bool full_grid)
{
    double spread = full_grid ? spread_over_replicates(summary, factor->honest) : NAN;

    return isnan(spread) ? spread_over_levels(factor) : spread;
}

double factor_error(double spread, const struct factor_level *a, const struct factor_level *b)
{
    return spread * sqrt(1.0 / (double)a->n + 1.0 / (double)b->n);
}

void factor_ends(const struct summary *summary, const struct factor *factor,
                 const struct factor_level **ret_best, const struct factor_level **ret_worst)
{
    const struct factor_level *best = &factor->level[0], *worst = &factor->level[0];

    for (size_t i = 1; i < factor->n; i++) {
        const struct factor_level *level = &factor->level[i];

        if (report_metric_better(&summary->metric, level->mean, best->mean))
            best = level;
        if (report_metric_better(&summary->metric, worst->mean, level->mean))
            worst = level;
    }
    *ret_best = best;
    *ret_worst = worst;
}

bool factor_full_grid(const struct summary *summary, bool *ret_full, struct error *error)
{
    const cJSON *parameters = summary->n ? summary->group[0].parameters : NULL;
    const cJSON *parameter;
    size_t product = 1, scored = 0;

    for (size_t i = 0; i < summary->n; i++)
        scored += summary->group[i].n > 0;
    cJSON_ArrayForEach(parameter, parameters)
    {
        struct factor factor;

        if (!factor_read(summary, parameter->string, false, &factor, error))
            return false;
        product = factor.overflow || product > summary->n ? summary->n + 1 : product * factor.n;
    }
    *ret_full = product == scored;
    return true;
}
