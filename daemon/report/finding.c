/*
 * One sentence a swept parameter: do its settings differ by more than chance?
 *
 * Compared are the best and the worst setting. The standard error of a difference of two means is
 * s sqrt(1/n1 + 1/n2). In a full grid with replicates, s is pooled over the replicates of each
 * configuration, since both settings saw the same other settings. Everywhere else the other
 * parameters differ by chance as well, and s is pooled over all values of each setting.
 */
#include "daemon/report/summary.h"

#include "common/owner.h"
#include "common/spec/spec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LEVELS_LIMIT 20
#define LEVEL_TEXT 64

struct level {
    const cJSON *value;    /* borrowed */
    char text[LEVEL_TEXT]; /* the value, as far as it fits */
    size_t n;
    double mean, squares; /* of deviations from the mean; updated value by value (Welford) */
    bool marked;
    char mark[32];
};

struct factor {
    const char *name; /* borrowed */
    struct level level[LEVELS_LIMIT];
    size_t n;
    bool overflow; /* more settings than can be told in a sentence */
};

static bool text_of(const cJSON *value, char *ret_text, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};

    if (cJSON_IsString(value)) {
        (void)snprintf(ret_text, LEVEL_TEXT, "%s", value->valuestring);
        return true;
    }
    if (!json_print(value, &text, error))
        return false;
    (void)snprintf(ret_text, LEVEL_TEXT, "%s", text.data);
    return true;
}

/* *ret_level NULL: there are too many. */
static bool level_of(struct factor *factor, const cJSON *value, struct level **ret_level,
                     struct error *error)
{
    struct level *level = factor->level;

    while (level < factor->level + factor->n && !cJSON_Compare(level->value, value, true))
        level++;
    factor->overflow = level == factor->level + LEVELS_LIMIT;
    *ret_level = factor->overflow ? NULL : level;
    if (factor->overflow || level < factor->level + factor->n)
        return true;
    level->value = value;
    factor->n++;
    return text_of(value, level->text, error);
}

static void add_value(struct level *level, double value)
{
    double deviation = value - level->mean;

    level->n++;
    level->mean += deviation / (double)level->n;
    level->squares += deviation * (value - level->mean);
}

static bool read_factor(const struct summary *summary, const char *name, struct factor *factor,
                        struct error *error)
{
    *factor = (struct factor){.name = name};
    for (size_t i = 0; i < summary->n; i++) {
        const struct summary_group *group = &summary->group[i];
        const cJSON *value = json_member(group->parameters, name);
        struct level *level;

        if (!value || group->n == 0)
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
static double spread_over_replicates(const struct summary *summary)
{
    double squares = 0;
    size_t freedom = 0;

    for (size_t i = 0; i < summary->n; i++) {
        const struct summary_group *group = &summary->group[i];
        double sd = summary_sd(group);

        if (group->n < 2)
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

static void find_ends(const struct summary *summary, const struct factor *factor,
                      const struct level **ret_best, const struct level **ret_worst)
{
    const struct level *best = &factor->level[0], *worst = &factor->level[0];

    for (size_t i = 1; i < factor->n; i++) {
        const struct level *level = &factor->level[i];

        if (report_metric_better(&summary->metric, level->mean, best->mean))
            best = level;
        if (report_metric_better(&summary->metric, worst->mean, level->mean))
            worst = level;
    }
    *ret_best = best;
    *ret_worst = worst;
}

static bool say_difference(const struct summary *summary, const char *name,
                           const struct level *best, const struct level *worst, double error_size,
                           struct buffer *out, struct error *error)
{
    double difference = fabs(best->mean - worst->mean);
    /* a number that leaks is not better than another: nobody will see it again */
    bool honest = !*best->mark && !*worst->mark;

    if (!buffer_append_format(out, error, "%s: %s %s%s (%.4g, n=%zu) %s %s%s (%.4g, n=%zu)", name,
                              summary->metric.name, best->text, best->mark, best->mean, best->n,
                              honest ? "is better than" : "against", worst->text, worst->mark,
                              worst->mean, worst->n))
        return false;
    if (error_size > 0)
        return buffer_append_format(out, error, ": they differ by %.3g, %.1f standard errors",
                                    difference, difference / error_size);
    return buffer_append_format(out, error, ": they differ by %.3g, and replicates not at all",
                                difference);
}

static bool say_nothing_found(const struct factor *factor, const char *name, struct buffer *out,
                              struct error *error)
{
    if (!buffer_append_format(out, error, "%s: ", name))
        return false;
    for (size_t i = 0; i < factor->n; i++) {
        const char *before = i == 0 ? "" : i + 1 == factor->n ? " and " : ", ";

        if (!buffer_append_format(out, error, "%s%s%s", before, factor->level[i].text,
                                  factor->level[i].mark))
            return false;
    }
    return buffer_append_text(out, " do not differ by more than twice their pooled standard error",
                              error);
}

static bool judge(const struct summary *summary, const struct factor *factor, bool full_grid,
                  const cJSON *parameters, cJSON *list, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    const char *name = spec_short_name(parameters, factor->name);
    const struct level *best, *worst;
    double spread = full_grid ? spread_over_replicates(summary) : NAN;
    double error_size;
    bool said;

    if (isnan(spread))
        spread = spread_over_levels(factor);
    if (factor->overflow || factor->n < 2 || isnan(spread))
        return true;
    find_ends(summary, factor, &best, &worst);
    error_size = spread * sqrt(1.0 / (double)best->n + 1.0 / (double)worst->n);
    if (fabs(best->mean - worst->mean) > 2 * error_size)
        said = say_difference(summary, name, best, worst, error_size, &text, error);
    else
        said = say_nothing_found(factor, name, &text, error);
    if (!said)
        return false;
    return cJSON_AddItemToArray(list, cJSON_CreateString(text.data)) ||
           error_set(error, ERROR_NO_MEMORY, "reporting");
}

/* Every combination of the settings that there are, each with a value. */
static bool is_full_grid(const struct summary *summary, const cJSON *parameters, bool *ret_full,
                         struct error *error)
{
    const cJSON *parameter;
    size_t product = 1, scored = 0;

    for (size_t i = 0; i < summary->n; i++)
        scored += summary->group[i].n > 0;
    cJSON_ArrayForEach(parameter, parameters)
    {
        struct factor factor;

        if (!read_factor(summary, parameter->string, &factor, error))
            return false;
        product = factor.overflow || product > summary->n ? summary->n + 1 : product * factor.n;
    }
    *ret_full = product == scored;
    return true;
}

bool summary_find(const struct summary *summary, cJSON *list, struct error *error)
{
    const cJSON *parameters = summary->n ? summary->group[0].parameters : NULL;
    const cJSON *parameter;
    bool full_grid;

    if (!is_full_grid(summary, parameters, &full_grid, error))
        return false;
    cJSON_ArrayForEach(parameter, parameters)
    {
        struct factor factor;

        if (!read_factor(summary, parameter->string, &factor, error) ||
            !judge(summary, &factor, full_grid, parameters, list, error))
            return false;
    }
    return true;
}
