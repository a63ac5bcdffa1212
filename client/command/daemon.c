/* nj daemon: what the daemon is doing; start it, stop it, drain it, change its number of slots. */
#include "client/client.h"
#include "client/render.h"

#include "client/launch.h"
#include "common/owner.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STOP_DEADLINE_MS 30000

static void print_share(const char *label, const cJSON *share, bool bytes)
{
    double used = json_number(share, "used", 0), total = json_number(share, "total", 0);
    char a[RENDER_NUMBER_SIZE], b[RENDER_NUMBER_SIZE];

    if (total > 0)
        printf("%-10s %s of %s given to running work\n", label,
               bytes ? render_bytes(used, a) : render_number(used, a),
               bytes ? render_bytes(total, b) : render_number(total, b));
}

static void print_status(const cJSON *status)
{
    char text[RENDER_NUMBER_SIZE];

    printf("nightjard  %s, process %lld, up %s\n", json_text(status, "version", "?"),
           (long long)json_integer(status, "pid", 0),
           render_duration(json_number(status, "uptime_s", 0), text));
    printf("home       %s\n", json_text(status, "home", "?"));
    printf("slots      %lld\n", (long long)json_integer(status, "slots", 0));
    if (json_boolean(status, "disk_full", false))
        printf("disk       full: no submissions until there is room for the queue's reserve\n");
    if (json_boolean(status, "draining", false))
        printf("draining   nothing new starts until nj daemon undrain\n");
    print_share("cpus", json_member(status, "cpus"), false);
    print_share("memory", json_member(status, "memory"), true);
    print_share("gpus", json_member(status, "gpus"), false);
    printf("queue      %s, ", render_bytes(json_number(status, "database_bytes", 0), text));
    printf("%s free on the disk\n", render_bytes(json_number(status, "disk_free_bytes", 0), text));
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

/* What has nothing to tell a person. */
static bool print_answer(const struct client *client, const cJSON *result, struct error *error)
{
    return !arguments_flag(&client->arguments, "json") || client_print_json(result, error);
}

/* Returns when the process is gone, so that the next daemon finds the home free. */
static bool stop(struct client *client, struct error *error)
{
    scoped(json_free) cJSON *status = NULL, *result = NULL;
    scoped(descriptor_close) int process = -1;
    struct pollfd poll_fd = {.events = POLLIN};

    if (!connection_open(false, &client->connection, NULL, error) ||
        !client_call(client, "daemon.status", NULL, &status, error))
        return false;
    process = (int)syscall(SYS_pidfd_open, (pid_t)json_integer(status, "pid", 0), 0);
    if (!client_call(client, "daemon.stop", NULL, &result, error))
        return false;
    poll_fd.fd = process;
    if (process >= 0 && poll(&poll_fd, 1, STOP_DEADLINE_MS) == 0)
        return error_set(error, ERROR_BUSY, "the daemon (process %lld) has not ended yet",
                         (long long)json_integer(status, "pid", 0));
    return print_answer(client, result, error);
}

static bool backup(struct client *client, struct error *error)
{
    scoped(json_free) cJSON *result = NULL;

    if (!connection_open(true, &client->connection, NULL, error) ||
        !client_call(client, "daemon.backup", NULL, &result, error))
        return false;
    if (arguments_flag(&client->arguments, "json"))
        return client_print_json(result, error);
    puts(json_text(result, "path", ""));
    return true;
}

/* Without a daemon, and in its place: the program that knows the queue does it, and ends for us. */
static bool recover(struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};

    if (!launch_program_path("nightjard", &path, error))
        return false;
    (void)execl(path.data, "nightjard", "recover", (char *)NULL);
    return error_set_errno(error, errno, "%s", path.data);
}

static bool reload(struct client *client, struct error *error)
{
    const struct option_value *slots = arguments_option(&client->arguments, "slots");
    scoped(json_free) cJSON *params = NULL, *result = NULL;

    if (!slots)
        return error_set(error, ERROR_INVALID, "daemon reload: say what: --slots N");
    if (!client_object(&params, error))
        return false;
    if (!json_add_integer(params, "slots", (int64_t)slots->number))
        return error_set(error, ERROR_NO_MEMORY, "preparing the request");
    return client_call(client, "daemon.reload", &params, &result, error) &&
           print_answer(client, result, error);
}

static bool ask(struct client *client, const char *method, struct error *error)
{
    scoped(json_free) cJSON *result = NULL;

    return client_call(client, method, NULL, &result, error) && print_answer(client, result, error);
}

static bool run(struct client *client, struct error *error)
{
    const char *action = client->arguments.n_arguments ? client->arguments.argument[0] : "status";

    if (arguments_option(&client->arguments, "slots") && strcmp(action, "reload") != 0)
        return error_set(error, ERROR_INVALID,
                         "daemon %s: --slots belongs to reload, which keeps it for every daemon "
                         "to come",
                         action);
    if (strcmp(action, "status") == 0)
        return show_status(client, error);
    if (strcmp(action, "start") == 0)
        return start(client, error);
    if (strcmp(action, "stop") == 0)
        return stop(client, error);
    if (strcmp(action, "reload") == 0)
        return reload(client, error);
    if (strcmp(action, "drain") == 0)
        return ask(client, "daemon.drain", error);
    if (strcmp(action, "undrain") == 0)
        return ask(client, "daemon.undrain", error);
    if (strcmp(action, "backup") == 0)
        return backup(client, error);
    if (strcmp(action, "recover") == 0)
        return recover(error);
    return error_set(error, ERROR_INVALID,
                     "daemon: '%s' is none of status, start, stop, reload, drain, undrain, backup, "
                     "recover",
                     action);
}

static const struct command_option options[] = {
    COMMAND_OPTION_JSON,
    {.name = "slots",
     .type = OPTION_INTEGER,
     .value = "N",
     .low = 1,
     .high = 1024,
     .help = "For reload: how many experiments may run at once, kept from then on."},
    {0},
};

static const char *const words[] = {"backup", "drain", "recover", "reload", "start",
                                    "status", "stop",  "undrain", NULL};

const struct command command_daemon = {
    .name = "daemon",
    .synopsis = "[status|start|stop|drain|undrain|backup] [--json]\nrecover\nreload --slots N",
    .help = "Tell what the daemon is doing, start, stop or drain it, or set its slots.",
    .description =
        "Any verb that needs the daemon starts it. Stopping it leaves running work alone: "
        "the next daemon takes it over.\n\nWhile it drains what runs goes on and nothing new "
        "starts, "
        "even after a restart, until nj daemon undrain.\n\n"
        "Once a day the daemon copies its queue into its home, backup/queue-<weekday>.db; backup "
        "does so now. recover repairs a queue that is damaged or gone, while no daemon runs: from "
        "the newest copy that is whole, and the run folders of every experiment that came after "
        "it. What is damaged is put aside, never removed.",
    .options = options,
    .takes = ARGUMENT_WORD,
    .words = words,
    .max_arguments = 1,
    .run = run,
};
