/*
 * One sentence a swept parameter: do its best and its worst setting differ by more than chance?
 * (factor.h says what chance is.)
 */
#include "daemon/report/factor.h"

#include "common/owner.h"
#include "common/spec/spec.h"

#include <math.h>

static bool say_difference(const struct summary *summary, const char *name,
                           const struct factor_level *best, const struct factor_level *worst,
                           double error_size, struct buffer *out, struct error *error)
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
    const struct factor_level *best, *worst;
    double spread = factor_spread(summary, factor, full_grid), error_size;
    bool said;

    if (factor->overflow || factor->n < 2 || isnan(spread))
        return true;
    factor_ends(summary, factor, &best, &worst);
    error_size = factor_error(spread, best, worst);
    if (fabs(best->mean - worst->mean) > 2 * error_size)
        said = say_difference(summary, name, best, worst, error_size, &text, error);
    else
        said = say_nothing_found(factor, name, &text, error);
    if (!said)
        return false;
    return cJSON_AddItemToArray(list, cJSON_CreateString(text.data)) ||
           error_set(error, ERROR_NO_MEMORY, "reporting");
}

/* Numbers that carry a mark count only where there is nothing else to compare. */
static bool read_believed(const struct summary *summary, const char *name,
                          struct factor *ret_factor, struct error *error)
{
    if (!factor_read(summary, name, true, ret_factor, error))
        return false;
    return ret_factor->overflow || ret_factor->n >= 2 ||
           factor_read(summary, name, false, ret_factor, error);
}

bool summary_find(const struct summary *summary, cJSON *list, struct error *error)
{
    const cJSON *parameters = summary->n ? summary->group[0].parameters : NULL;
    const cJSON *parameter;
    bool full_grid;

    if (!factor_full_grid(summary, &full_grid, error))
        return false;
    cJSON_ArrayForEach(parameter, parameters)
    {
        struct factor factor;

        if (!read_believed(summary, parameter->string, &factor, error) ||
            !judge(summary, &factor, full_grid, parameters, list, error))
            return false;
    }
    return true;
}
