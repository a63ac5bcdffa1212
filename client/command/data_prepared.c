#include "client/command/data_prepared.h"

#include "client/command/data_request.h"
#include "client/render.h"

#include "common/owner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEY_SHOWN 12

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "preparing the request");
}

/* ---- the question -----------------------------------------------------------------------------*/

static bool add_keys(const struct arguments *arguments, cJSON *request, struct error *error)
{
    cJSON *keys = json_add_array(request, "keys");

    for (size_t i = 1; keys && i < arguments->n_arguments; i++)
        if (!cJSON_AddItemToArray(keys, cJSON_CreateString(arguments->argument[i])))
            return no_memory(error);
    return keys || no_memory(error);
}

static bool check(const struct arguments *arguments, const char *verb, struct error *error)
{
    bool clean = strcmp(verb, "clean") == 0;

    if (strcmp(verb, "list") == 0 && arguments->n_arguments > 1)
        return error_set(error, ERROR_INVALID, "data list: takes no argument");
    if (clean && arguments->n_arguments == 1 && !arguments_option(arguments, "older") &&
        !arguments_option(arguments, "all"))
        return error_set(error, ERROR_INVALID,
                         "data clean: say which ones: keys, --older 30d, or --all");
    if (clean && arguments->n_arguments > 1 && arguments_option(arguments, "all"))
        return error_set(error, ERROR_INVALID, "data clean: either keys or --all");
    return true;
}

static bool make_request(const struct arguments *arguments, const char *verb, cJSON **ret,
                         struct error *error)
{
    scoped(json_free) cJSON *request = cJSON_CreateObject();

    if (!json_add_text(request, "do", verb) ||
        !json_add_number(request, "older_s", arguments_number(arguments, "older", 0)) ||
        !json_add_boolean(request, "dry_run", arguments_flag(arguments, "dry-run")))
        return no_memory(error);
    if (!data_request_add_folder(request, error) || !add_keys(arguments, request, error))
        return false;
    *ret = take(&request);
    return true;
}

/* ---- the answer -------------------------------------------------------------------------------*/

static const char *state_of(const cJSON *data)
{
    if (json_member(data, "error"))
        return "damaged";
    if (json_boolean(data, "in_use", false))
        return "in use";
    return "";
}

static bool print_list(const cJSON *answer, struct error *error)
{
    static const struct table_column titles[] = {
        {.title = "key"},
        {.title = "source", .shrinks = true},
        {.title = "rows", .right = true},
        {.title = "recordings", .right = true, .drops = true},
        {.title = "size", .right = true},
        {.title = "last used", .right = true},
        {.title = ""},
    };
    struct table *table = table_new(titles, sizeof(titles) / sizeof(titles[0]));
    const cJSON *data;
    struct render render;
    char text[RENDER_NUMBER_SIZE];
    bool printed;
    int n;

    render_open(&render, stdout);
    cJSON_ArrayForEach(data, json_member(answer, "data"))
    {
        table_cell(table, STYLE_BOLD, "%.*s", KEY_SHOWN, json_text(data, "key", ""));
        table_cell(table, STYLE_PLAIN, "%s", json_text(data, "source", ""));
        table_cell(table, STYLE_PLAIN, "%lld", (long long)json_integer(data, "rows", 0));
        table_cell(table, STYLE_PLAIN, "%lld", (long long)json_integer(data, "recordings", 0));
        table_cell(table, STYLE_PLAIN, "%s", render_bytes(json_number(data, "bytes", 0), text));
        table_cell(table, STYLE_PLAIN, "%s",
                   render_time(json_number(data, "used", 0), (double)time(NULL), text));
        table_cell(table, STYLE_YELLOW, "%s", state_of(data));
    }
    printed = table ? table_print(table, &render, error) : no_memory(error);
    table_free(&table);
    n = cJSON_GetArraySize(json_member(answer, "data"));
    if (printed)
        printf("%d data set%s, %s in %s\n", n, n == 1 ? "" : "s",
               render_bytes(json_number(answer, "bytes", 0), text),
               json_text(answer, "folder", ""));
    return printed;
}

static void print_cleaned(const cJSON *answer, bool dry_run)
{
    const cJSON *data;
    char text[RENDER_NUMBER_SIZE];
    int n = 0, busy = 0;

    cJSON_ArrayForEach(data, json_member(answer, "data"))
    {
        bool chosen = json_boolean(data, "chosen", false);
        bool in_use = json_boolean(data, "in_use", false);

        n += chosen && !in_use;
        busy += chosen && in_use;
        if (chosen && !in_use)
            printf("%.*s  %s\n", KEY_SHOWN, json_text(data, "key", ""),
                   json_text(data, "source", ""));
    }
    printf("%s %d of %d data sets, %s", dry_run ? "would remove" : "removed", n,
           cJSON_GetArraySize(json_member(answer, "data")),
           render_bytes(json_number(answer, "freed", 0), text));
    if (busy > 0)
        printf("; %d in use stay%s", busy, busy == 1 ? "s" : "");
    printf("\n");
}

static void print_verified(const cJSON *answer)
{
    const cJSON *data;
    int n = 0;

    cJSON_ArrayForEach(data, json_member(answer, "data"))
    {
        const char *message = json_text(data, "error", NULL);

        if (!json_boolean(data, "chosen", false))
            continue;
        n++;
        if (message)
            printf("%.*s  %s\n", KEY_SHOWN, json_text(data, "key", ""), message);
    }
    printf("%d as written, %lld damaged\n", n - (int)json_integer(answer, "damaged", 0),
           (long long)json_integer(answer, "damaged", 0));
}

static bool print_answer(const struct client *client, const char *verb, const cJSON *answer,
                         struct error *error)
{
    if (arguments_flag(&client->arguments, "json"))
        return client_print_json(answer, error);
    if (strcmp(verb, "list") == 0)
        return print_list(answer, error);
    if (strcmp(verb, "clean") == 0)
        print_cleaned(answer, arguments_flag(&client->arguments, "dry-run"));
    else
        print_verified(answer);
    return true;
}

bool data_prepared_run(struct client *client, const char *verb, struct error *error)
{
    scoped(json_free) cJSON *request = NULL;
    scoped(json_free) cJSON *answer = NULL;

    if (!check(&client->arguments, verb, error) ||
        !make_request(&client->arguments, verb, &request, error) ||
        !data_request_ask(client, "data", request, &answer, error))
        return false;
    if (!answer) /* the engine has told why */
        return true;
    if (json_integer(answer, "damaged", 0) > 0)
        client->exit_status = error_exit_status(ERROR_CORRUPT);
    return print_answer(client, verb, answer, error);
}
