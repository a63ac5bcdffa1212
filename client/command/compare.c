/* nj compare: experiments side by side: the parameters that differ, and their metrics. */
#include "client/row.h"
#include "client/scale.h"
#include "client/select.h"

#include "common/owner.h"
#include "common/spec/spec.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define METRICS_SHOWN 8
#define PARAMETERS_SHOWN 20

static bool ask(struct client *client, cJSON **ret_result, struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    scoped(json_free) cJSON *select = NULL, *params = NULL;
    cJSON *metrics = NULL;
    const char *metric;

    if (!select_of_arguments(client, "last", &select, error) ||
        !client_select(&select, &params, error))
        return false;
    for (size_t at = 0; (metric = arguments_next(arguments, "metric", &at));) {
        if (!metrics)
            metrics = json_add_array(params, "metrics");
        if (!metrics || !cJSON_AddItemToArray(metrics, cJSON_CreateString(metric)))
            return error_set(error, ERROR_NO_MEMORY, "preparing the request");
    }
    return scale_ask(arguments, params, error) &&
           client_call(client, "compare", &params, ret_result, error);
}

static void add_values(struct table *table, const cJSON *names, const cJSON *values, bool raw)
{
    const cJSON *name;

    cJSON_ArrayForEach(name, names)
    {
        const cJSON *value = json_member(values, cJSON_IsString(name) ? name->valuestring : "");
        char text[ROW_TEXT_SIZE];

        if (raw && cJSON_IsNumber(value))
            table_cell(table, STYLE_PLAIN, "%.17g", value->valuedouble);
        else
            table_cell(table, STYLE_PLAIN, "%s", row_value(value, text));
    }
}

static void add_row(struct table *table, const cJSON *result, const cJSON *row, bool raw)
{
    char state[ROW_TEXT_SIZE], marks[ROW_TEXT_SIZE];

    row_state(row, state);
    table_cell(table, STYLE_PLAIN, "%lld", (long long)json_integer(row, "id", 0));
    table_cell(table, STYLE_PLAIN, "%s", json_text(row, "name", ""));
    table_cell(table, render_state_style(state), "%s", state);
    table_cell(table, STYLE_PLAIN, "%lld", (long long)json_integer(row, "seed", 0));
    table_cell(table, STYLE_RED, "%s", row_marks(json_member(row, "marks"), marks));
    add_values(table, json_member(result, "parameters"), json_member(row, "parameters"), raw);
    add_values(table, json_member(result, "metrics"), json_member(row, "metrics"), raw);
}

/* What a reader looks for comes first, for it is the last to be left out: numbers of test rows,
 * those of training rows at the end. */
static bool order_metrics(cJSON *result, struct error *error)
{
    static const char *const order[] = {"test.", "valid.", "", "train."};
    scoped(json_free) cJSON *metrics = cJSON_DetachItemFromObjectCaseSensitive(result, "metrics");
    cJSON *ordered = json_add_array(result, "metrics");

    if (!ordered)
        return error_set(error, ERROR_NO_MEMORY, "printing a table");
    for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
        cJSON *item = metrics ? metrics->child : NULL;

        while (item) {
            cJSON *next = item->next;
            const char *name = cJSON_IsString(item) ? item->valuestring : "";
            bool train = strncmp(name, "train.", 6) == 0;

            if (strncmp(name, order[i], strlen(order[i])) == 0 && (*order[i] || !train))
                cJSON_AddItemToArray(ordered, cJSON_DetachItemViaPointer(metrics, item));
            item = next;
        }
    }
    return true;
}

/* A table has so many columns at most; returns how many more there are. */
static long long cut(const cJSON *result, const char *name, int limit)
{
    cJSON *names = cJSON_GetObjectItemCaseSensitive(result, name);
    int n = cJSON_GetArraySize(names);
    char total[32];
    long long all;

    snprintf(total, sizeof(total), "%s_total", name);
    all = (long long)json_integer(result, total, n);
    while (n > limit)
        cJSON_DeleteItemFromArray(names, --n);
    return all - n;
}

static bool all_numbers(const cJSON *result, const char *parameter)
{
    const cJSON *row;

    cJSON_ArrayForEach(row, json_member(result, "rows"))
    {
        const cJSON *value = json_member(json_member(row, "parameters"), parameter);

        if (value && !cJSON_IsNumber(value))
            return false;
    }
    return true;
}

/* id name state seed marks, the parameters, the metrics. Caller frees; NULL: no memory. */
static struct table_column *make_columns(const cJSON *result, size_t *ret_n)
{
    static const struct table_column fixed[] = {
        {.title = "id", .right = true},
        {.title = "name", .drops = true},
        {.title = "state"},
        {.title = "seed", .right = true},
        {.title = "marks"},
    };
    const cJSON *parameters = json_member(result, "parameters"), *name;
    const cJSON *metrics = json_member(result, "metrics");
    size_t n = sizeof(fixed) / sizeof(*fixed);
    struct table_column *columns =
        calloc(n + (size_t)cJSON_GetArraySize(parameters) + (size_t)cJSON_GetArraySize(metrics),
               sizeof(*columns));

    if (!columns)
        return NULL;
    memcpy(columns, fixed, sizeof(fixed));
    cJSON_ArrayForEach(name, parameters) columns[n++] = (struct table_column){
        .title = cJSON_IsString(name) ? spec_short_name(parameters, name->valuestring) : "?",
        .right = all_numbers(result, cJSON_IsString(name) ? name->valuestring : ""),
        .shrinks = true};
    cJSON_ArrayForEach(name, metrics) columns[n++] =
        (struct table_column){.title = cJSON_IsString(name) ? name->valuestring : "?",
                              .right = true,
                              .drops = name->prev != NULL && name != metrics->child};
    *ret_n = n;
    return columns;
}

/* "0.495 ± 0.024 (0.481 .. 0.512)" */
static void add_mean(struct table *table, const struct render *render, const cJSON *figures)
{
    double sd = json_number(figures, "sd", NAN);
    char mean[RENDER_NUMBER_SIZE], interval[ROW_TEXT_SIZE];
    int decimals = render_decimals(sd);

    row_interval(json_number(figures, "low", NAN), json_number(figures, "high", NAN), decimals,
                 interval);
    if (figures)
        table_cell(table, STYLE_PLAIN, "%s%s%s%s",
                   render_mean(render, json_number(figures, "mean", NAN), sd, decimals, mean),
                   *interval ? " (" : "", interval, *interval ? ")" : "");
    else
        table_cell(table, STYLE_PLAIN, "%s", "");
}

static void add_replicates(struct table *table, const struct render *render, const cJSON *result,
                           const cJSON *group)
{
    const cJSON *name;

    table_cell(table, STYLE_PLAIN, "%d", cJSON_GetArraySize(json_member(group, "experiments")));
    add_values(table, json_member(result, "parameters"), json_member(group, "parameters"), false);
    cJSON_ArrayForEach(name, json_member(result, "metrics")) add_mean(
        table, render,
        json_member(json_member(group, "metrics"), cJSON_IsString(name) ? name->valuestring : ""));
}

/* n, the parameters, the metrics: what make_columns() has behind its first ones. */
static bool print_replicates(cJSON *result, struct table_column *columns, size_t n,
                             struct error *error)
{
    size_t n_fixed = n - (size_t)cJSON_GetArraySize(json_member(result, "parameters")) -
                     (size_t)cJSON_GetArraySize(json_member(result, "metrics"));
    struct table_column *shown = columns + n_fixed - 1;
    scoped(table_free) struct table *table = NULL;
    struct render render;
    const cJSON *group;

    if (!json_member(result, "replicates") || !json_member(result, "replicates")->child)
        return true;
    shown[0] = (struct table_column){.title = "n", .right = true};
    for (size_t i = n_fixed; i < n; i++)
        columns[i].right = columns[i].right && columns[i].shrinks;
    table = table_new(shown, n - n_fixed + 1);
    if (!table)
        return error_set(error, ERROR_NO_MEMORY, "printing a table");
    render_open(&render, stdout);
    cJSON_ArrayForEach(group, json_member(result, "replicates"))
        add_replicates(table, &render, result, group);
    fputs("\nover seeds: mean, deviation and 95 % interval of the mean\n", stdout);
    return table_print(table, &render, error);
}

static bool print_rows(cJSON *result, bool tabs, struct error *error)
{
    size_t n;
    scoped(memory_free) struct table_column *columns = make_columns(result, &n);
    scoped(table_free) struct table *table = columns ? table_new(columns, n) : NULL;
    const cJSON *row;
    struct render render;

    if (!table)
        return error_set(error, ERROR_NO_MEMORY, "printing a table");
    cJSON_ArrayForEach(row, json_member(result, "rows")) add_row(table, result, row, tabs);
    render_open(&render, stdout);
    if (tabs)
        return table_print_tabs(table, &render, error);
    return table_print(table, &render, error) && print_replicates(result, columns, n, error);
}

/* Metrics that are asked for are shown, however many there are. */
static bool print(const struct arguments *arguments, cJSON *result, struct error *error)
{
    bool tabs = arguments_flag(arguments, "parsable");
    int limit = arguments_flag(arguments, "metric") ? INT_MAX : METRICS_SHOWN;
    long long metrics, parameters;

    if (!order_metrics(result, error))
        return false;
    metrics = cut(result, "metrics", limit);
    parameters = cut(result, "parameters", PARAMETERS_SHOWN);
    if (!print_rows(result, tabs, error))
        return false;
    if (metrics > 0)
        fprintf(tabs ? stderr : stdout, "... and %lld more metric%s: --metric NAME, or --json\n",
                metrics, metrics == 1 ? "" : "s");
    if (parameters > 0)
        fprintf(tabs ? stderr : stdout, "... and %lld more parameter%s: --json\n", parameters,
                parameters == 1 ? "" : "s");
    return true;
}

static bool run(struct client *client, struct error *error)
{
    scoped(json_free) cJSON *result = NULL;

    if (!ask(client, &result, error))
        return false;
    if (arguments_flag(&client->arguments, "json"))
        return client_print_json(result, error);
    return print(&client->arguments, result, error);
}

static const struct command_option options[] = {
    {.name = "metric",
     .letter = 'm',
     .type = OPTION_TEXT,
     .repeats = true,
     .value = "NAME",
     .help = "Only this metric; may be given several times."},
    COMMAND_OPTION_SCALE,
    COMMAND_OPTION_STATE,
    COMMAND_OPTION_JSON,
    {.name = "parsable", .help = "Print full numbers apart by tabs, without titles."},
    {0},
};

const struct command command_compare = {
    .name = "compare",
    .synopsis = "[ID]... [--metric NAME]... [--scale METRIC=FACTOR]... [--state STATES] "
                "[--json|--parsable]",
    .help = "Show experiments side by side: the parameters that differ, and their metrics.",
    .description = SELECT_HELP " Without any: the last submission.\n\n"
                               "    nj compare 3-9 --metric test.accuracy --metric test.log_loss",
    .options = options,
    .takes = ARGUMENT_IDS,
    .max_arguments = -1,
    .run = run,
};
