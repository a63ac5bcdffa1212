/* nightjar (nj): finds the verb, reads its options, runs it, tells what went wrong in one line. */
#include "client/client.h"

#include <stdio.h>
#include <string.h>

#include "common/process.h"

static int finish(const struct error *error)
{
    char text[1400];

    if (error->line > 0 && error->path[0])
        client_message("%s:%d: %s", error->path, error->line, error->message);
    else if (error->line > 0)
        client_message("line %d: %s", error->line, error->message);
    else
        client_message("%s", error_describe(error, text, sizeof(text)));
    return error_exit_status(error->kind);
}

/* Output that could not be written is a failure too: a full disk, a closed pipe. */
static int flush_output(int status)
{
    struct error error;

    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    error_set(&error, ERROR_IO, "writing to standard output failed");
    return finish(&error);
}

static int run(const struct command *command, char **argv)
{
    struct client client = {.command = command};
    struct error error = {0};
    int status;

    if (!arguments_parse(command, argv, &client.arguments, &error))
        return finish(&error);
    if (client.arguments.help) {
        help_print_command(command);
        status = flush_output(0);
    } else if (command->run(&client, &error)) {
        status = flush_output(client.exit_status);
    } else {
        fflush(stdout);
        status = finish(&error);
    }
    connection_free(&client.connection);
    arguments_release(&client.arguments);
    return status;
}

int main(int argc, char **argv)
{
    const struct command *command;
    struct error error = {0};
    const char *verb = argc > 1 ? argv[1] : "status";

    if (!process_have_standard_streams())
        return error_exit_status(ERROR_IO);
    if (strcmp(verb, "--version") == 0 || strcmp(verb, "-V") == 0) {
        puts("nightjar " NIGHTJAR_VERSION);
        return flush_output(0);
    }
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) {
        help_print_overview();
        return flush_output(0);
    }
    /* nj --all is nj status --all */
    if (verb[0] == '-') {
        if (!command_find("status", &command, &error))
            return finish(&error);
        return run(command, argv + 1);
    }
    if (!command_find(verb, &command, &error))
        return finish(&error);
    return run(command, argc > 1 ? argv + 2 : argv + argc);
}
