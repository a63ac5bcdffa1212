/* nj daemon: what the daemon is doing; start it, stop it, change its number of slots. */
#include "client/client.h"

#include "common/owner.h"

#include <stdio.h>
#include <string.h>

static void print_status(const cJSON *status)
{
    const cJSON *cpus = json_member(status, "cpus");

    printf("nightjard %s, process %lld, up %.0f s\n", json_text(status, "version", "?"),
           (long long)json_integer(status, "pid", 0), json_number(status, "uptime_s", 0));
    printf("home   %s\n", json_text(status, "home", "?"));
    printf("slots  %lld\n", (long long)json_integer(status, "slots", 0));
    printf("cpus   %g of %g in use\n", json_number(cpus, "used", 0), json_number(cpus, "total", 0));
}

static bool show_status(struct client *client, struct error *error)
{
    scoped(json_free) cJSON *status = NULL;

    if (!connection_open(false, &client->connection, NULL, error) ||
        !client_call(client, "daemon.status", NULL, &status, error))
        return false;
    if (arguments_flag(&client->arguments, "json"))
        return client_print_json(status, error);
    print_status(status);
    return true;
}

static bool start(struct client *client, struct error *error)
{
    scoped(json_free) cJSON *status = NULL;
    bool started = false;

    if (!connection_open(true, &client->connection, &started, error) ||
        !client_call(client, "daemon.status", NULL, &status, error))
        return false;
    if (arguments_flag(&client->arguments, "json"))
        return client_print_json(status, error);
    client_message("%s (process %lld)", started ? "started" : "already running",
                   (long long)json_integer(status, "pid", 0));
    return true;
}

static bool stop(struct client *client, struct error *error)
{
    scoped(json_free) cJSON *result = NULL;
    cJSON *message = NULL;

    if (!connection_open(false, &client->connection, NULL, error) ||
        !client_call(client, "daemon.stop", NULL, &result, error))
        return false;
    /* it has ended when it closes the connection */
    while (connection_next(client->connection, -1, &message, error))
        json_free(&message);
    return error->kind == ERROR_UNREACHABLE;
}

static bool run(struct client *client, struct error *error)
{
    const char *action = client->arguments.n_arguments ? client->arguments.argument[0] : "status";

    if (strcmp(action, "status") == 0)
        return show_status(client, error);
    if (strcmp(action, "start") == 0)
        return start(client, error);
    if (strcmp(action, "stop") == 0)
        return stop(client, error);
    return error_set(error, ERROR_INVALID, "daemon: '%s' is none of status, start, stop", action);
}

static const struct command_option options[] = {
    COMMAND_OPTION_JSON,
    {0},
};

static const char *const words[] = {"start", "status", "stop", NULL};

const struct command command_daemon = {
    .name = "daemon",
    .synopsis = "[status|start|stop] [--json]",
    .help = "Tell what the daemon is doing, start it, or stop it.",
    .description =
        "Any verb that needs the daemon starts it. Stopping it leaves running work alone: "
        "the next daemon takes it over.",
    .options = options,
    .takes = ARGUMENT_WORD,
    .words = words,
    .max_arguments = 1,
    .run = run,
};
