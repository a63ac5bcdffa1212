/* nj wait: waits until experiments have ended; its exit status is their verdict. */
#include "client/wait.h"

#include "client/select.h"

static bool run(struct client *client, struct error *error)
{
    cJSON *select = NULL;

    return select_of_arguments(client, "last", &select, error) &&
           wait_run(client, &select, arguments_number(&client->arguments, "timeout", -1), error);
}

static const struct command_option options[] = {
    {.name = "timeout",
     .letter = 't',
     .type = OPTION_DURATION,
     .value = "TIME",
     .help = "Give up after so long, with exit status 124; the experiments go on."},
    COMMAND_OPTION_STATE,
    COMMAND_OPTION_JSON,
    {.name = "quiet", .letter = 'q', .help = "Draw no progress, even on a terminal."},
    {0},
};

const struct command command_wait = {
    .name = "wait",
    .synopsis = "[ID]... [--timeout TIME] [--quiet] [--json]",
    .help = "Wait until experiments have ended and exit with their verdict.",
    .description =
        "Exit status 0 where all are done, 1 where one failed or was cancelled, 124 after "
        "--timeout. On a terminal it shows how far they are and the time left. It outlives a "
        "daemon that is replaced, and starts one where its own was killed.\n\n" SELECT_HELP
        " Without any: the last submission.",
    .options = options,
    .takes = ARGUMENT_IDS,
    .max_arguments = -1,
    .run = run,
};
