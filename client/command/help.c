/* nj help: what there is, and how it is used. */
#include "client/client.h"

static bool run(struct client *client, struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    const struct command *command = NULL;

    if (arguments->n_arguments && !command_find(arguments->argument[0], &command, error))
        return false;
    if (arguments_flag(arguments, "markdown"))
        help_print_markdown();
    else if (arguments_flag(arguments, "man"))
        help_print_man(command);
    else if (command)
        help_print_command(command);
    else
        help_print_overview();
    return true;
}

static const struct command_option options[] = {
    {.name = "man", .help = "Print the man page (of nightjar, or of the verb)."},
    {.name = "markdown", .help = "Print docs/commands.md."},
    {0},
};

const struct command command_help = {
    .name = "help",
    .synopsis = "[VERB] [--man] [--markdown]",
    .help = "Tell what a verb does and which options it has.",
    .options = options,
    .takes = ARGUMENT_COMMAND,
    .max_arguments = 1,
    .run = run,
};
