/*
 * What to try next, in sentences: from what has ended, as a colleague would say it who has read the
 * table. Numbers that carry a mark (a leak) suggest nothing, and nothing is suggested that a
 * setting cannot be.
 */
#include "daemon/report/factor.h"

#include "common/owner.h"
#include "common/spec/spec.h"
#include "daemon/report/setting_range.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

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

/* The best ones that carry no mark: of sorted groups, the first. Returns how many of two. */
static int find_leaders(const struct summary *summary, const struct summary_group *leader[2])
{
    int n = 0;

    for (size_t i = 0; i < summary->n && n < 2; i++)
        if (summary->group[i].n > 0 && !summary->group[i].marks->child)
            leader[n++] = &summary->group[i];
    return n;
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

static bool are_whole(const struct factor *factor)
{
    for (size_t i = 0; i < factor->n; i++)
        if (factor->level[i].value->valuedouble != round(factor->level[i].value->valuedouble))
            return false;
    return true;
}

/* What is looked at for where a parameter may go. */
struct space {
    struct store *store;
    const struct summary *summary;
    cJSON *schema, *spec; /* owned; NULL: nobody has asked yet. The spec is the best one's */
    bool full_grid;       /* of what carries no mark */
};

static void space_release(struct space *space)
{
    json_free(&space->schema);
    json_free(&space->spec);
}

/* What differs carries no mark, so that somebody leads. */
static bool read_space(struct space *space, struct error *error)
{
    const struct summary_group *leader[2] = {0};

    (void)find_leaders(space->summary, leader);
    assert(leader[0]);
    return json_parse(spec_schema[0], strlen(spec_schema[0]), &space->schema, error) &&
           store_spec(space->store, leader[0]->best_id, &space->spec, error);
}

static bool find_range(struct space *space, const struct factor *factor, struct setting_range *ret,
                       struct error *error)
{
    if (!space->spec && !read_space(space, error))
        return false;
    if (!setting_range_find(space->schema, space->spec, factor->name, ret))
        *ret = (struct setting_range){-INFINITY, INFINITY, .whole = are_whole(factor)};
    return true;
}

/* Where it goes on as it went, in steps that grow: that figure; else anything farther out, which is
 * told by the next number there is. */
static double go_on(const struct setting_range *range, double here, double beside, bool largest,
                    bool *ret_figure)
{
    double ratio = here / beside;
    double value = range->whole ? round(here * ratio) : here * ratio;
    double away = largest ? 1 : -1;

    *ret_figure = beside > 0 && fmax(ratio, 1 / ratio) >= RATIO_LEAST;
    if (*ret_figure)
        return value;
    return range->whole ? here + away : nextafter(here, away * INFINITY);
}

static bool say_end(struct space *space, const struct factor *factor, const char *name,
                    const struct factor_level *best, bool largest, cJSON *list, struct error *error)
{
    double here = best->value->valuedouble, value;
    scoped(buffer_release) struct buffer text = {0};
    struct setting_range range;
    bool figure;

    if (!find_range(space, factor, &range, error))
        return false;
    value = go_on(&range, here, neighbour_of(factor, best), largest, &figure);
    if (!setting_range_allows(&range, value) || (figure && (value == here || value == 0)))
        return true;
    if (!buffer_append_format(&text, error, "%s: the best, %s, is the %s that was tried: try ",
                              name, best->text, largest ? "largest" : "smallest"))
        return false;
    if (figure ? !buffer_append_format(&text, error, range.whole ? "%.0f" : "%.4g", value)
               : !buffer_append_text(&text, largest ? "larger ones" : "smaller ones", error))
        return false;
    return add(list, &text, error);
}

/* The best setting lies at an end of what was tried, and is better than the worst by more than
 * chance. */
static bool look_beyond(struct space *space, const char *path, const char *name, cJSON *list,
                        struct error *error)
{
    struct factor factor;
    const struct factor_level *best, *worst;
    double error_size;
    bool largest;

    if (!factor_read(space->summary, path, true, space->full_grid, &factor, error))
        return false;
    if (!factor_comparable(&factor) || !are_numbers(&factor) ||
        !factor_differs(space->summary, &factor, &best, &worst, &error_size))
        return true;
    largest = is_end(&factor, best, true);
    if (!largest && (!is_end(&factor, best, false) || best->value->valuedouble == 0))
        return true;
    return say_end(space, &factor, name, best, largest, list, error);
}

static bool look_beyond_each(struct store *store, const struct summary *summary, cJSON *list,
                             struct error *error)
{
    const cJSON *parameters = summary->n ? summary->group[0].parameters : NULL, *parameter;
    scoped(space_release) struct space space = {.store = store, .summary = summary};

    if (summary->learner) /* it looks beyond by itself, and its means are no comparison */
        return true;
    if (!factor_full_grid(summary, true, &space.full_grid, error))
        return false;
    cJSON_ArrayForEach(parameter, parameters)
    {
        if (!look_beyond(&space, parameter->string, spec_short_name(parameters, parameter->string),
                         list, error))
            return false;
    }
    return true;
}

/* ---- who leads ---- */

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

    if (summary->failures.n == 0)
        return true;
    return buffer_append_format(
               &text, error,
               "when the cause of the failures is mended: nj restart batch:%" PRId64
               " --state failed",
               batch) &&
           add(list, &text, error);
}

bool summary_suggest(struct store *store, const struct summary *summary, int64_t batch, cJSON *list,
                     struct error *error)
{
    return look_beyond_each(store, summary, list, error) && look_at_leaders(summary, list, error) &&
           look_at_failures(summary, batch, list, error);
}
