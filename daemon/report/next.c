/*
 * What to try next, in sentences: from what has ended, as a colleague would say it who has read the
 * table. Numbers that carry a mark (a leak) suggest nothing.
 */
#include "daemon/report/factor.h"

#include "common/owner.h"
#include "common/spec/spec.h"

#include <inttypes.h>
#include <math.h>

#define RATIO_LEAST 1.5    /* settings that grow by so much are taken as a geometric series */
#define REPLICATES_MOST 50 /* more are not worth a night */

static bool add(cJSON *list, const struct buffer *text, struct error *error)
{
    return cJSON_AddItemToArray(list, cJSON_CreateString(text->data)) ||
           error_set(error, ERROR_NO_MEMORY, "reporting");
}

static bool say(cJSON *list, const char *sentence, struct error *error)
{
    return cJSON_AddItemToArray(list, cJSON_CreateString(sentence)) ||
           error_set(error, ERROR_NO_MEMORY, "reporting");
}

/* ---- the end of a range ---- */

static bool are_numbers(const struct factor *factor)
{
    for (size_t i = 0; i < factor->n; i++)
        if (!cJSON_IsNumber(factor->level[i].value))
            return false;
    return true;
}

/* The setting nearest to `level` among all others. */
static double neighbour_of(const struct factor *factor, const struct factor_level *level)
{
    double here = level->value->valuedouble, nearest = NAN;

    for (size_t i = 0; i < factor->n; i++) {
        double there = factor->level[i].value->valuedouble;

        if (there != here && !(fabs(there - here) >= fabs(nearest - here)))
            nearest = there;
    }
    return nearest;
}

static bool is_end(const struct factor *factor, const struct factor_level *level, bool largest)
{
    for (size_t i = 0; i < factor->n; i++) {
        double there = factor->level[i].value->valuedouble;

        if (largest ? there > level->value->valuedouble : there < level->value->valuedouble)
            return false;
    }
    return true;
}

static bool say_end(const struct factor *factor, const char *name, const struct factor_level *best,
                    bool largest, cJSON *list, struct error *error)
{
    double here = best->value->valuedouble, beside = neighbour_of(factor, best);
    double ratio = here / beside;
    bool geometric = beside > 0 && fmax(ratio, 1 / ratio) >= RATIO_LEAST;
    scoped(buffer_release) struct buffer text = {0};

    if (!buffer_append_format(&text, error, "%s: the best, %s, is the %s that was tried: try ",
                              name, best->text, largest ? "largest" : "smallest"))
        return false;
    if (geometric ? !buffer_append_format(&text, error, "%.4g", here * ratio)
                  : !buffer_append_text(&text, largest ? "larger ones" : "smaller ones", error))
        return false;
    return add(list, &text, error);
}

/* The best setting lies at an end of what was tried, and is better than the worst by more than
 * chance. */
static bool look_beyond(const struct summary *summary, const char *path, const char *name,
                        bool full_grid, cJSON *list, struct error *error)
{
    struct factor factor;
    const struct factor_level *best, *worst;
    double error_size;
    bool largest;

    if (!factor_read(summary, path, true, full_grid, &factor, error))
        return false;
    if (!factor_comparable(&factor) || !are_numbers(&factor) ||
        !factor_differs(summary, &factor, &best, &worst, &error_size))
        return true;
    largest = is_end(&factor, best, true);
    if (!largest && (!is_end(&factor, best, false) || best->value->valuedouble == 0))
        return true;
    return say_end(&factor, name, best, largest, list, error);
}

static bool look_beyond_each(const struct summary *summary, cJSON *list, struct error *error)
{
    const cJSON *parameters = summary->n ? summary->group[0].parameters : NULL, *parameter;
    bool full_grid;

    if (summary->learner) /* it looks beyond by itself, and its means are no comparison */
        return true;
    if (!factor_full_grid(summary, true, &full_grid, error))
        return false;
    cJSON_ArrayForEach(parameter, parameters)
    {
        if (!look_beyond(summary, parameter->string, spec_short_name(parameters, parameter->string),
                         full_grid, list, error))
            return false;
    }
    return true;
}

/* ---- who leads ---- */

/* The best ones that carry no mark: of sorted groups, the first. Returns how many of two. */
static int find_leaders(const struct summary *summary, const struct summary_group *leader[2])
{
    int n = 0;

    for (size_t i = 0; i < summary->n && n < 2; i++)
        if (summary->group[i].n > 0 && !summary->group[i].marks->child)
            leader[n++] = &summary->group[i];
    return n;
}

/* So many replicates each that a difference of two means is twice its standard error. */
static double replicates_needed(double sd, double difference)
{
    return ceil(2 * (2 * sd / difference) * (2 * sd / difference));
}

static bool say_close(const struct summary_group *const leader[2], cJSON *list, struct error *error)
{
    double difference = fabs(summary_mean(leader[0]) - summary_mean(leader[1]));
    double a = summary_sd(leader[0]), b = summary_sd(leader[1]);
    double sd = sqrt((a * a + b * b) / 2);
    double needed = replicates_needed(sd, difference);
    scoped(buffer_release) struct buffer text = {0};

    if (difference > 2 * sd * sqrt(1.0 / (double)leader[0]->n + 1.0 / (double)leader[1]->n))
        return true;
    if (!summary_label(leader[0], &text, error) || !buffer_append_text(&text, " and ", error))
        return false;
    scoped(buffer_release) struct buffer second = {0};
    if (!summary_label(leader[1], &second, error) || !buffer_append_text(&text, second.data, error))
        return false;
    if (needed <= REPLICATES_MOST
            ? !buffer_append_format(&text, error,
                                    " are not told apart: about %.0f replicates of each would do",
                                    needed)
            : !buffer_append_text(&text, " do equally well: take the cheaper one", error))
        return false;
    return add(list, &text, error);
}

static bool look_at_leaders(const struct summary *summary, cJSON *list, struct error *error)
{
    const struct summary_group *leader[2];
    int n = find_leaders(summary, leader);
    bool scored = summary->n && summary->group[0].n > 0;

    if (n == 0)
        return !scored || say(list,
                              "every number carries a mark: split so that nothing is shared, "
                              "and run again",
                              error);
    if (!isnan(leader[0]->naive) &&
        !report_metric_better(&summary->metric, summary_mean(leader[0]), leader[0]->naive) &&
        !say(list,
             "none is better than predicting without looking: look at the data first "
             "(nj data describe)",
             error))
        return false;
    if (n < 2)
        return true;
    if (leader[0]->n < 2 && leader[1]->n < 2)
        return say(list,
                   "each configuration ran once: run the best again with other seeds "
                   "(sweep.replicates) before they are believed",
                   error);
    return leader[0]->n < 2 || leader[1]->n < 2 || say_close(leader, list, error);
}

/* ---- what failed ---- */

static bool look_at_failures(const struct summary *summary, int64_t batch, cJSON *list,
                             struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};

    if (summary->n_failures == 0)
        return true;
    return buffer_append_format(
               &text, error,
               "when the cause of the failures is mended: nj restart batch:%" PRId64
               " --state failed",
               batch) &&
           add(list, &text, error);
}

bool summary_suggest(const struct summary *summary, int64_t batch, cJSON *list, struct error *error)
{
    return look_beyond_each(summary, list, error) && look_at_leaders(summary, list, error) &&
           look_at_failures(summary, batch, list, error);
}
