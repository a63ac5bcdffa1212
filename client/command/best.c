/* nj best: the experiments with the best value of a metric. */
#include "client/row.h"
#include "client/scale.h"
#include "client/select.h"

#include "common/owner.h"

#include <math.h>

static const char *const goals[] = {"minimize", "maximize", NULL};

static bool ask(struct client *client, cJSON **ret_result, struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    scoped(json_free) cJSON *select = NULL, *params = NULL;

    if (!select_of_arguments(client, "last", &select, error) ||
        !client_select(&select, &params, error))
        return false;
    if (!json_add_text(params, "metric", arguments_text(arguments, "metric", NULL)) ||
        !json_add_text(params, "goal", arguments_text(arguments, "goal", NULL)) ||
        !json_add_integer(params, "top", (int64_t)arguments_number(arguments, "top", 5)))
        return error_set(error, ERROR_NO_MEMORY, "preparing the request");
    return scale_ask(arguments, params, error) &&
           client_call(client, "best", &params, ret_result, error);
}

static struct table *table_of(const cJSON *result, const struct table_column *columns, size_t n)
{
    struct table *table = table_new(columns, n);
    const cJSON *row;

    if (!table)
        return NULL;
    cJSON_ArrayForEach(row, json_member(result, "rows"))
    {
        char text[ROW_TEXT_SIZE], number[RENDER_NUMBER_SIZE];

        table_cell(table, STYLE_PLAIN, "%s", render_number(json_number(row, "value", NAN), number));
        table_cell(table, STYLE_PLAIN, "%lld", (long long)json_integer(row, "id", 0));
        table_cell(table, STYLE_PLAIN, "%s", json_text(row, "name", ""));
        table_cell(table, STYLE_PLAIN, "%lld", (long long)json_integer(row, "seed", 0));
        table_cell(table, STYLE_RED, "%s", row_marks(json_member(row, "marks"), text));
        table_cell(table, STYLE_PLAIN, "%s", row_parameters(json_member(row, "parameters"), text));
    }
    return table;
}

static bool print(const cJSON *result, struct error *error)
{
    const char *metric = json_text(result, "metric", "value");
    const struct table_column columns[] = {
        {.title = metric, .right = true},
        {.title = "id", .right = true},
        {.title = "name", .shrinks = true},
        {.title = "seed", .right = true},
        {.title = "marks"},
        {.title = "parameters", .shrinks = true},
    };
    size_t n = sizeof(columns) / sizeof(*columns);
    scoped(table_free) struct table *table = table_of(result, columns, n);
    struct render render;

    if (!table)
        return error_set(error, ERROR_NO_MEMORY, "printing a table");
    render_open(&render, stdout);
    return table_print(table, &render, error);
}

static bool found_any(const cJSON *result, struct error *error)
{
    const char *metric = json_text(result, "metric", "value");

    return cJSON_GetArraySize(json_member(result, "rows")) > 0 ||
           error_set(error, ERROR_NOT_FOUND, "none of these has %s%s",
                     *metric ? "a value of " : "reported any metric", metric);
}

static bool run(struct client *client, struct error *error)
{
    scoped(json_free) cJSON *result = NULL;
    const cJSON *row;

    if (!ask(client, &result, error))
        return false;
    if (arguments_flag(&client->arguments, "json"))
        return client_print_json(result, error) && found_any(result, error);
    if (!found_any(result, error))
        return false;
    if (!arguments_flag(&client->arguments, "parsable"))
        return print(result, error);
    cJSON_ArrayForEach(row, json_member(result, "rows"))
        printf("%lld\n", (long long)json_integer(row, "id", 0));
    return true;
}

static const struct command_option options[] = {
    {.name = "metric",
     .letter = 'm',
     .type = OPTION_TEXT,
     .value = "NAME",
     .help = "Such as test.accuracy; else the goal of the sweep."},
    {.name = "goal",
     .letter = 'g',
     .type = OPTION_TEXT,
     .value = "GOAL",
     .choices = goals,
     .help = "What is better; else what the sweep or the metric itself says."},
    {.name = "top",
     .letter = 'n',
     .type = OPTION_INTEGER,
     .value = "N",
     .low = 1,
     .high = 10000,
     .help = "How many; 5 where not said."},
    COMMAND_OPTION_SCALE,
    COMMAND_OPTION_STATE,
    COMMAND_OPTION_JSON,
    {.name = "parsable", .help = "Print the ids, best first, one a line, and nothing else."},
    {0},
};

const struct command command_best = {
    .name = "best",
    .synopsis = "[ID]... [--metric NAME] [--goal GOAL] [--top N] [--scale METRIC=FACTOR]... "
                "[--json|--parsable]",
    .help = "List the experiments with the best value of a metric.",
    .description = SELECT_HELP " Without any: the last submission.\n\n"
                               "    nj best batch:4 --metric valid.log_loss --goal minimize",
    .options = options,
    .takes = ARGUMENT_IDS,
    .max_arguments = -1,
    .run = run,
};
