#include "client/change.h"

#include "client/select.h"
#include "common/owner.h"

#include <stdio.h>

const struct command_option change_options[] = {
    COMMAND_OPTION_STATE,
    COMMAND_OPTION_JSON,
    {.name = "parsable", .help = "Print the ids that changed, one a line, and nothing else."},
    {0},
};

/* 3-9,12: runs of consecutive ids are drawn together. */
static void print_ids(const cJSON *ids)
{
    const cJSON *id = ids ? ids->child : NULL;

    while (id) {
        long long first = (long long)id->valuedouble, last = first;

        for (id = id->next; id && (long long)id->valuedouble == last + 1; id = id->next)
            last++;
        printf(last > first ? "%lld-%lld" : "%lld", first, last);
        if (id)
            printf(", ");
    }
}

static void tell(const char *past, const cJSON *result)
{
    const cJSON *changed = json_member(result, "changed");
    const cJSON *entry;

    if (cJSON_GetArraySize(changed) > 0) {
        printf("%s ", past);
        print_ids(changed);
        putchar('\n');
    }
    cJSON_ArrayForEach(entry, json_member(result, "unchanged"))
        client_message("%lld: %s", (long long)json_integer(entry, "id", 0),
                       json_text(entry, "reason", "unchanged"));
}

bool change_ask(struct client *client, const char *method, const char *past, cJSON **params,
                struct error *error)
{
    scoped(json_free) cJSON *result = NULL;
    const cJSON *id;

    if (!client_call(client, method, params, &result, error))
        return false;
    client->exit_status = cJSON_GetArraySize(json_member(result, "changed")) > 0 ? 0 : 1;
    if (arguments_flag(&client->arguments, "json"))
        return client_print_json(result, error);
    if (arguments_flag(&client->arguments, "parsable")) {
        cJSON_ArrayForEach(id, json_member(result, "changed"))
            printf("%lld\n", (long long)id->valuedouble);
        return true;
    }
    tell(past, result);
    return true;
}

bool change_run(struct client *client, const char *method, const char *past, struct error *error)
{
    scoped(json_free) cJSON *select = NULL, *params = NULL;

    return select_of_arguments(client, NULL, &select, error) &&
           client_select(&select, &params, error) &&
           change_ask(client, method, past, &params, error);
}
