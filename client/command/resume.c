/* nj resume: lets paused runs go on. */
#include "client/change.h"
#include "client/select.h"

static bool run(struct client *client, struct error *error)
{
    return change_run(client, "resume", "resumed", error);
}

const struct command command_resume = {
    .name = "resume",
    .synopsis = "ID... [--state STATES] [--json|--parsable]",
    .help = "Let paused experiments go on.",
    .description = "They go on where nj pause has stopped them.\n\n" SELECT_HELP,
    .options = change_options,
    .takes = ARGUMENT_IDS,
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run,
};
