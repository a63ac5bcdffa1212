/* nj search: what was asked, expected, noted and learnt, in all the nights so far. */
#include "client/report.h"
#include "client/select.h"

#include "common/owner.h"

#include <stdlib.h>

static bool ask(struct client *client, cJSON **ret_result, struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    scoped(json_free) cJSON *params = NULL;
    cJSON *words;

    if (!client_object(&params, error))
        return false;
    words = json_add_array(params, "words");
    for (size_t i = 0; words && i < arguments->n_arguments; i++) {
        if (!cJSON_AddItemToArray(words, cJSON_CreateString(arguments->argument[i])))
            words = NULL;
    }
    if (!words ||
        !json_add_integer(params, "limit", (int64_t)arguments_number(arguments, "top", 20)))
        return error_set(error, ERROR_NO_MEMORY, "preparing the request");
    return client_call(client, "search", &params, ret_result, error);
}

static bool found_any(const struct arguments *arguments, const cJSON *result, struct error *error)
{
    return cJSON_GetArraySize(json_member(result, "batches")) > 0 ||
           error_set(error, ERROR_NOT_FOUND, "no batch has %s in its texts",
                     arguments->n_arguments == 1 ? "that" : "all of these");
}

static bool run(struct client *client, struct error *error)
{
    scoped(json_free) cJSON *result = NULL;
    struct render render;

    if (!ask(client, &result, error))
        return false;
    if (arguments_flag(&client->arguments, "json"))
        return client_print_json(result, error) && found_any(&client->arguments, result, error);
    if (!found_any(&client->arguments, result, error))
        return false;
    render_open(&render, stdout);
    return report_print_found(&render, result, error);
}

static const struct command_option options[] = {
    {.name = "top",
     .letter = 'n',
     .type = OPTION_INTEGER,
     .value = "N",
     .low = 1,
     .high = 100,
     .help = "How many batches, the newest first; 20 where not said."},
    COMMAND_OPTION_JSON,
    {0},
};

const struct command command_search = {
    .name = "search",
    .synopsis = "TEXT... [--top N] [--json]",
    .help = "Find batches by what was asked, expected, noted and learnt.",
    .description =
        "Looks through names, tags, questions, expectations, notes and the messages that "
        "experiments ended with; a batch is found where each TEXT occurs in one of them, in "
        "capitals or not. Per batch: its question, what was expected, its outcome, what it is "
        "linked with (nj note --link, queue.after), and where the words stand.\n\n"
        "    nj search dropout vowels\n"
        "    nj search \"out of memory\"",
    .options = options,
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run,
};
