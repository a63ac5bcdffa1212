/* nj report: the morning in text: what each batch asked, and what was learnt. */
#include "client/report.h"

#include "client/scale.h"
#include "client/select.h"
#include "common/owner.h"

#include <stdlib.h>

#define NIGHT_S (24 * 3600)

/* Rows come in the order of their ids, and so those of a batch stand together. */
static bool add_batch_ids(cJSON *params, const cJSON *rows, struct error *error)
{
    cJSON *list = json_add_array(params, "batch");
    const cJSON *row;
    double last = 0;

    if (!list)
        return error_set(error, ERROR_NO_MEMORY, "preparing the request");
    cJSON_ArrayForEach(row, rows)
    {
        double batch = json_number(row, "batch", 0);

        if (batch != last && !cJSON_AddItemToArray(list, cJSON_CreateNumber(batch)))
            return error_set(error, ERROR_NO_MEMORY, "preparing the request");
        last = batch;
    }
    return true;
}

/* The batches of the experiments that the arguments (or `fallback`) name. */
static bool ask_batches(struct client *client, const char *fallback, cJSON **ret_result,
                        struct error *error)
{
    scoped(json_free) cJSON *select = NULL, *list = NULL, *params = NULL;
    const cJSON *rows;

    if (!select_of_arguments(client, fallback, &select, error) ||
        !select_rows(client, select, &list, error) || !client_object(&params, error))
        return false;
    rows = json_member(list, "experiments");
    if (cJSON_GetArraySize(rows) == 0)
        return error_set(error, ERROR_NOT_FOUND, "no such experiment");
    return add_batch_ids(params, rows, error) && scale_ask(&client->arguments, params, error) &&
           client_call(client, "report", &params, ret_result, error);
}

/* What ended or ran within the time; where that is nothing, and no time was asked for, the last. */
static bool ask_recent(struct client *client, cJSON **ret_result, struct error *error)
{
    scoped(json_free) cJSON *params = NULL, *result = NULL;

    if (!client_object(&params, error))
        return false;
    if (!json_add_number(params, "since_s", arguments_number(&client->arguments, "since", NIGHT_S)))
        return error_set(error, ERROR_NO_MEMORY, "preparing the request");
    if (!scale_ask(&client->arguments, params, error) ||
        !client_call(client, "report", &params, &result, error))
        return false;
    if (cJSON_GetArraySize(json_member(result, "batches")) == 0 &&
        !arguments_flag(&client->arguments, "since"))
        return ask_batches(client, "last", ret_result, error);
    *ret_result = take(&result);
    return true;
}

static bool run(struct client *client, struct error *error)
{
    scoped(json_free) cJSON *result = NULL;
    struct render render;
    bool asked = client->arguments.n_arguments > 0 ? ask_batches(client, NULL, &result, error)
                                                   : ask_recent(client, &result, error);

    if (!asked)
        return false;
    if (arguments_flag(&client->arguments, "json"))
        return client_print_json(result, error);
    render_open(&render, stdout);
    return report_print(&render, result, error);
}

static const struct command_option options[] = {
    {.name = "since",
     .type = OPTION_DURATION,
     .value = "TIME",
     .help = "Batches that ended or ran within this time; 24h where not said."},
    COMMAND_OPTION_SCALE,
    COMMAND_OPTION_JSON,
    {0},
};

const struct command command_report = {
    .name = "report",
    .alias = "morning",
    .synopsis = "[batch:N|ID]... [--since TIME] [--scale METRIC=FACTOR]... [--json]",
    .help = "Tell what was learnt: questions, configurations, the best, failures, what waits.",
    .description =
        "Per batch: its question, how many are done or failed and why, the configurations with "
        "mean and standard deviation over their replicates beside what guessing without looking "
        "scores, the best experiment, the time used, warnings and notes, what waits and when it "
        "should be finished. A configuration marked LEAK was tested on what it had seen: its "
        "number says nothing.\n\nWithout arguments: the batches of the last 24 hours, else the "
        "last one. An ID stands for its batch. The newest 20 are told in full, those before them "
        "in a line each.",
    .options = options,
    .takes = ARGUMENT_IDS,
    .max_arguments = -1,
    .run = run,
};
