#include "daemon/report/factor.h"

#include "common/owner.h"
#include "daemon/report/interval.h"

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

/* Values that are all the same leave no squares. */
static void add_to(struct factor_moments *moments, double value)
{
    double deviation = value - moments->mean;

    moments->n++;
    moments->mean += deviation / (double)moments->n;
    moments->squares += deviation * (value - moments->mean);
}

static struct factor_moments moments_of(const struct summary_group *group)
{
    struct factor_moments moments = {0};

    for (size_t i = 0; i < group->n; i++)
        add_to(&moments, group->value[i]);
    return moments;
}

static void add_configuration(const struct summary *summary, const struct summary_group *group,
                              struct factor_level *level)
{
    double mean = moments_of(group).mean;

    add_to(&level->over, mean);
    level->replicates += group->n;
    level->inverse += 1 / (double)group->n;
    if (level->over.n == 1 || report_metric_better(&summary->metric, mean, level->best))
        level->best = mean;
    if (group->marks->child && !level->marked) {
        level->marked = true;
        (void)snprintf(level->mark, sizeof(level->mark), " [%s]", group->marks->child->valuestring);
    }
}

static bool counts(const struct summary_group *group, bool honest)
{
    return group->n > 0 && !(honest && group->marks->child);
}

static bool read_levels(const struct summary *summary, const char *name, bool honest,
                        struct factor *factor, struct error *error)
{
    *factor = (struct factor){.name = name, .spread = NAN};
    for (size_t i = 0; i < summary->n; i++) {
        const struct summary_group *group = &summary->group[i];
        const cJSON *value = json_member(group->parameters, name);
        struct factor_level *level;

        if (!value || !counts(group, honest))
            continue;
        if (!level_of(factor, value, &level, error))
            return false;
        if (!level)
            return true;
        add_configuration(summary, group, level);
    }
    return true;
}

/* ---- what chance does ---- */

#define FREEDOM_LEAST 2 /* less of it is no estimate */

static void set_spread(struct factor *factor, double squares, size_t freedom)
{
    factor->freedom = freedom;
    factor->spread = freedom >= FREEDOM_LEAST ? sqrt(squares / (double)freedom) : (double)NAN;
}

static void spread_over_replicates(const struct summary *summary, bool honest,
                                   struct factor *factor)
{
    double squares = 0;
    size_t freedom = 0;

    for (size_t i = 0; i < summary->n; i++) {
        const struct summary_group *group = &summary->group[i];

        if (!counts(group, honest))
            continue;
        squares += moments_of(group).squares;
        freedom += group->n - 1;
    }
    set_spread(factor, squares, freedom);
    for (size_t i = 0; i < factor->n; i++) {
        struct factor_level *level = &factor->level[i];
        double m = (double)level->over.n;

        level->n = level->replicates;
        level->variance = level->inverse / (m * m);
    }
}

static void spread_over_configurations(struct factor *factor)
{
    double squares = 0;
    size_t freedom = 0;

    for (size_t i = 0; i < factor->n; i++) {
        struct factor_level *level = &factor->level[i];

        squares += level->over.squares;
        freedom += level->over.n - 1;
        level->n = level->over.n;
        level->variance = 1 / (double)level->over.n;
    }
    set_spread(factor, squares, freedom);
}

bool factor_read(const struct summary *summary, const char *name, bool honest, bool full_grid,
                 struct factor *ret_factor, struct error *error)
{
    if (!read_levels(summary, name, honest, ret_factor, error))
        return false;
    if (full_grid)
        spread_over_replicates(summary, honest, ret_factor);
    if (isnan(ret_factor->spread))
        spread_over_configurations(ret_factor);
    return true;
}

bool factor_comparable(const struct factor *factor)
{
    return !factor->overflow && factor->n >= 2 && !isnan(factor->spread);
}

double factor_limit(const struct factor *factor)
{
    return interval_of_pairs(factor->freedom, factor->n);
}

bool factor_differs(const struct summary *summary, const struct factor *factor,
                    const struct factor_level **ret_best, const struct factor_level **ret_worst,
                    double *ret_error)
{
    const struct factor_level *best = &factor->level[0], *worst = &factor->level[0];

    for (size_t i = 1; i < factor->n; i++) {
        const struct factor_level *level = &factor->level[i];

        if (report_metric_better(&summary->metric, level->over.mean, best->over.mean))
            best = level;
        if (report_metric_better(&summary->metric, worst->over.mean, level->over.mean))
            worst = level;
    }
    *ret_best = best;
    *ret_worst = worst;
    *ret_error = factor->spread * sqrt(best->variance + worst->variance);
    return fabs(best->over.mean - worst->over.mean) > factor_limit(factor) * *ret_error;
}

bool factor_full_grid(const struct summary *summary, bool honest, bool *ret_full,
                      struct error *error)
{
    const cJSON *parameters = summary->n ? summary->group[0].parameters : NULL;
    const cJSON *parameter;
    size_t product = 1, scored = 0;

    for (size_t i = 0; i < summary->n; i++)
        scored += counts(&summary->group[i], honest);
    cJSON_ArrayForEach(parameter, parameters)
    {
        struct factor factor;

        if (!read_levels(summary, parameter->string, honest, &factor, error))
            return false;
        product = factor.overflow || product > summary->n ? summary->n + 1 : product * factor.n;
    }
    *ret_full = product == scored;
    return true;
}
