/*
 * One sentence a swept parameter: do its best and its worst setting differ by more than chance?
 * (factor.h says what chance is.)
 *
 * A method that learns draws more of what was good, and the other parameters of a setting with it:
 * means of its settings are no comparison. The best trials of two settings are told.
 */
#include "daemon/report/factor.h"

#include "common/owner.h"
#include "common/spec/spec.h"

#include <math.h>

static bool say_difference(const struct summary *summary, const char *name,
                           const struct factor_level *best, const struct factor_level *worst,
                           double error_size, struct buffer *out, struct error *error)
{
    double difference = fabs(best->over.mean - worst->over.mean);
    /* a number that leaks is not better than another: nobody will see it again */
    bool honest = !*best->mark && !*worst->mark;

    if (!buffer_append_format(out, error, "%s: %s %s%s (%.4g, n=%zu) %s %s%s (%.4g, n=%zu)", name,
                              summary->metric.name, best->text, best->mark, best->over.mean,
                              best->n, honest ? "is better than" : "against", worst->text,
                              worst->mark, worst->over.mean, worst->n))
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
    return buffer_append_format(out, error,
                                " do not differ by more than chance may (%.2f standard errors)",
                                factor_limit(factor));
}

/* The setting with the best configuration, but for `other`. */
static const struct factor_level *find_luckiest(const struct summary *summary,
                                                const struct factor *factor,
                                                const struct factor_level *other)
{
    const struct factor_level *found = NULL;

    for (size_t i = 0; i < factor->n; i++) {
        const struct factor_level *level = &factor->level[i];

        if (level != other &&
            (!found || report_metric_better(&summary->metric, level->best, found->best)))
            found = level;
    }
    return found;
}

static bool say_where_it_looked(const struct summary *summary, const struct factor *factor,
                                const char *name, struct buffer *out, struct error *error)
{
    const struct factor_level *first = find_luckiest(summary, factor, NULL);
    const struct factor_level *second = find_luckiest(summary, factor, first);

    return buffer_append_format(
        out, error,
        "%s: where %s looked, the best %s was %.4g with %s%s (n=%zu), and %.4g with %s%s (n=%zu)",
        name, summary->learner, summary->metric.name, first->best, first->text, first->mark,
        first->n, second->best, second->text, second->mark, second->n);
}

static bool judge(const struct summary *summary, const struct factor *factor, const char *name,
                  struct buffer *out, struct error *error)
{
    const struct factor_level *best, *worst;
    double error_size;

    if (summary->learner)
        return factor->overflow || factor->n < 2 ||
               say_where_it_looked(summary, factor, name, out, error);
    if (!factor_comparable(factor))
        return true;
    return factor_differs(summary, factor, &best, &worst, &error_size)
               ? say_difference(summary, name, best, worst, error_size, out, error)
               : say_nothing_found(factor, name, out, error);
}

static bool read_factor(const struct summary *summary, const char *name, bool honest,
                        struct factor *ret_factor, struct error *error)
{
    bool full_grid;

    return factor_full_grid(summary, honest, &full_grid, error) &&
           factor_read(summary, name, honest, full_grid, ret_factor, error);
}

/* Numbers that carry a mark count only where there is nothing else to compare. */
static bool read_believed(const struct summary *summary, const char *name,
                          struct factor *ret_factor, struct error *error)
{
    if (!read_factor(summary, name, true, ret_factor, error))
        return false;
    return ret_factor->overflow || ret_factor->n >= 2 ||
           read_factor(summary, name, false, ret_factor, error);
}

bool summary_find(const struct summary *summary, cJSON *list, struct error *error)
{
    const cJSON *parameters = summary->n ? summary->group[0].parameters : NULL;
    const cJSON *parameter;

    cJSON_ArrayForEach(parameter, parameters)
    {
        scoped(buffer_release) struct buffer text = {0};
        const char *name = spec_short_name(parameters, parameter->string);
        struct factor factor;

        if (!read_believed(summary, parameter->string, &factor, error) ||
            !judge(summary, &factor, name, &text, error))
            return false;
        if (text.size && !cJSON_AddItemToArray(list, cJSON_CreateString(text.data)))
            return error_set(error, ERROR_NO_MEMORY, "reporting");
    }
    return true;
}
