/* nj edit: other priority, resources, time or retries for what waits. */
#include "client/change.h"
#include "client/select.h"
#include "client/submission.h"

#include "common/owner.h"

/* The options name the same places of a spec as those of nj submit. */
static bool read_change(const struct arguments *arguments, cJSON *params, struct error *error)
{
    scoped(json_free) cJSON *scratch = cJSON_CreateObject();
    cJSON *set;

    if (!json_add_object(scratch, "base"))
        return error_set(error, ERROR_NO_MEMORY, "preparing the request");
    if (!submission_set_options(arguments, scratch, error))
        return false;
    set = cJSON_DetachItemFromObjectCaseSensitive(scratch, "base");
    if (!set->child) {
        cJSON_Delete(set);
        return error_set(error, ERROR_INVALID,
                         "edit: say what: --priority, --cpus, --memory, --gpus, --time, --retries");
    }
    return json_add_item(params, "set", &set) ||
           error_set(error, ERROR_NO_MEMORY, "preparing the request");
}

static bool run(struct client *client, struct error *error)
{
    scoped(json_free) cJSON *select = NULL, *params = NULL;

    if (!select_of_arguments(client, NULL, &select, error) ||
        !client_select(&select, &params, error) || !read_change(&client->arguments, params, error))
        return false;
    return change_ask(client, "edit", "edited", &params, error);
}

static const struct command_option options[] = {
    SUBMISSION_OPTION_PRIORITY,
    SUBMISSION_OPTIONS_RESOURCES,
    COMMAND_OPTION_STATE,
    COMMAND_OPTION_JSON,
    {.name = "parsable", .help = "Print the ids that changed, one a line, and nothing else."},
    {0},
};

const struct command command_edit = {
    .name = "edit",
    .synopsis = "ID... [options]",
    .help = "Change priority, resources, time or retries of what waits.",
    .description = "Only experiments that are queued or held can be edited, and not what their "
                   "sweep chose for them.\n\n"
                   "    nj edit 12 --priority 5 --memory 8G --time 2h\n\n" SELECT_HELP,
    .options = options,
    .takes = ARGUMENT_IDS,
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run,
};
