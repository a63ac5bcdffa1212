#include "client/report.h"

#include "client/row.h"
#include "common/clock.h"
#include "common/owner.h"
#include "common/spec/spec.h"

#include <math.h>
#include <string.h>

#define CONFIGURATIONS_SHOWN 20
#define TEXTS_SHOWN 6
#define BEST_LIMIT 1000LL /* the daemon's */
#define PARAMETER_COLUMNS_LIMIT 6

static double wall_now(void)
{
    return (double)clock_system.wall_ms(clock_system.context) / 1000;
}

static bool print_clean(const struct render *render, const char *text, struct error *error)
{
    scoped(buffer_release) struct buffer clean = {0};

    if (!render_clean(render, text, 0, &clean, error))
        return false;
    fputs(clean.data ? clean.data : "", render->out);
    return true;
}

static void print_label(const struct render *render, const char *label)
{
    fprintf(render->out, "  %s%-10s%s ", render_style(render, STYLE_DIM), label,
            render_reset(render, STYLE_DIM));
}

/* A line of what its owner said of it; nothing where nothing was said. */
static bool print_said(const struct render *render, const cJSON *batch, const char *name,
                       const char *label, struct error *error)
{
    const char *text = json_text(batch, name, "");

    if (!*text)
        return true;
    print_label(render, label);
    if (!print_clean(render, text, error))
        return false;
    fputc('\n', render->out);
    return true;
}

static bool print_head(const struct render *render, const cJSON *batch, struct error *error)
{
    fprintf(render->out, "%sbatch %lld  ", render_style(render, STYLE_BOLD),
            (long long)json_integer(batch, "id", 0));
    if (!print_clean(render, json_text(batch, "name", ""), error))
        return false;
    fprintf(render->out, "%s\n", render_reset(render, STYLE_BOLD));
    return print_said(render, batch, "question", "question", error);
}

/* How long one waited for it, and what it cost: runs beside one another count each. */
static void print_time_used(const struct render *render, const cJSON *batch)
{
    double took = json_number(batch, "ended", NAN) - json_number(batch, "created", NAN);
    double elapsed = json_number(batch, "elapsed_s", NAN);
    char time[RENDER_NUMBER_SIZE];

    if (!(json_number(batch, "wall_s", 0) > 0))
        return;
    print_label(render, "time");
    if (took > 0)
        fprintf(render->out, "%s from submission to end; ", render_duration(took, time));
    fprintf(render->out, "%s in runs", render_duration(json_number(batch, "wall_s", NAN), time));
    fprintf(render->out, ", %s of processors",
            render_duration(json_number(batch, "cpu_s", NAN), time));
    if (elapsed > 0 && json_number(batch, "wall_s", NAN) / elapsed >= 1.05)
        fprintf(render->out, ", %.1f at a time", json_number(batch, "wall_s", NAN) / elapsed);
    if (json_number(batch, "wasted_s", 0) > 0)
        fprintf(render->out, ", %s spent on what failed or was stopped",
                render_duration(json_number(batch, "wasted_s", 0), time));
    fputc('\n', render->out);
}

static const char *const state_order[] = {"done",     "failed",   "cancelled", "running", "paused",
                                          "starting", "stopping", "queued",    "held"};
#define N_STATES (sizeof(state_order) / sizeof(*state_order))

static void print_counts(const struct render *render, const cJSON *batch)
{
    const cJSON *counts = json_member(batch, "counts");
    bool first = true;

    print_label(render, "outcome");
    for (size_t i = 0; i < N_STATES; i++) {
        long long n = (long long)json_integer(counts, state_order[i], 0);
        enum render_style style = render_state_style(state_order[i]);

        if (n == 0)
            continue;
        fprintf(render->out, "%s%s%lld %s%s", first ? "" : ", ", render_style(render, style), n,
                state_order[i], render_reset(render, style));
        first = false;
    }
    fputc('\n', render->out);
}

/* [{text or message, count, experiments}] or plain texts. */
static const char *text_of(const cJSON *item)
{
    return cJSON_IsString(item) ? item->valuestring
                                : json_text(item, "message", json_text(item, "text", ""));
}

static long long count_of(const cJSON *item)
{
    return (long long)json_integer(item, "count",
                                   cJSON_GetArraySize(json_member(item, "experiments")));
}

/* At most five ids after the text: "  (3, 9, ...)". */
static void print_some_ids(const struct render *render, const cJSON *item, int *shown)
{
    const cJSON *id;

    cJSON_ArrayForEach(id, json_member(item, "experiments"))
    {
        if (*shown < 5)
            fprintf(render->out, *shown ? ", %lld" : "  (%lld", (long long)id->valuedouble);
        else if (*shown == 5)
            fputs(", ...", render->out);
        ++*shown;
    }
}

static bool print_counted(const struct render *render, const cJSON *item, struct error *error)
{
    long long n = count_of(item);
    int shown = 0;

    fprintf(render->out, n > 1 ? "    %lldx " : "    ", n);
    if (!print_clean(render, text_of(item), error))
        return false;
    print_some_ids(render, item, &shown);
    fputs(shown ? ")\n" : "\n", render->out);
    return true;
}

bool report_append_links(const cJSON *links, struct buffer *text, struct error *error)
{
    const cJSON *link;

    cJSON_ArrayForEach(link, links)
    {
        bool batch = json_member(link, "batch") != NULL;

        if (!buffer_append_format(text, error, "%s%s%lld", link == links->child ? " -> " : ", ",
                                  batch ? "batch:" : "",
                                  (long long)json_integer(link, batch ? "batch" : "id", 0)))
            return false;
    }
    return true;
}

/* The text, whose it is, and what it points at: "dropout calms it (3, 9) -> batch:4". */
static bool append_whose(const cJSON *item, struct buffer *text, struct error *error)
{
    const cJSON *id;
    int shown = 0;

    if (!buffer_append_text(text, text_of(item), error))
        return false;
    cJSON_ArrayForEach(id, json_member(item, "experiments"))
    {
        if (shown < 5 && !buffer_append_format(text, error, shown ? ", %lld" : " (%lld",
                                               (long long)id->valuedouble))
            return false;
        shown++;
    }
    return (!shown || buffer_append_text(text, shown > 5 ? ", ...)" : ")", error)) &&
           report_append_links(json_member(item, "links"), text, error);
}

/* Each as it stands: findings and notes. */
static bool print_each(const struct render *render, const char *title, enum render_style style,
                       const cJSON *list, struct error *error)
{
    const cJSON *item;

    if (cJSON_GetArraySize(list) > 0)
        fprintf(render->out, "  %s%s%s\n", render_style(render, style), title,
                render_reset(render, style));
    cJSON_ArrayForEach(item, list)
    {
        scoped(buffer_release) struct buffer text = {0};

        if (!append_whose(item, &text, error) ||
            !render_paragraph(render, text.data ? text.data : "", 4, error))
            return false;
    }
    return true;
}

/* `n` kinds of a list have been shown, which came `count` times. */
static void print_others(const struct render *render, const cJSON *list, const cJSON *total, int n,
                         long long count)
{
    int listed = cJSON_GetArraySize(list);
    long long kinds = (long long)json_integer(total, "kinds", listed) - n;
    long long others = (long long)json_integer(total, "count", 0) - count;

    fprintf(render->out, "    ... and %lld other%s (%lldx): --json has ", kinds,
            kinds == 1 ? "" : "s", others);
    if (kinds > listed - n)
        fprintf(render->out, "the %d most frequent\n", listed);
    else
        fputs(kinds == 1 ? "it\n" : "them all\n", render->out);
}

/* What goes wrong goes wrong often: what is alike comes as one, the most frequent first. */
static bool print_list(const struct render *render, const char *title, enum render_style style,
                       const cJSON *batch, struct error *error)
{
    const cJSON *list = json_member(batch, title), *item;
    char total[64];
    long long count = 0;
    int shown = 0;

    if (cJSON_GetArraySize(list) == 0)
        return true;
    fprintf(render->out, "  %s%s%s\n", render_style(render, style), title,
            render_reset(render, style));
    snprintf(total, sizeof(total), "%s_total", title);
    cJSON_ArrayForEach(item, list)
    {
        if (shown == TEXTS_SHOWN) {
            print_others(render, list, json_member(batch, total), shown, count);
            break;
        }
        if (!print_counted(render, item, error))
            return false;
        count += count_of(item);
        shown++;
    }
    return true;
}

/* Names of all parameters, in the order in which they first appear; borrowed. */
static size_t collect_parameters(const cJSON *configurations,
                                 const char *names[PARAMETER_COLUMNS_LIMIT])
{
    const cJSON *configuration, *parameter;
    size_t n = 0;

    cJSON_ArrayForEach(configuration, configurations)
    {
        cJSON_ArrayForEach(parameter, json_member(configuration, "parameters"))
        {
            size_t known = 0;

            while (known < n && strcmp(names[known], parameter->string) != 0)
                known++;
            if (known == n && n < PARAMETER_COLUMNS_LIMIT)
                names[n++] = parameter->string;
        }
    }
    return n;
}

/* Whether every configuration has a number there: then the column is aligned as one. */
static bool all_numbers(const cJSON *configurations, const char *name)
{
    const cJSON *configuration;

    cJSON_ArrayForEach(configuration, configurations)
    {
        const cJSON *value = json_member(json_member(configuration, "parameters"), name);

        if (value && !cJSON_IsNumber(value))
            return false;
    }
    return true;
}

/* Not better than what guessing without looking scores. */
static bool no_better_than_naive(const cJSON *batch, const cJSON *configuration)
{
    double mean = json_number(configuration, "mean", NAN);
    double naive = json_number(configuration, "naive", NAN);
    bool minimize = strcmp(json_text(batch, "goal", ""), "minimize") == 0;

    return isfinite(mean) && isfinite(naive) && (minimize ? mean >= naive : mean <= naive);
}

/* Whether one of the configurations has such a number. */
static bool any_has(const cJSON *configurations, const char *name)
{
    const cJSON *configuration;

    cJSON_ArrayForEach(configuration, configurations)
    {
        if (isfinite(json_number(configuration, name, NAN)))
            return true;
    }
    return false;
}

/* So many that every deviation of the table shows two digits. */
static int common_decimals(const cJSON *configurations)
{
    const cJSON *configuration;
    int decimals = 0;

    cJSON_ArrayForEach(configuration, configurations)
    {
        int wanted = render_decimals(json_number(configuration, "sd", NAN));

        if (json_integer(configuration, "n", 0) > 1 && wanted > decimals)
            decimals = wanted;
    }
    return decimals;
}

/* "0.481 .. 0.512", of a mean of at least two. */
static void add_interval(struct table *table, const cJSON *configuration, int decimals)
{
    double low = json_number(configuration, "low", NAN);
    double high = json_number(configuration, "high", NAN);
    char text[ROW_TEXT_SIZE];

    table_cell(table, STYLE_DIM, "%s", row_interval(low, high, decimals, text));
}

static void add_scores(struct table *table, const struct render *render, const cJSON *batch,
                       const cJSON *configuration)
{
    const cJSON *configurations = json_member(batch, "configurations");
    int decimals = common_decimals(configurations);
    char text[ROW_TEXT_SIZE], number[RENDER_NUMBER_SIZE];
    long long n = (long long)json_integer(configuration, "n", 0);
    const cJSON *best = json_member(configuration, "best");
    const char *marks = row_marks(json_member(configuration, "marks"), text);
    double naive = json_number(configuration, "naive", NAN);
    bool useless = no_better_than_naive(batch, configuration);

    table_cell(table, STYLE_PLAIN, "%lld", n);
    table_cell(table, *marks ? STYLE_RED : STYLE_PLAIN, "%s",
               n == 0 ? "-"
                      : render_mean(render, json_number(configuration, "mean", NAN),
                                    n > 1 ? json_number(configuration, "sd", NAN) : NAN, decimals,
                                    number));
    if (any_has(configurations, "low"))
        add_interval(table, configuration, decimals);
    if (any_has(configurations, "wall_s"))
        table_cell(table, STYLE_DIM, "%s",
                   render_duration(json_number(configuration, "wall_s", NAN), number));
    table_cell(table, STYLE_DIM, "%s", isfinite(naive) ? render_number(naive, number) : "");
    if (json_member(best, "id"))
        table_cell(table, STYLE_PLAIN, "%s (%lld)",
                   render_number(json_number(best, "value", NAN), number),
                   (long long)json_integer(best, "id", 0));
    else
        table_cell(table, STYLE_PLAIN, "%s", "");
    table_cell(table, *marks ? STYLE_RED : STYLE_YELLOW, "%s%s%s", marks,
               *marks && useless ? ", " : "", useless ? "no better than naive" : "");
}

static void add_configuration(struct table *table, const struct render *render, const cJSON *batch,
                              const cJSON *configuration, const char *const *names, size_t n)
{
    const cJSON *parameters = json_member(configuration, "parameters");
    char text[ROW_TEXT_SIZE];

    if (n == 0)
        table_cell(table, STYLE_PLAIN, "%s", json_text(configuration, "label", "as submitted"));
    for (size_t i = 0; i < n; i++) {
        const cJSON *value = json_member(parameters, names[i]);

        table_cell(table, STYLE_PLAIN, "%s", value ? row_value(value, text) : "");
    }
    add_scores(table, render, batch, configuration);
}

static size_t make_columns(const cJSON *batch, const char *const *names, size_t n,
                           struct table_column columns[PARAMETER_COLUMNS_LIMIT + 8])
{
    const struct table_column scores[] = {
        {.title = "n", .right = true},
        {.title = json_text(batch, "metric", "")},
        {.title = "95 % of mean", .drops = true},
        {.title = "time", .right = true, .drops = true},
        {.title = "naive", .right = true},
        {.title = "best", .right = true},
        {.title = "marks"},
    };
    static const char *const needs[] = {NULL, NULL, "low", "wall_s", NULL, NULL, NULL};
    const cJSON *configurations = json_member(batch, "configurations");
    const cJSON *first = configurations ? configurations->child : NULL;
    const cJSON *parameters = json_member(first, "parameters");
    size_t used = 0;

    if (n == 0)
        columns[used++] = (struct table_column){.title = "configuration", .shrinks = true};
    for (size_t i = 0; i < n; i++)
        columns[used++] = (struct table_column){.title = spec_short_name(parameters, names[i]),
                                                .right = all_numbers(configurations, names[i]),
                                                .shrinks = true};
    for (size_t i = 0; i < sizeof(scores) / sizeof(*scores); i++)
        if (!needs[i] || any_has(configurations, needs[i]))
            columns[used++] = scores[i];
    return used;
}

/* One experiment: there is nothing to compare. */
static bool is_single(const cJSON *configurations)
{
    return cJSON_GetArraySize(configurations) == 0 ||
           (cJSON_GetArraySize(configurations) == 1 &&
            json_integer(configurations->child, "n", 0) <= 1);
}

/* Where all failed, or none has ended, a table of nothing would hide why. */
static bool any_value(const cJSON *configurations)
{
    const cJSON *configuration;

    cJSON_ArrayForEach(configuration, configurations)
    {
        if (json_integer(configuration, "n", 0) > 0)
            return true;
    }
    return false;
}

/* `nj compare` takes fewer than a sweep may have; `nj best` has a limit, too. */
static void print_more_configurations(const struct render *render, const cJSON *batch, long long n)
{
    long long more =
        (long long)json_integer(batch, "configurations_total", n) - CONFIGURATIONS_SHOWN;
    long long experiments =
        (long long)(json_integer(batch, "last", 0) - json_integer(batch, "first", 0)) + 1;

    if (more > 0)
        fprintf(render->out, "  ... and %lld more: nj best batch:%lld -n %lld\n", more,
                (long long)json_integer(batch, "id", 0),
                experiments < BEST_LIMIT ? experiments : BEST_LIMIT);
}

static bool print_configurations(const struct render *render, const cJSON *batch,
                                 struct error *error)
{
    const cJSON *configurations = json_member(batch, "configurations"), *configuration;
    const char *names[PARAMETER_COLUMNS_LIMIT];
    struct table_column columns[PARAMETER_COLUMNS_LIMIT + 8];
    size_t n = collect_parameters(configurations, names), rows = 0;
    scoped(table_free) struct table *table =
        table_new(columns, make_columns(batch, names, n, columns));

    if (!table)
        return error_set(error, ERROR_NO_MEMORY, "printing a table");
    if (!*json_text(batch, "metric", "") || is_single(configurations) || !any_value(configurations))
        return true;
    cJSON_ArrayForEach(configuration, configurations)
    {
        if (rows++ < CONFIGURATIONS_SHOWN)
            add_configuration(table, render, batch, configuration, names, n);
    }
    fputc('\n', render->out);
    table_indent(table, 2);
    if (!table_print(table, render, error))
        return false;
    print_more_configurations(render, batch, (long long)rows);
    fputc('\n', render->out);
    return true;
}

/* The configuration with the best experiment among the marked or the unmarked ones; NULL: none. */
static const cJSON *best_configuration(const cJSON *batch, bool marked)
{
    bool minimize = strcmp(json_text(batch, "goal", ""), "minimize") == 0;
    const cJSON *configuration, *found = NULL;
    double value = NAN;

    cJSON_ArrayForEach(configuration, json_member(batch, "configurations"))
    {
        double own = json_number(json_member(configuration, "best"), "value", NAN);

        if (isnan(own) || (cJSON_GetArraySize(json_member(configuration, "marks")) > 0) != marked)
            continue;
        if (!found || (minimize ? own < value : own > value)) {
            found = configuration;
            value = own;
        }
    }
    return found;
}

/* `best` is its experiment and value. */
static bool print_best_of(const struct render *render, const cJSON *batch,
                          const cJSON *configuration, const cJSON *best, const char *label,
                          enum render_style style, struct error *error)
{
    double naive = json_number(best, "naive", NAN);
    scoped(buffer_release) struct buffer clean = {0};
    char marks[ROW_TEXT_SIZE], parameters[ROW_TEXT_SIZE], number[RENDER_NUMBER_SIZE];
    char text[4 * ROW_TEXT_SIZE];
    size_t used;

    row_marks(json_member(configuration, "marks"), marks);
    row_parameters(json_member(configuration, "parameters"), parameters);
    used = (size_t)snprintf(text, sizeof(text), "%s%s%s %s, experiment %lld", marks,
                            *marks ? "  " : "", json_text(batch, "metric", ""),
                            render_number(json_number(best, "value", NAN), number),
                            (long long)json_integer(best, "id", 0));
    if (*parameters)
        snprintf(text + used, sizeof(text) - used, ": %s", parameters);
    else if (isfinite(naive))
        snprintf(text + used, sizeof(text) - used, " (naive %s)", render_number(naive, number));
    if (!render_clean(render, text, render->width ? render->width - 13 : 0, &clean, error))
        return false;
    print_label(render, label);
    fprintf(render->out, "%s%s%s\n", render_style(render, style), clean.data ? clean.data : "",
            render_reset(render, style));
    return true;
}

/* What is marked (a leak) is never called the best: it is told apart. What was expected stands
 * where it can be held against what came. */
static bool print_best(const struct render *render, const cJSON *batch, struct error *error)
{
    const cJSON *best = best_configuration(batch, false);
    const cJSON *marked = best_configuration(batch, true);
    const char *label = is_single(json_member(batch, "configurations")) ? "result" : "best";

    if (!print_said(render, batch, "expectation", "expected", error) ||
        (best &&
         !print_best_of(render, batch, best, json_member(best, "best"), label, STYLE_BOLD, error)))
        return false;
    return !marked || print_best_of(render, batch, marked, json_member(marked, "best"), "marked",
                                    STYLE_RED, error);
}

static bool print_waiting(const struct render *render, const cJSON *batch, struct error *error)
{
    const cJSON *waiting = json_member(batch, "waiting");
    long long n = (long long)json_integer(waiting, "count", 0);
    double eta = json_number(waiting, "eta", NAN);
    const char *reason = json_text(waiting, "reason", "");
    char text[RENDER_NUMBER_SIZE];

    if (n == 0)
        return true;
    print_label(render, "waiting");
    fprintf(render->out, "%lld", n);
    if (isfinite(eta))
        fprintf(render->out, ", finished about %s", render_time(eta, wall_now(), text));
    fputc('\n', render->out);
    return !*reason || render_paragraph(render, reason, 4, error);
}

static bool print_batch(const struct render *render, const cJSON *batch, struct error *error)
{
    if (!print_head(render, batch, error))
        return false;
    print_counts(render, batch);
    print_time_used(render, batch);
    return print_configurations(render, batch, error) && print_best(render, batch, error) &&
           print_each(render, "findings", STYLE_BOLD, json_member(batch, "findings"), error) &&
           print_list(render, "dropped", STYLE_YELLOW, batch, error) &&
           print_list(render, "failures", STYLE_RED, batch, error) &&
           print_list(render, "warnings", STYLE_YELLOW, batch, error) &&
           print_list(render, "remarks", STYLE_DIM, batch, error) &&
           print_each(render, "notes", STYLE_DIM, json_member(batch, "notes"), error) &&
           print_each(render, "next", STYLE_BOLD, json_member(batch, "next"), error) &&
           print_waiting(render, batch, error);
}

/* ---- those before them, in a line each ---- */

static void add_outcome(struct table *table, const cJSON *batch)
{
    const cJSON *counts = json_member(batch, "counts");
    enum render_style style = STYLE_PLAIN;
    char text[ROW_TEXT_SIZE] = "";
    size_t used = 0;

    for (size_t i = 0; i < N_STATES; i++) {
        long long n = (long long)json_integer(counts, state_order[i], 0);

        if (n == 0)
            continue;
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%lld %s", used ? ", " : "", n,
                                 state_order[i]);
        if (style != STYLE_RED)
            style = render_state_style(state_order[i]);
    }
    table_cell(table, style, "%s", text);
}

/* "test.accuracy 0.52 (24)", or what is marked where there is nothing else. */
static void add_result(struct table *table, const cJSON *batch)
{
    const cJSON *best = json_member(batch, "best"), *marked = json_member(batch, "marked");
    const cJSON *shown = cJSON_IsObject(best) ? best : marked;
    char marks[ROW_TEXT_SIZE], number[RENDER_NUMBER_SIZE];

    if (cJSON_IsObject(shown))
        table_cell(table, shown == marked ? STYLE_RED : STYLE_PLAIN, "%s%s%s %s (%lld)",
                   row_marks(json_member(shown, "marks"), marks), *marks ? " " : "",
                   json_text(batch, "metric", ""),
                   render_number(json_number(shown, "value", NAN), number),
                   (long long)json_integer(shown, "id", 0));
    else
        table_cell(table, STYLE_PLAIN, "%s", "");
}

static bool add_failures(struct table *table, const cJSON *batch, struct error *error)
{
    const cJSON *failures = json_member(batch, "failures"), *item;
    scoped(buffer_release) struct buffer text = {0};
    long long untold = (long long)json_integer(json_member(batch, "counts"), "failed", 0);

    cJSON_ArrayForEach(item, failures)
    {
        long long n = count_of(item);

        if ((text.size && !buffer_append_text(&text, "; ", error)) ||
            (n > 1 && !buffer_append_format(&text, error, "%lldx ", n)) ||
            !buffer_append_text(&text, text_of(item), error))
            return false;
        untold -= n;
    }
    if (text.size && untold > 0 && !buffer_append_format(&text, error, "; and %lld more", untold))
        return false;
    table_cell(table, STYLE_PLAIN, "%s", text.size ? text.data : "");
    return true;
}

static bool print_earlier(const struct render *render, const cJSON *report, struct error *error)
{
    static const struct table_column columns[] = {{.title = "batch", .right = true},
                                                  {.title = "name", .shrinks = true},
                                                  {.title = "outcome"},
                                                  {.title = "result", .drops = true},
                                                  {.title = "failures", .shrinks = true}};
    const cJSON *earlier = json_member(report, "earlier"), *batch;
    scoped(table_free) struct table *table = table_new(columns, sizeof(columns) / sizeof(*columns));
    int n = cJSON_GetArraySize(earlier);
    long long failures = 0;

    if (!table)
        return error_set(error, ERROR_NO_MEMORY, "printing a table");
    if (n == 0)
        return true;
    cJSON_ArrayForEach(batch, earlier)
    {
        failures += (long long)json_integer(json_member(batch, "counts"), "failed", 0);
        table_cell(table, STYLE_PLAIN, "%lld", (long long)json_integer(batch, "id", 0));
        table_cell(table, STYLE_PLAIN, "%s", json_text(batch, "name", ""));
        add_outcome(table, batch);
        add_result(table, batch);
        if (!add_failures(table, batch, error))
            return false;
    }
    fprintf(render->out,
            "\n%sbefore these: %d batch%s, %lld failure%s%s; nj report batch:N tells all of one\n",
            render_style(render, STYLE_BOLD), n, n == 1 ? "" : "es", failures,
            failures == 1 ? "" : "s", render_reset(render, STYLE_BOLD));
    table_indent(table, 2);
    return table_print(table, render, error);
}

/* What not even a line is told of. */
static void print_untold(const struct render *render, const cJSON *report)
{
    const cJSON *untold = json_member(report, "untold");
    long long n = (long long)json_integer(untold, "batches", 0);
    long long failures = (long long)json_integer(untold, "failures", 0);

    if (n > 0)
        fprintf(render->out,
                "\n... and %lld earlier batch%s with %lld failure%s: nj report %lld-%lld\n", n,
                n == 1 ? "" : "es", failures, failures == 1 ? "" : "s",
                (long long)json_integer(untold, "first", 0),
                (long long)json_integer(untold, "last", 0));
}

bool report_print(const struct render *render, const cJSON *report, struct error *error)
{
    const cJSON *batch;
    bool first = true;

    cJSON_ArrayForEach(batch, json_member(report, "batches"))
    {
        if (!first)
            fputc('\n', render->out);
        first = false;
        if (!print_batch(render, batch, error))
            return false;
    }
    if (first)
        fputs("nothing ran in that time\n", render->out);
    if (!print_earlier(render, report, error))
        return false;
    print_untold(render, report);
    return true;
}

/* ---- what was searched for ---- */

/* Of the batch itself, which stands in its head. */
static bool stands_above(const cJSON *match)
{
    const char *where = json_text(match, "where", "");

    return !json_member(match, "experiment") &&
           (strcmp(where, "name") == 0 || strcmp(where, "question") == 0 ||
            strcmp(where, "expectation") == 0);
}

/* "note of 12: dropout calms it", "outcome of 3 and 4 others: ..." */
static bool print_match(const struct render *render, const cJSON *match, struct error *error)
{
    long long id = (long long)json_integer(match, "experiment", 0);
    long long others = (long long)json_integer(match, "count", 0) - 1;
    scoped(buffer_release) struct buffer text = {0};

    if (!buffer_append_text(&text, json_text(match, "where", ""), error) ||
        (id && !buffer_append_format(&text, error, " of %lld", id)) ||
        (others > 0 && !buffer_append_format(&text, error, " and %lld other%s", others,
                                             others == 1 ? "" : "s")) ||
        !buffer_append_format(&text, error, ": %s", json_text(match, "text", "")))
        return false;
    return render_paragraph(render, text.data, 4, error);
}

/* What the head has is named, the rest is told. */
static bool print_matches(const struct render *render, const cJSON *matches, struct error *error)
{
    const cJSON *match;
    int named = 0;

    print_label(render, "found in");
    cJSON_ArrayForEach(match, matches)
    {
        if (stands_above(match))
            fprintf(render->out, "%s%s", named++ ? ", " : "", json_text(match, "where", ""));
    }
    fputc('\n', render->out);
    cJSON_ArrayForEach(match, matches)
    {
        if (!stands_above(match) && !print_match(render, match, error))
            return false;
    }
    return true;
}

static void print_links(const struct render *render, const cJSON *links)
{
    static const struct {
        const char *by, *text;
    } words[] = {
        {"note", "see"}, {"noted", "mentioned by"}, {"after", "after"}, {"before", "before"}};
    const char *last = "";
    const cJSON *link;

    if (cJSON_GetArraySize(links) == 0)
        return;
    print_label(render, "links");
    cJSON_ArrayForEach(link, links)
    {
        const char *by = json_text(link, "by", ""), *text = by;
        bool batch = json_member(link, "batch") != NULL;

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            text = strcmp(words[i].by, by) == 0 ? words[i].text : text;
        if (strcmp(by, last) == 0)
            fputs(", ", render->out);
        else
            fprintf(render->out, "%s%s ", *last ? "; " : "", text);
        fprintf(render->out, "%s%lld", batch ? "batch:" : "",
                (long long)json_integer(link, batch ? "batch" : "id", 0));
        last = by;
    }
    fputc('\n', render->out);
}

static bool print_found(const struct render *render, const cJSON *batch, struct error *error)
{
    const cJSON *best = json_member(batch, "best"), *marked = json_member(batch, "marked");
    bool single = json_integer(batch, "first", 0) == json_integer(batch, "last", 1);

    if (!print_head(render, batch, error) ||
        !print_said(render, batch, "expectation", "expected", error))
        return false;
    print_counts(render, batch);
    if (cJSON_IsObject(best) &&
        !print_best_of(render, batch, best, best, single ? "result" : "best", STYLE_BOLD, error))
        return false;
    if (cJSON_IsObject(marked) &&
        !print_best_of(render, batch, marked, marked, "marked", STYLE_RED, error))
        return false;
    print_links(render, json_member(batch, "links"));
    return print_matches(render, json_member(batch, "matches"), error);
}

bool report_print_found(const struct render *render, const cJSON *found, struct error *error)
{
    const cJSON *batches = json_member(found, "batches"), *batch;

    cJSON_ArrayForEach(batch, batches)
    {
        if (batch != batches->child)
            fputc('\n', render->out);
        if (!print_found(render, batch, error))
            return false;
    }
    if (json_boolean(found, "more", false))
        fprintf(render->out, "\n... and older ones: -n says how many are shown\n");
    return true;
}
