/* nj clean: removes run folders (logs, checkpoints, artifacts) of what has ended. */
#include "client/render.h"
#include "client/select.h"

#include "common/owner.h"

/* What one request cleans: of what is selected those behind `after`. */
static bool ask_part(struct client *client, const cJSON *select, int64_t after, cJSON **ret_part,
                     struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    scoped(json_free) cJSON *copy = cJSON_Duplicate(select, true), *params = NULL;

    if (!client_select(&copy, &params, error))
        return false;
    if (!json_add_number(params, "older_s", arguments_number(arguments, "older", 0)) ||
        !json_add_integer(params, "after", after) ||
        !json_add_boolean(params, "dry_run", arguments_flag(arguments, "dry-run")))
        return error_set(error, ERROR_NO_MEMORY, "preparing the request");
    return client_call(client, "clean", &params, ret_part, error);
}

/* Ids and bytes of a part, which loses them, to those of the parts before. */
static bool add_part(cJSON *experiments, int64_t *bytes, cJSON *part, struct error *error)
{
    cJSON *ids = cJSON_GetObjectItemCaseSensitive(part, "experiments"), *id;

    *bytes += json_integer(part, "bytes", 0);
    while ((id = cJSON_DetachItemFromArray(ids, 0)))
        if (!cJSON_AddItemToArray(experiments, id))
            return error_set(error, ERROR_NO_MEMORY, "cleaning");
    return true;
}

static bool ask_all(struct client *client, const cJSON *select, cJSON **ret_result,
                    struct error *error)
{
    scoped(json_free) cJSON *whole = cJSON_CreateObject();
    cJSON *experiments = json_add_array(whole, "experiments");
    int64_t bytes = 0, next = 0;

    if (!experiments)
        return error_set(error, ERROR_NO_MEMORY, "cleaning");
    do {
        scoped(json_free) cJSON *part = NULL;

        if (!ask_part(client, select, next, &part, error) ||
            !add_part(experiments, &bytes, part, error))
            return false;
        next = json_integer(part, "next", 0);
    } while (next > 0);
    if (!json_add_integer(whole, "bytes", bytes))
        return error_set(error, ERROR_NO_MEMORY, "cleaning");
    *ret_result = take(&whole);
    return true;
}

static bool ask(struct client *client, cJSON **ret_result, struct error *error)
{
    scoped(json_free) cJSON *select = NULL;

    if (client->arguments.n_arguments == 0 && !arguments_flag(&client->arguments, "older"))
        return error_set(error, ERROR_INVALID, "clean: say which ones: ids, or --older 30d");
    return select_of_arguments(client, "all", &select, error) &&
           ask_all(client, select, ret_result, error);
}

static bool run(struct client *client, struct error *error)
{
    scoped(json_free) cJSON *result = NULL;
    char bytes[RENDER_NUMBER_SIZE];
    const cJSON *id;

    if (!ask(client, &result, error))
        return false;
    if (arguments_flag(&client->arguments, "json"))
        return client_print_json(result, error);
    if (arguments_flag(&client->arguments, "parsable")) {
        cJSON_ArrayForEach(id, json_member(result, "experiments"))
            printf("%lld\n", (long long)id->valuedouble);
        return true;
    }
    printf("%s the files of %d experiments, %s\n",
           arguments_flag(&client->arguments, "dry-run") ? "would remove" : "removed",
           cJSON_GetArraySize(json_member(result, "experiments")),
           render_bytes(json_number(result, "bytes", 0), bytes));
    return true;
}

static const struct command_option options[] = {
    {.name = "older",
     .type = OPTION_DURATION,
     .value = "TIME",
     .help = "Only what ended at least so long ago: 30d, 12h."},
    {.name = "dry-run", .letter = 'n', .help = "Only tell what would be removed."},
    COMMAND_OPTION_STATE,
    COMMAND_OPTION_JSON,
    {.name = "parsable", .help = "Print the ids, one a line, and nothing else."},
    {0},
};

const struct command command_clean = {
    .name = "clean",
    .synopsis = "[ID]... [--older TIME] [--state STATES] [--dry-run] [--json|--parsable]",
    .help = "Remove logs, checkpoints and artifacts of ended experiments.",
    .description = "Specs, numbers and verdicts stay in the queue's record; only the run folders "
                   "go. What has not ended is never touched.",
    .options = options,
    .takes = ARGUMENT_IDS,
    .max_arguments = -1,
    .run = run,
};
