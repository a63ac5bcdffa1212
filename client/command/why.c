/* nj why: why an experiment is in the state that it is in. */
#include "client/render.h"
#include "client/row.h"
#include "client/select.h"

#include "common/owner.h"

static bool run(struct client *client, struct error *error)
{
    scoped(json_free) cJSON *params = NULL, *result = NULL;
    const cJSON *reason;
    char state[ROW_TEXT_SIZE];
    struct render render;
    int64_t id;

    if (!select_single(client, &id, error) || !client_object(&params, error))
        return false;
    if (!json_add_integer(params, "id", id))
        return error_set(error, ERROR_NO_MEMORY, "preparing the request");
    if (!client_call(client, "why", &params, &result, error))
        return false;
    if (arguments_flag(&client->arguments, "json"))
        return client_print_json(result, error);
    render_open(&render, stdout);
    printf("%lld is %s\n", (long long)id, row_state(result, state));
    cJSON_ArrayForEach(reason, json_member(result, "reasons"))
    {
        if (!render_paragraph(&render, cJSON_IsString(reason) ? reason->valuestring : "", 2, error))
            return false;
    }
    return true;
}

static const struct command_option options[] = {
    COMMAND_OPTION_JSON,
    {0},
};

const struct command command_why = {
    .name = "why",
    .synopsis = "[ID] [--json]",
    .help = "Explain why an experiment waits, failed, or is in whatever state it is.",
    .description = "In sentences with numbers: what it needs and what is free, what it waits for, "
                   "what its program said last. Without an ID the last one.",
    .options = options,
    .takes = ARGUMENT_IDS,
    .max_arguments = 1,
    .run = run,
};
